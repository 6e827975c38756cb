"""What a variant of a model may lose, and whether it has lost more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sightline.evaluation.agreement import AgreementScores
from sightline.evaluation.classification import AttributeScores, ValueScores
from sightline.evaluation.detection import DetectionScores
from sightline.evaluation.retrieval import VectorAgreement

FEWEST_OBJECTS = 20
"""A class of fewer objects is not judged: one object more or less would be more than the limit."""

_MOST_NAMED = 3


@dataclass(frozen=True)
class LossLimits:
    """What may be lost at most.

    ``map_drop`` and ``class_drop`` are differences in mAP and in a class's AP against labels; of a
    classifier, in accuracy and in the share of a class's pictures that are named so. Without labels,
    ``agreement`` is the least mAP@50 against what the original is sure of (of a classifier the least
    share of its sure names, of an embedder the least mean cosine and share of nearest pictures), and no
    class's may be lower than 1 - 2 × ``class_drop``.
    """

    map_drop: float = 0.01
    class_drop: float = 0.05
    agreement: float = 0.97


@dataclass(frozen=True)
class Verdict:
    """How much of the original's accuracy a variant has kept, and why it is refused where it is.

    ``kept`` is the share of its mAP, or the agreement with it; ``reason`` is empty where the
    variant may be used; ``unjudged`` are classes with too few objects to tell.
    """

    kept: float
    reason: str = ""
    unjudged: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether nothing speaks against the variant."""
        return not self.reason


def judge_scores(found: DetectionScores, original: DetectionScores, limits: LossLimits) -> Verdict:
    """Whether a variant's scores against labels are near enough to the original's."""
    counts = {name: scores.count for name, scores in original.per_class.items()}
    drops = {
        name: (original.per_class[name].ap, found.per_class[name].ap)
        for name, count in counts.items()
        if count >= FEWEST_OBJECTS
    }
    too_much = {
        name: (before, after)
        for name, (before, after) in drops.items()
        if before - after > limits.class_drop
    }
    drop = original.map - found.map
    kept = found.map / original.map if original.map else 0.0
    reasons = []
    if not drop <= limits.map_drop:
        reasons.append(
            f"mAP falls from {original.map:.3f} to {found.map:.3f}, and may fall by {limits.map_drop:g}"
        )
    if too_much:
        reasons.append(_of_classes("AP", too_much, f"may fall by {limits.class_drop:g}"))
    return Verdict(kept, "; ".join(reasons), _few(counts))


def judge_agreement(scores: AgreementScores, limits: LossLimits) -> Verdict:
    """Whether a variant finds what the original is sure of.

    The agreement is the mean over the classes that can be judged; where none can, over all.
    """
    counts = {name: own.count for name, own in scores.per_class.items()}
    judged = [name for name, count in counts.items() if count >= FEWEST_OBJECTS]
    least = 1 - 2 * limits.class_drop
    agreed = {name: scores.per_class[name].ap50 for name in judged}
    kept = sum(agreed.values()) / len(agreed) if agreed else scores.map50
    too_low = {name: (1.0, ap50) for name, ap50 in agreed.items() if not ap50 >= least}
    reasons = []
    if not kept >= limits.agreement:
        reasons.append(
            f"it agrees with the original by {kept:.3f} (mAP@50), and {limits.agreement:g} is wanted"
        )
    if too_low:
        reasons.append(_of_classes("agreement", too_low, f"{least:g} is wanted"))
    return Verdict(kept, "; ".join(reasons), _few(counts))


def judge_names(
    found: Mapping[str, AttributeScores],
    original: Mapping[str, AttributeScores],
    limits: LossLimits,
) -> Verdict:
    """Whether a classifier's variant names labelled pictures nearly as well as the original.

    Both are by attribute. What is kept is that of the attribute that has lost most.
    """
    told = {name: scores for name, scores in original.items() if scores.count}
    counts = _value_counts(told)
    before, after = _recalls(told), _recalls({name: found[name] for name in told})
    reasons = []
    for name, scores in told.items():
        if not scores.accuracy - found[name].accuracy <= limits.map_drop:
            reasons.append(
                f"accuracy{_of_attribute(name, told)} falls from {scores.accuracy:.3f} to "
                f"{found[name].accuracy:.3f}, and may fall by {limits.map_drop:g}"
            )
    too_much = {
        name: (before[name], after[name])
        for name, count in counts.items()
        if count >= FEWEST_OBJECTS and before[name] - after[name] > limits.class_drop
    }
    if too_much:
        reasons.append(_of_classes("accuracy", too_much, f"may fall by {limits.class_drop:g}"))
    kept = min(
        found[name].accuracy / one.accuracy if one.accuracy else 0.0 for name, one in told.items()
    )
    return Verdict(kept, "; ".join(reasons), _few(counts))


def judge_sure_names(
    scores: Mapping[str, AttributeScores], shifts: Mapping[str, float], limits: LossLimits
) -> Verdict:
    """Whether a classifier's variant names what the original is sure of, and is as sure.

    Args:
        scores: of each attribute, with the original's sure values as what is right.
        shifts: how much more probable the variant holds these values, on average.
        limits: what may be lost.
    """
    told = {name: one for name, one in scores.items() if one.count}
    counts, agreed = _value_counts(told), _recalls(told)
    least = 1 - 2 * limits.class_drop
    reasons = []
    for name, one in told.items():
        of_attribute = _of_attribute(name, told)
        if not one.accuracy >= limits.agreement:
            reasons.append(
                f"it names{of_attribute} as the original by {one.accuracy:.3f}, and {limits.agreement:g} "
                "is wanted"
            )
        if not shifts[name] >= -limits.class_drop:
            reasons.append(
                f"the mean probability of the original's sure names{of_attribute} falls by "
                f"{-shifts[name]:.3f}, and may fall by {limits.class_drop:g}"
            )
    too_low = {
        name: (1.0, agreed[name])
        for name, count in counts.items()
        if count >= FEWEST_OBJECTS and not agreed[name] >= least
    }
    if too_low:
        reasons.append(_of_classes("agreement", too_low, f"{least:g} is wanted"))
    return Verdict(min(one.accuracy for one in told.values()), "; ".join(reasons), _few(counts))


def judge_vectors(agreement: VectorAgreement, limits: LossLimits) -> Verdict:
    """Whether an embedder's variant makes the original's vectors, and finds the same neighbours by them.

    What is kept is the lower of the mean cosine and the share of nearest pictures.
    """
    least = 1 - 2 * limits.class_drop
    reasons = []
    if not agreement.nearest >= limits.agreement:
        reasons.append(
            f"the nearest picture is as near as the original's for {agreement.nearest:.3f} of the pictures, "
            f"and {limits.agreement:g} is wanted"
        )
    if not agreement.cosine >= limits.agreement:
        reasons.append(
            f"the mean cosine to the original's vectors is {agreement.cosine:.3f}, and {limits.agreement:g} "
            "is wanted"
        )
    if not agreement.low >= least:
        reasons.append(
            f"one in twenty vectors has a cosine below {agreement.low:.3f}, and {least:g} is wanted"
        )
    return Verdict(min(agreement.cosine, agreement.nearest), "; ".join(reasons))


def judge_retrieval(found: float, original: float, limits: LossLimits) -> Verdict:
    """Whether the mean average precision of finding others of an identity is near enough to the original's."""
    reason = ""
    if not original - found <= limits.map_drop:
        reason = (
            f"the mAP of finding others of an identity falls from {original:.3f} to {found:.3f}, and may fall "
            f"by {limits.map_drop:g}"
        )
    return Verdict(found / original if original else 0.0, reason)


def _of_attribute(name: str, among: Mapping[str, AttributeScores]) -> str:
    return f" of {name}" if len(among) > 1 else ""


def _by_value(scores: Mapping[str, AttributeScores]) -> dict[str, ValueScores]:
    """All attributes' values by name, with the attribute's where there are several."""
    return {
        (f"{attribute} {value}" if len(scores) > 1 else value): own
        for attribute, one in scores.items()
        for value, own in one.per_value.items()
    }


def _value_counts(scores: Mapping[str, AttributeScores]) -> dict[str, int]:
    return {name: own.count for name, own in _by_value(scores).items()}


def _recalls(scores: Mapping[str, AttributeScores]) -> dict[str, float]:
    return {name: own.recall for name, own in _by_value(scores).items()}


def _of_classes(what: str, classes: Mapping[str, tuple[float, float]], limit: str) -> str:
    worst = sorted(classes, key=lambda name: classes[name][1] - classes[name][0])
    named = ", ".join(
        f"{name} from {classes[name][0]:.3f} to {_shown(classes[name][1])}"
        for name in worst[:_MOST_NAMED]
    )
    more = f" and {len(worst) - _MOST_NAMED} more" if len(worst) > _MOST_NAMED else ""
    return f"{what} of class {named}{more}; {limit}"


def _shown(value: float) -> str:
    return "nothing" if math.isnan(value) else f"{value:.3f}"


def _few(counts: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(name for name, count in counts.items() if 0 < count < FEWEST_OBJECTS)
