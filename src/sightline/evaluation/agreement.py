"""How well two models agree on the same footage. Needs no labels.

What the reference is confident of stands for the truth. Works on objects in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sightline.evaluation.comparison import Reals, overlaps, real_boxes
from sightline.evaluation.detection import score_detections
from sightline.types import Detections

THRESHOLD = 0.5
"""The overlap (IoU) from which two objects of a class are the same object."""


@dataclass(frozen=True)
class ClassAgreement:
    """Agreement on one class; NaN where the reference is confident of no object of it.

    ``ap`` and ``ap50`` are COCO's average precision against the reference's confident objects.
    ``recall`` is the share of these that the model found with a score that counts.
    ``score_shift`` is how much higher the model's score of the same object is, on average.
    ``count`` is the number of confident objects.
    """

    ap: float
    ap50: float
    recall: float
    score_shift: float
    count: int


@dataclass(frozen=True)
class AgreementScores:
    """Agreement of a model with its reference.

    ``map`` and ``map50`` are means over classes; ``recall``, ``score_shift`` and ``count`` are
    over all objects. See ``ClassAgreement`` for what they mean. ``notes`` say what was left out.
    """

    map: float
    map50: float
    recall: float
    score_shift: float
    count: int
    per_class: Mapping[str, ClassAgreement]
    notes: tuple[str, ...] = ()


def score_agreement(
    found: Sequence[Detections],
    reference: Sequence[Detections],
    class_names: Sequence[str],
    *,
    confident: float = 0.5,
    conf: float = 0.25,
) -> AgreementScores:
    """Compare a model with a reference on the same pictures.

    Args:
        found: the model's objects in each picture, down to very low scores, so that the curve
            of precision is whole.
        reference: the reference's objects in the same pictures.
        class_names: class ids are places in it on both sides.
        confident: the score from which an object of the reference stands for the truth.
        conf: the score from which an object of the model counts as found.

    Raises:
        ConfigError, ValueError: see ``score_detections``.
    """
    truth = [objects[objects.scores >= confident] for objects in reference]
    detection = score_detections(truth, found, class_names)
    classes, own, theirs = _matches(truth, found)

    def tell(which: np.ndarray) -> tuple[float, float, int]:
        matched = which & ~np.isnan(own)
        count = int(which.sum())
        return (
            float((own[matched] >= conf).sum() / count) if count else float("nan"),
            float((own - theirs)[matched].mean()) if matched.any() else float("nan"),
            count,
        )

    per_class = {
        name: ClassAgreement(scores.ap, scores.ap50, *tell(classes == class_id))
        for class_id, (name, scores) in enumerate(detection.per_class.items())
    }
    everything = tell(np.ones(len(classes), np.bool_))
    return AgreementScores(detection.map, detection.map50, *everything, per_class)


def _matches(
    truth: Sequence[Detections], found: Sequence[Detections]
) -> tuple[np.ndarray, Reals, Reals]:
    """For every true object, its class, the score of its match (NaN: none) and its own score."""
    own: list[Reals] = [np.empty(0)]
    for true, objects in zip(truth, found, strict=True):
        near = overlaps(real_boxes(true), real_boxes(objects))
        near[true.class_ids[:, None] != objects.class_ids[None, :]] = 0
        own.append(matched_scores(near, objects.scores.astype(np.float64)))
    classes = np.concatenate([np.empty(0, np.int64), *(t.class_ids for t in truth)])
    theirs = np.concatenate([np.empty(0), *(t.scores for t in truth)]).astype(np.float64)
    return classes, np.concatenate(own), theirs


def matched_scores(near: Reals, scores: Reals) -> Reals:
    """For each row the score of the column that is matched with it.

    As in COCO's matching, the column with the highest score chooses first, and takes the row that
    overlaps most of those that are left.
    """
    matched = np.full(len(near), np.nan)
    if not near.size:
        return matched
    candidates = np.flatnonzero((near >= THRESHOLD).any(axis=0))
    for column in candidates[np.argsort(-scores[candidates], kind="stable")]:
        open_rows = np.where(np.isnan(matched), near[:, column], 0)
        row = int(open_rows.argmax())
        if open_rows[row] >= THRESHOLD:
            matched[row] = scores[column]
    return matched
