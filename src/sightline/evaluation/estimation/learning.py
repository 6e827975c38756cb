"""Learns a calibration from footage with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.comparison import Reals
from sightline.evaluation.estimation.accuracy import mean_of_classes
from sightline.evaluation.estimation.calibration import AccuracyCalibration, Weights
from sightline.evaluation.estimation.evidence import (
    DetectionEvidence,
    SeenFrame,
    evidence,
    evidence_with_reference,
)
from sightline.evaluation.estimation.logistic import fit_logistic
from sightline.evaluation.estimation.outcomes import RIGHT, UNCOUNTED, outcomes
from sightline.types import Detections, Mask

FEWEST_DETECTIONS = 100
"""With fewer detections nothing can be learnt."""
_PARTS = 5
"""Conditions are judged by what was learnt of the others, a part after the other."""
_NINE_OF_TEN = 0.9
_FEW = 6
"""With fewer conditions the estimate is not corrected, and its spread is a guess."""
_FEW_SPREAD = 0.2
_HELD_TO_ONE = 2.0
"""How many conditions' worth of doubt there is that the correction's slope is other than 1."""
_SPREADING = 0.01


@dataclass(frozen=True, eq=False)
class LabelledFootage:
    """One condition: frames, what is true in them, and the mAP@0.5 that the model reached.

    Args:
        seen: what was found, class ids as in the truth.
        truth: of each frame.
        uncounted: of each frame, (objects,) bool: what may be found or not.
        map50: as ``score_detections`` says.
        still: the frames are pictures that have nothing to do with one another.
        interval_s: seconds from one frame to the next; None: they are pictures, or nobody knows.
    """

    seen: Sequence[SeenFrame]
    truth: Sequence[Detections]
    uncounted: Sequence[Mask]
    map50: float
    still: bool = False
    interval_s: float | None = None


@dataclass(frozen=True, eq=False)
class _LabelledEvidence:
    """The evidence of a condition, and what is true of it."""

    found: DetectionEvidence
    right: np.ndarray
    missed_right: np.ndarray
    objects: int
    map50: float


def learn_calibration(
    conditions: Sequence[LabelledFootage],
    class_names: Sequence[str],
    model: str,
    reference: str | None = None,
) -> AccuracyCalibration:
    """Learn what scores, neighbours in time and the reference tell of this model.

    Args:
        conditions: footage with labels, the more different the better: its spread is that of the estimates.
        class_names: class ids are places in it.
        model, reference: for the file: see ``AccuracyCalibration``.

    Raises:
        ConfigError: there are too few detections.
    """
    alone = _learn([_labelled(one, referred=False) for one in conditions], class_names)
    referred = None
    if reference is not None:
        referred = _learn([_labelled(one, referred=True) for one in conditions], class_names)
    known = [one.interval_s for one in conditions if one.interval_s is not None]
    interval = float(np.median(known)) if known else None
    return AccuracyCalibration(model, reference, len(conditions), alone, referred, interval)


def _learn(labelled: Sequence[_LabelledEvidence], class_names: Sequence[str]) -> Weights:
    weights = _weights(labelled)
    if len(labelled) < _FEW:
        return replace(weights, spread=_FEW_SPREAD)
    parts = np.arange(len(labelled)) % min(_PARTS, len(labelled))
    true = np.array([one.map50 for one in labelled])
    expected = np.full(len(labelled), np.nan)
    for part in np.unique(parts).tolist():
        of_others = _weights([one for one, own in zip(labelled, parts, strict=True) if own != part])
        for number in np.flatnonzero(parts == part).tolist():
            expected[number] = mean_of_classes(labelled[number].found, class_names, of_others)
    known = ~(np.isnan(expected) | np.isnan(true))
    if known.sum() < _FEW:
        return replace(weights, spread=_FEW_SPREAD)
    offset, slope = _line(expected[known], true[known])
    off = np.abs(offset + slope * expected[known] - true[known])
    return replace(
        weights,
        offset=offset,
        slope=slope,
        spread=float(np.quantile(off, _NINE_OF_TEN)) + _SPREADING,
    )


def _line(expected: Reals, true: Reals) -> tuple[float, float]:
    """Offset and slope of the straight line through them, the slope near 1 where there is little to tell it."""
    away = expected - expected.mean()
    doubt = _HELD_TO_ONE * float(expected.var()) + 1e-6
    slope = (float(away @ (true - true.mean())) + doubt) / (float(away @ away) + doubt)
    return float(true.mean() - slope * expected.mean()), slope


def _weights(labelled: Sequence[_LabelledEvidence]) -> Weights:
    features = np.concatenate([one.found.features for one in labelled])
    right = np.concatenate([one.right for one in labelled])
    counted = right != UNCOUNTED
    if counted.sum() < FEWEST_DETECTIONS:
        raise ConfigError(
            f"{int(counted.sum())} detections are too few to learn from: {FEWEST_DETECTIONS} are needed at least"
        )
    expected = float((right == RIGHT).sum())
    missed = None
    if any(one.found.missed for one in labelled):
        theirs = np.concatenate([one.found.missed_features for one in labelled])
        found = np.concatenate([one.missed_right for one in labelled])
        missed = fit_logistic(theirs[found != UNCOUNTED], found[found != UNCOUNTED] == RIGHT)
        expected += float((found == RIGHT).sum())
    objects = sum(one.objects for one in labelled)
    own = fit_logistic(features[counted], right[counted] == RIGHT)
    return Weights(own, missed, max(1.0, objects / max(expected, 1.0)))


def _labelled(footage: LabelledFootage, *, referred: bool) -> _LabelledEvidence:
    found = (evidence_with_reference if referred else evidence)(footage.seen, still=footage.still)
    right, missed, objects = [], [], 0
    frames = zip(footage.seen, footage.truth, footage.uncounted, strict=True)
    used = [one for one in frames if not referred or one[0].reference is not None]
    for number, (seen, truth, uncounted) in enumerate(used):
        objects += int((~uncounted).sum())
        right.append(outcomes(seen.found, truth, uncounted)[found.kept[number]])
        if referred and seen.reference is not None:
            theirs = outcomes(seen.reference, truth, uncounted)
            missed.append(theirs[found.missed[number]])
    nothing = np.empty(0, np.int64)
    return _LabelledEvidence(
        found,
        np.concatenate([nothing, *right]),
        np.concatenate([nothing, *missed]),
        objects,
        footage.map50,
    )
