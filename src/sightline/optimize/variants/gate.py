"""What a variant of a model may lose, and whether it has lost more."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sightline.evaluation.agreement import AgreementScores
from sightline.evaluation.classification import AttributeScores, ValueScores
from sightline.evaluation.detection import DetectionScores
from sightline.evaluation.retrieval import VectorAgreement
from sightline.evaluation.shape_agreement import SHAPES

FEWEST_OBJECTS = 20
"""A class of fewer objects is not judged: one object more or less would be more than the limit."""

_MOST_NAMED = 3


@dataclass(frozen=True)
class LossLimits:
    """What may be lost at most.

    ``map_drop`` and ``class_drop`` are differences in mAP and in a class's AP against labels, of boxes and of
    masks and keypoints each by itself; of a classifier, in accuracy and in the share of a class's pictures
    that are named so. Without labels, ``agreement`` is the least mAP@50 against what the original is sure of
    (of a classifier the least share of its sure names, of an embedder the least mean cosine and share of
    nearest pictures), and no class's may be lower than 1 - 2 × ``class_drop``; nor may the mean overlap of
    masks or turned boxes, or the mean OKS of keypoints, with those of the original.
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

    def joined(self, other: Verdict) -> Verdict:
        """Both verdicts as one: the lower share, and the reasons of both."""
        return Verdict(
            min(self.kept, other.kept),
            "; ".join(filter(None, (self.reason, other.reason))),
            tuple(dict.fromkeys((*self.unjudged, *other.unjudged))),
        )


_OF_LABELS = (("", "map", "ap"), ("mask ", "mask_map", "mask_ap"), ("keypoint ", "keypoint_map", "keypoint_ap"))  # fmt: skip
"""What is scored against labels, and the fields of its scores; those that the original lacks are not judged."""


def judge_scores(found: DetectionScores, original: DetectionScores, limits: LossLimits) -> Verdict:
    """Whether a variant's scores against labels are near enough to the original's."""
    counts = {name: scores.count for name, scores in original.per_class.items()}
    reasons, kept = [], []
    for what, field, of_class in _OF_LABELS:
        before, after = getattr(original, field), getattr(found, field)
        if field != "map" and math.isnan(before):
            continue
        kept.append(after / before if before and not math.isnan(after) else 0.0)
        if not before - after <= limits.map_drop:
            reasons.append(
                f"{what}mAP falls from {before:.3f} to {_shown(after)}, and may fall by {limits.map_drop:g}"
            )
        aps = {
            name: (getattr(original.per_class[name], of_class), getattr(own, of_class))
            for name, own in found.per_class.items()
            if counts[name] >= FEWEST_OBJECTS
        }
        too_much = {
            name: (had, has)
            for name, (had, has) in aps.items()
            if not math.isnan(had) and not had - has <= limits.class_drop
        }
        if too_much:
            reasons.append(_of_classes(f"{what}AP", too_much, f"may fall by {limits.class_drop:g}"))
    return Verdict(min(kept, default=0.0), "; ".join(reasons), _few(counts))


def judge_agreement(scores: AgreementScores, limits: LossLimits) -> Verdict:
    """Whether a variant finds what the original is sure of, with the same shapes.

    The agreement is the mean over the classes that can be judged; where none can, over all. What is
    kept is the lowest of it and of the figures of ``judge_shapes``.
    """
    counts = _object_counts(scores)
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
    boxes = Verdict(kept, "; ".join(reasons), _few(counts))
    return boxes.joined(judge_shapes(scores, limits))


def judge_shapes(
    scores: AgreementScores, limits: LossLimits, shapes: Collection[str] = tuple(SHAPES)
) -> Verdict:
    """Whether masks, turned boxes and keypoints of the objects that both found are the original's.

    Args:
        shapes: those figures of ``SHAPES`` that count.
    """
    least = 1 - 2 * limits.class_drop
    told = {name: value for name, value in scores.shapes.items() if name in shapes}
    reasons = []
    for name, value in told.items():
        measure = "OKS" if name == "keypoint_oks" else "IoU"
        if not value >= least:
            reasons.append(
                f"its {SHAPES[name]} are those of the original by {value:.3f} (mean {measure}), and {least:g} is "
                "wanted"
            )
        too_low = {
            class_name: (1.0, getattr(own, name))
            for class_name, own in scores.per_class.items()
            if own.count >= FEWEST_OBJECTS and getattr(own, name) < least
        }
        if too_low:
            reasons.append(
                _of_classes(f"{measure} of {SHAPES[name]}", too_low, f"{least:g} is wanted")
            )
    kept = min(told.values(), default=1.0)
    return Verdict(kept, "; ".join(reasons), _few(_object_counts(scores)))


def _object_counts(scores: AgreementScores) -> dict[str, int]:
    return {name: own.count for name, own in scores.per_class.items()}


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
