"""What a tracker knows of its objects: parallel arrays, and the detections that they are joined to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.tracking import kalman, warp
from sightline.tracking.kalman import Motion
from sightline.tracking.warp import Transform
from sightline.types import Detections, Floats, Ints, Mask

Boxes: TypeAlias = NDArray[np.float64]
"""Boxes in rows x1 y1 x2 y2, (4, N), pixels."""


class DetectionArrays(NamedTuple):
    """The detections of one frame, N of them, as trackers work with them.

    Boxes are (4, N) float64. What is no box has no size and a score below any. ``embeddings`` are
    (N, D) of length 1, or zeros; or None.
    """

    boxes: Boxes
    scores: Floats
    class_ids: Ints
    embeddings: Floats | None

    @classmethod
    def of(cls, detections: Detections) -> DetectionArrays:
        """Those of a frame. Boxes that are not finite or are inside out are none."""
        boxes = np.array(detections.boxes.T, np.float64, order="C")
        scores = detections.scores
        proper = np.isfinite(boxes)
        proper[:2] &= boxes[:2] <= boxes[2:]
        if not proper.all():
            is_box = np.logical_and.reduce(proper)
            boxes, scores = np.where(is_box, boxes, 0.0), np.where(is_box, scores, np.float32(-1))
        return cls(boxes, scores, detections.class_ids, _of_length_one(detections.embeddings))

    def taken(self, index: Ints) -> DetectionArrays:
        """Those with these numbers."""
        vectors = None if self.embeddings is None else self.embeddings.take(index, 0)
        return DetectionArrays(
            self.boxes.take(index, 1), self.scores.take(index), self.class_ids.take(index), vectors
        )


def _of_length_one(vectors: Floats | None) -> Floats | None:
    """Rows of length 1; what is not finite, or has no length, becomes zeros."""
    if vectors is None:
        return None
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    proper = np.isfinite(lengths) & (lengths > 0)
    scaled: Floats = np.where(proper, vectors / np.where(proper, lengths, 1), 0).astype(np.float32)
    return scaled


@dataclass(eq=False)
class Tracks:
    """All tracks as parallel arrays, whose last axis is the tracks.

    A tracker that knows more of its objects adds fields of the same form. ``ids`` are 0 until a track
    is confirmed.
    """

    motion: Motion
    ids: Ints
    hits: Ints  # updates with a detection
    misses: Ints  # updates without one
    seen: NDArray[np.float64]  # clock at the last detection, seconds
    scores: Floats  # of the last detection
    class_ids: Ints  # of the last detection

    @classmethod
    def begin(cls, found: DetectionArrays, clock: float) -> Self:
        """Tracks of objects that are seen for the first time; the arrays become their own."""
        n = len(found.scores)
        return cls(
            kalman.begin(found.boxes),
            np.zeros(n, np.int64),
            np.ones(n, np.int64),
            np.zeros(n, np.int64),
            np.full(n, clock),
            found.scores,
            found.class_ids,
        )

    def predict(self, frames: float) -> None:
        """Move all on by so many frame intervals."""
        kalman.predict(self.motion, frames)

    def move(self, transform: Transform) -> None:
        """Bring all into the coordinates of a frame whose camera has moved."""
        warp.move(self.motion, transform)

    def meet(self, rows: Ints, found: DetectionArrays, clock: float) -> None:
        """Take the detections of these tracks."""
        kalman.correct(self.motion, rows, found.boxes)
        self.hits[rows] += 1
        self.seen[rows] = clock
        self.scores[rows] = found.scores
        self.class_ids[rows] = found.class_ids

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, keep: Mask) -> Self:
        index = keep.nonzero()[0]
        return type(self)(*(array.take(index, -1) for array in vars(self).values()))

    def __add__(self, other: Self) -> Self:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return type(self)(*(np.concatenate(pair, axis=-1) for pair in pairs))
