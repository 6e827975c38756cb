"""What speaks for and against each detection, where nobody has labels.

Three things: its score, whether objects of its class are at its place in the frames before and after, and whether
a larger model, the reference, finds it too. What only the reference finds may have been missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    """What is known of the N detections of some frames, and of the M objects that only the reference has found.

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
    """The evidence of frames in their order, for each detection alone: from scores, sizes and the frames around.

    Args:
        seen: the frames.
        still: they are pictures that have nothing to do with one another.
    """
    alone = [SeenFrame(frame.found) for frame in seen]
    return joined_evidence(list(_of_each(alone, still=still)))


def evidence_with_reference(seen: Sequence[SeenFrame], *, still: bool = False) -> DetectionEvidence:
    """The evidence of the frames that the reference has looked at: see ``evidence``."""
    each = zip(seen, _of_each(seen, still=still), strict=True)
    return joined_evidence([of for frame, of in each if frame.reference is not None], referred=True)


def frame_evidence(
    frame: SeenFrame, before: Detections | None = None, after: Detections | None = None
) -> DetectionEvidence:
    """The evidence of one frame, with what the reference says where it has looked.

    Args:
        frame: what was found in it.
        before, after: what the model found in the frames around it; None: there is none.
    """
    nothing = Detections.empty()
    kept = frame.found.scores >= LEAST_SCORE
    own = frame.found[kept]
    around = [
        nothing if other is None else other[other.scores >= LEAST_SCORE]
        for other in (before, after)
    ]
    features = _features(own, *around)
    if frame.reference is None:
        return DetectionEvidence(
            1, own.class_ids, own.scores.astype(np.float64), features, (kept,),
            np.empty(0, np.int64), np.empty((0, MISSED)), (),
        )  # fmt: skip
    sure = frame.reference.scores >= LEAST_SCORE
    theirs = frame.reference[sure]
    near = _near(own, theirs)
    same = near >= THRESHOLD
    agreed = np.where(same, theirs.scores[None], 0.0).max(axis=1, initial=0.0)
    said = np.stack([agreed, _logit(agreed, 0.01), near.max(axis=1, initial=0.0)], axis=1)
    new = np.asarray(~same.any(axis=0), np.bool_)
    only = theirs[new]
    missed = np.zeros(len(sure), np.bool_)
    missed[np.flatnonzero(sure)[new]] = True
    return DetectionEvidence(
        1, own.class_ids, own.scores.astype(np.float64), np.hstack([features, said]), (kept,),
        only.class_ids, np.stack([np.ones(len(only)), _logit(only.scores), _size(only)], axis=1), (missed,),
    )  # fmt: skip


def joined_evidence(
    parts: Sequence[DetectionEvidence], *, referred: bool = False
) -> DetectionEvidence:
    """The evidence of all frames of several parts, which are all ``referred`` to a reference or all not."""
    columns = WITH_REFERENCE if referred else ALONE
    return DetectionEvidence(
        sum(part.frames for part in parts),
        np.concatenate([np.empty(0, np.int64), *(part.classes for part in parts)]),
        np.concatenate([np.empty(0), *(part.scores for part in parts)]),
        np.concatenate([np.empty((0, columns)), *(part.features for part in parts)]),
        tuple(mask for part in parts for mask in part.kept),
        np.concatenate([np.empty(0, np.int64), *(part.missed_classes for part in parts)]),
        np.concatenate([np.empty((0, MISSED)), *(part.missed_features for part in parts)]),
        tuple(mask for part in parts for mask in part.missed),
    )


def _of_each(seen: Sequence[SeenFrame], *, still: bool) -> Iterator[DetectionEvidence]:
    for number, frame in enumerate(seen):
        before = seen[number - 1].found if number and not still else None
        after = seen[number + 1].found if number + 1 < len(seen) and not still else None
        yield frame_evidence(frame, before, after)


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
