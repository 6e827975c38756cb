"""The mAP of a model on frames without labels, estimated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sightline.evaluation.comparison import Reals
from sightline.evaluation.estimation.calibration import AccuracyCalibration, Weights
from sightline.evaluation.estimation.evidence import (
    ALONE,
    DetectionEvidence,
    SeenFrame,
    evidence,
    evidence_with_reference,
)
from sightline.evaluation.estimation.expected import expected_average_precision
from sightline.evaluation.estimation.logistic import predict_share

_LEAST_OBJECTS = 2.0
"""A class of which fewer objects are to be expected in all frames is taken for absent."""
_LIKELY = 0.3
"""A class is there where at least one of its detections is as likely as that to be right."""
UNCALIBRATED = 0.25
"""How far an estimate without calibration may be off."""


@dataclass(frozen=True)
class ClassEstimate:
    """The estimate of one class: its AP at an overlap of 0.5, and the expected number of its objects in the frames."""

    ap50: float
    objects: float


@dataclass(frozen=True)
class AccuracyEstimate:
    """What ``map50`` of ``DetectionScores`` would be, were there labels; NaN where nothing is likely to be there.

    Attributes:
        map50: the estimate, 0 to 1.
        low, high: between these it lies in nine of ten cases, as far as the calibration knows such cases.
        per_class: by name, of classes that are there.
        frames: how many were judged.
        notes: what would make it better, in sentences.
    """

    map50: float
    low: float
    high: float
    per_class: Mapping[str, ClassEstimate]
    frames: int
    notes: tuple[str, ...] = ()


def estimate_accuracy(
    seen: Sequence[SeenFrame],
    class_names: Sequence[str],
    calibration: AccuracyCalibration | None = None,
    *,
    still: bool = False,
) -> AccuracyEstimate:
    """Estimate the mAP at an overlap of 0.5 that a model reaches on frames.

    Args:
        seen: what the model found in each, down to low scores, and the reference in some.
        class_names: class ids of both sides are places in it.
        calibration: what was learnt where there were labels; None: scores are taken for probabilities.
        still: the frames are pictures that have nothing to do with one another.
    """
    referred = any(frame.reference is not None for frame in seen)
    of_both = referred and uses_reference(calibration)
    found = (evidence_with_reference if of_both else evidence)(seen, still=still)
    return accuracy_of(found, class_names, calibration, referred=referred)


def uses_reference(calibration: AccuracyCalibration | None) -> bool:
    """Whether what a reference finds counts."""
    return calibration is None or calibration.referred is not None


def accuracy_of(
    found: DetectionEvidence,
    class_names: Sequence[str],
    calibration: AccuracyCalibration | None = None,
    *,
    referred: bool,
) -> AccuracyEstimate:
    """What evidence comes to: see ``estimate_accuracy``.

    Args:
        found: with what the reference says, where one has looked and what it finds counts.
        class_names, calibration: as there.
        referred: a reference has looked.
    """
    notes = tuple(_lacks(calibration, referred=referred))
    weights = None if calibration is None else calibration.alone
    if referred and calibration is not None and calibration.referred is not None:
        weights = calibration.referred
    per_class = classes_expected(found, class_names, weights)
    raw = _mean(per_class)
    if weights is None:
        spread = UNCALIBRATED
        estimate = raw
    else:
        spread, estimate = weights.spread, weights.corrected(raw)
    low, high = max(0.0, estimate - spread), min(1.0, estimate + spread)
    return AccuracyEstimate(estimate, low, high, per_class, found.frames, notes)


def classes_expected(
    found: DetectionEvidence, class_names: Sequence[str], weights: Weights | None
) -> dict[str, ClassEstimate]:
    """AP and number of objects of each class that is likely to be there, before any correction."""
    right, missed, unseen = _probabilities(found, weights)
    told = {}
    for number, name in enumerate(class_names):
        own = found.classes == number
        shares = right[own]
        objects = float(shares.sum() + missed[found.missed_classes == number].sum()) * unseen
        if objects >= _LEAST_OBJECTS and len(shares) and shares.max() > _LIKELY:
            ap50 = expected_average_precision(shares, found.scores[own], objects)
            told[name] = ClassEstimate(ap50, objects)
    return told


def _probabilities(found: DetectionEvidence, weights: Weights | None) -> tuple[Reals, Reals, float]:
    """How likely each detection, and each object of the reference alone, is right; objects over those found."""
    if weights is not None:
        nothing = np.empty(0)
        missed = weights.missed
        theirs = nothing if missed is None else predict_share(found.missed_features, missed)
        return predict_share(found.features, weights.right), theirs, weights.unseen
    scores = found.scores
    if found.features.shape[1] > ALONE:
        # What the reference says counts as much as what the model says.
        scores = (scores + found.features[:, ALONE]) / 2
    theirs = (
        1 / (1 + np.exp(-found.missed_features[:, 1])) if len(found.missed_classes) else np.empty(0)
    )
    return scores, theirs, 1.0


def mean_of_classes(
    found: DetectionEvidence, class_names: Sequence[str], weights: Weights | None
) -> float:
    """The expected mAP, before any correction; NaN where no class is there."""
    return _mean(classes_expected(found, class_names, weights))


def _mean(per_class: Mapping[str, ClassEstimate]) -> float:
    return float(np.mean([one.ap50 for one in per_class.values()])) if per_class else math.nan


def _lacks(calibration: AccuracyCalibration | None, *, referred: bool) -> Iterator[str]:
    if calibration is None:
        yield (
            "no calibration: scores are taken for probabilities. Learn one with `sightline evaluate calibrate` on "
            "labelled pictures"
        )
    if not referred:
        yield (
            "no larger model has looked: what this one misses in all frames is only known from the calibration. "
            "Give a better one as reference"
        )
    elif calibration is not None and calibration.referred is None:
        yield (
            "the calibration was learnt without a reference, so what the reference finds does not count. Learn it "
            "again with the reference"
        )
