"""How well two models agree on the same footage. Needs no labels.

What the reference is confident of stands for the truth. Works on objects in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from sightline.evaluation.comparison import Reals, overlaps, real_boxes
from sightline.evaluation.detection import score_detections
from sightline.evaluation.shape_agreement import SHAPES, ShapeLikeness, shape_likeness
from sightline.types import Detections, Ints, Mask

THRESHOLD = 0.5
"""The overlap (IoU) from which two objects of a class are the same object."""


@dataclass(frozen=True)
class ClassAgreement:
    """Agreement on one class; NaN where the reference is confident of no object of it.

    ``ap`` and ``ap50`` are COCO's average precision against the reference's confident objects.
    ``recall`` is the share of these that the model found with a score that counts.
    ``score_shift`` is how much higher the model's score of the same object is, on average.
    ``count`` is the number of confident objects. ``mask_iou``, ``turned_iou`` and ``keypoint_oks`` are
    how much alike the masks, turned boxes and keypoints of the same objects are, on average; NaN where
    the models do not tell them.
    """

    ap: float
    ap50: float
    recall: float
    score_shift: float
    count: int
    mask_iou: float = math.nan
    turned_iou: float = math.nan
    keypoint_oks: float = math.nan


@dataclass(frozen=True)
class AgreementScores:
    """Agreement of a model with its reference.

    ``map`` and ``map50`` are means over classes; all others are over all objects. See
    ``ClassAgreement`` for what they mean. ``notes`` say what was left out.
    """

    map: float
    map50: float
    recall: float
    score_shift: float
    count: int
    per_class: Mapping[str, ClassAgreement]
    notes: tuple[str, ...] = ()
    mask_iou: float = math.nan
    turned_iou: float = math.nan
    keypoint_oks: float = math.nan

    @property
    def shapes(self) -> dict[str, float]:
        """The figures of masks, turned boxes and keypoints that are known; see ``SHAPES``."""
        told = {name: getattr(self, name) for name in SHAPES}
        return {name: value for name, value in told.items() if not math.isnan(value)}


def score_agreement(
    found: Iterable[Detections],
    reference: Sequence[Detections],
    class_names: Sequence[str],
    *,
    confident: float = 0.5,
    conf: float = 0.25,
) -> AgreementScores:
    """Compare a model with a reference on the same pictures.

    Args:
        found: the model's objects in each picture, down to very low scores, so that the curve
            of precision is whole. Masks are looked at picture by picture, and not kept.
        reference: the reference's objects in the same pictures.
        class_names: class ids are places in it on both sides; those behind it are called by their number.
        confident: the score from which an object of the reference stands for the truth.
        conf: the score from which an object of the model counts as found.

    Raises:
        ConfigError, ValueError: see ``score_detections`` and ``shape_likeness``.
    """
    truth = [objects[objects.scores >= confident] for objects in reference]
    boxes: list[Detections] = []
    compared = [_compared(Detections.empty(), Detections.empty())]
    for true, objects in zip(truth, found, strict=True):
        compared.append(_compared(true, objects))
        boxes.append(replace(objects, masks=None))
    detection = score_detections(truth, boxes, _all_names(class_names, [*truth, *boxes]))
    classes, own, theirs = (np.concatenate(parts) for parts in zip(*(c[:3] for c in compared), strict=True))  # fmt: skip
    shapes = {name: np.concatenate([c.likeness[name] for c in compared]) for name in SHAPES}

    tell = partial(_told, own, theirs, shapes, conf)
    per_class = {
        name: ClassAgreement(
            ap=scores.ap,
            ap50=scores.ap50,
            count=int((classes == class_id).sum()),
            **tell(classes == class_id),
        )
        for class_id, (name, scores) in enumerate(detection.per_class.items())
    }
    whole = tell(np.ones(len(classes), np.bool_))
    return AgreementScores(
        map=detection.map, map50=detection.map50, count=len(classes), per_class=per_class, **whole  # type: ignore[arg-type]  # its keys are those of floats
    )  # fmt: skip


def _told(
    own: Reals, theirs: Reals, shapes: Mapping[str, Reals], conf: float, which: Mask
) -> dict[str, float]:
    """What is said of some of the reference's objects, from the scores that the model and the reference gave them."""
    count = int(which.sum())
    return {
        "recall": float((own[which] >= conf).sum() / count) if count else math.nan,
        "score_shift": _mean((own - theirs)[which]),
        **{name: _mean(values[which]) for name, values in shapes.items()},
    }


def _all_names(names: Sequence[str], found: Sequence[Detections]) -> list[str]:
    """A name for each class that was found; a model need not name its classes."""
    most = max((int(one.class_ids.max(initial=-1)) + 1 for one in found), default=0)
    return [*names, *(str(number) for number in range(len(names), most))]


class _ComparedPicture(NamedTuple):
    """For every true object of a picture its class, the score of its match (NaN: none), its own score, and how
    much alike the shapes of both are."""

    classes: Ints
    own: Reals
    theirs: Reals
    likeness: ShapeLikeness


def _compared(truth: Detections, found: Detections) -> _ComparedPicture:
    near = overlaps(real_boxes(truth), real_boxes(found))
    near[truth.class_ids[:, None] != found.class_ids[None, :]] = 0
    columns = matched_columns(near, found.scores.astype(np.float64))
    rows = np.flatnonzero(columns >= 0)
    own = np.full(len(truth), np.nan)
    own[rows] = found.scores[columns[rows]]
    likeness = {name: np.full(len(truth), np.nan) for name in SHAPES}
    for name, values in shape_likeness(truth[rows], found[columns[rows]]).items():
        likeness[name][rows] = values
    return _ComparedPicture(truth.class_ids, own, truth.scores.astype(np.float64), likeness)


def matched_columns(near: Reals, scores: Reals) -> Ints:
    """For each row the column that is matched with it, -1: none.

    As in COCO's matching, the column with the highest score chooses first, and takes the row that
    overlaps most of those that are left.
    """
    matched = np.full(len(near), -1, np.int64)
    if not near.size:
        return matched
    candidates = np.flatnonzero((near >= THRESHOLD).any(axis=0))
    for column in candidates[np.argsort(-scores[candidates], kind="stable")]:
        open_rows = np.where(matched < 0, near[:, column], 0)
        row = int(open_rows.argmax())
        if open_rows[row] >= THRESHOLD:
            matched[row] = column
    return matched


def _mean(values: Reals) -> float:
    """The mean of those that are known; NaN: none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan
