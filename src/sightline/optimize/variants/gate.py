"""What a variant of a model may lose, and whether it has lost more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sightline.evaluation.agreement import AgreementScores
from sightline.evaluation.detection import DetectionScores

FEWEST_OBJECTS = 20
"""A class of fewer objects is not judged: one object more or less would be more than the limit."""

_MOST_NAMED = 3


@dataclass(frozen=True)
class LossLimits:
    """What may be lost at most.

    ``map_drop`` and ``class_drop`` are differences in mAP and in a class's AP against labels.
    Without labels, ``agreement`` is the least mAP@50 against what the original is sure of, and no
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
