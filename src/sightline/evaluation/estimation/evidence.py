"""What speaks for and against each detection, where nobody has labels.

Three things: its score, whether objects of its class are at its place in the frames before and after, and whether
a larger model, the reference, finds it too. What only the reference finds may have been missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.agreement import THRESHOLD
from sightline.evaluation.comparison import Reals, overlaps, real_boxes
from sightline.types import Detections, Ints, Mask

LEAST_SCORE = 0.01
"""Detections below are left out: hardly one of them is right."""
_SIDE = 32.0
"""Pixels from which sizes are counted, in powers of two."""
ALONE, WITH_REFERENCE = 7, 10
"""Features of a detection that only the model has seen, and with what the reference says."""
MISSED = 3
"""Features of an object that only the reference has found."""


@dataclass(frozen=True, eq=False)
class SeenFrame:
    """What was found in one frame, down to low scores; ``reference`` is None where only the model has looked."""

    found: Detections
    reference: Detections | None = None


@dataclass(frozen=True, eq=False)
class DetectionEvidence:
    """Of the N detections of some frames, and of the M objects that only the reference has found.

    Attributes:
        frames: how many frames there are.
        classes, scores: (N,) of the detections.
        features: (N, F) float64.
        kept: for each frame, (objects,) bool: which detections are among the N.
        missed_classes, missed_features: (M,), (M, 3); missed: for each frame, which of the reference's objects.
    """

    frames: int
    classes: Ints
    scores: Reals
    features: Reals
    kept: tuple[Mask, ...]
    missed_classes: Ints
    missed_features: Reals
    missed: tuple[Mask, ...]


def evidence(seen: Sequence[SeenFrame], *, still: bool = False) -> DetectionEvidence:
    """Of frames in their order, each detection alone: from scores, sizes and the frames around.

    Args:
        seen: the frames.
        still: they are pictures that have nothing to do with one another.
    """
    kept = tuple(frame.found.scores >= LEAST_SCORE for frame in seen)
    found = [frame.found[mask] for frame, mask in zip(seen, kept, strict=True)]
    nothing = Detections.empty()
    rows = []
    for number, own in enumerate(found):
        before = found[number - 1] if number and not still else nothing
        after = found[number + 1] if number + 1 < len(found) and not still else nothing
        rows.append(_features(own, before, after))
    return DetectionEvidence(
        len(seen),
        _ids(found),
        _scores(found),
        _stacked(rows, ALONE),
        kept,
        np.empty(0, np.int64),
        np.empty((0, MISSED)),
        (),
    )


def evidence_with_reference(seen: Sequence[SeenFrame], *, still: bool = False) -> DetectionEvidence:
    """Of the frames that the reference has looked at: see ``evidence``."""
    alone = evidence(seen, still=still)
    starts = np.cumsum([0, *(int(mask.sum()) for mask in alone.kept)])
    rows, found, kept = [], [], []
    only_theirs, missed_rows, missed = [], [], []
    for number, frame in enumerate(seen):
        if frame.reference is None:
            continue
        own = frame.found[alone.kept[number]]
        sure = frame.reference.scores >= LEAST_SCORE
        theirs = frame.reference[sure]
        near = _near(own, theirs)
        same = near >= THRESHOLD
        agreed = np.where(same, theirs.scores[None], 0.0).max(axis=1, initial=0.0)
        said = np.stack([agreed, _logit(agreed, 0.01), near.max(axis=1, initial=0.0)], axis=1)
        rows.append(np.hstack([alone.features[starts[number] : starts[number + 1]], said]))
        found.append(own)
        kept.append(alone.kept[number])
        new = np.asarray(~same.any(axis=0), np.bool_)
        only = theirs[new]
        only_theirs.append(only)
        missed_rows.append(np.stack([np.ones(len(only)), _logit(only.scores), _size(only)], axis=1))
        of_all = np.zeros(len(sure), np.bool_)
        of_all[np.flatnonzero(sure)[new]] = True
        missed.append(of_all)
    return DetectionEvidence(
        len(kept),
        _ids(found),
        _scores(found),
        _stacked(rows, WITH_REFERENCE),
        tuple(kept),
        _ids(only_theirs),
        _stacked(missed_rows, MISSED),
        tuple(missed),
    )


def _features(own: Detections, before: Detections, after: Detections) -> Reals:
    score = _logit(own.scores)
    earlier, later = (_seen_there(own, other) for other in (before, after))
    return np.stack(
        [np.ones(len(own)), score, _size(own), score**2 / 10, earlier, later, earlier * later],
        axis=1,
    )


def _seen_there(own: Detections, other: Detections) -> Reals:
    """The best score of an object of the same class at the same place in another frame; 0: there is none."""
    near = _near(own, other) >= THRESHOLD
    best: Reals = np.where(near, other.scores[None].astype(np.float64), 0.0).max(
        axis=1, initial=0.0
    )
    return best


def _near(a: Detections, b: Detections) -> Reals:
    """IoU (N, M) of objects of the same class, 0 of others."""
    near = overlaps(real_boxes(a), real_boxes(b))
    near[a.class_ids[:, None] != b.class_ids[None]] = 0
    return near


def _size(objects: Detections) -> Reals:
    boxes = real_boxes(objects)
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0), axis=1)
    side: Reals = np.log2(np.sqrt(area) / _SIDE)
    return side


def _logit(share: NDArray[np.floating], least: float = 1e-4) -> Reals:
    clipped = np.clip(share.astype(np.float64), least, 1 - least)
    logit: Reals = np.log(clipped / (1 - clipped))
    return logit


def _ids(parts: Sequence[Detections]) -> Ints:
    return np.concatenate([np.empty(0, np.int64), *(part.class_ids for part in parts)])


def _scores(parts: Sequence[Detections]) -> Reals:
    return np.concatenate([np.empty(0), *(part.scores for part in parts)]).astype(np.float64)


def _stacked(rows: Sequence[Reals], columns: int) -> Reals:
    return np.concatenate([np.empty((0, columns)), *rows])
