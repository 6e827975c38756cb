"""True and found tracks of one stretch of footage, brought together frame by frame.

All tracking scores start from this: ids as rows and columns, and the overlaps of every frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.types import Detections, Ints

Reals: TypeAlias = NDArray[np.float64]

EPS = np.finfo(np.float64).eps
"""Overlaps are held against thresholds with this tolerance, as TrackEval does."""


@dataclass(frozen=True, eq=False)
class FramePair:
    """One frame: N true objects, M found ones.

    Args:
        truth: (N,) int64, the row of each true object's track.
        found: (M,) int64, the column of each found object's track.
        iou: (N, M) float64, the overlap of each with each.
    """

    truth: Ints
    found: Ints
    iou: Reals


@dataclass(frozen=True, eq=False)
class Comparison:
    """Some footage: ``truth_lengths`` (G,) and ``found_lengths`` (T,) int64 are frames per track."""

    frames: tuple[FramePair, ...]
    truth_lengths: Ints
    found_lengths: Ints


def compare(truth: Sequence[Detections], found: Sequence[Detections]) -> Comparison:
    """Bring true and found tracks together.

    Args:
        truth, found: objects of each frame with their track ids, equally many frames.

    Raises:
        ValueError: the numbers of frames differ, an object has no track id, or a track is in one
            frame twice.
    """
    if len(truth) != len(found):
        raise ValueError(f"truth has {len(truth)} frames, what was found has {len(found)}")
    truth_rows, truth_lengths = _numbered(truth, "truth")
    found_rows, found_lengths = _numbered(found, "what was found")
    frames = tuple(
        FramePair(rows, columns, overlaps(real_boxes(t), real_boxes(f)))
        for rows, columns, t, f in zip(truth_rows, found_rows, truth, found, strict=True)
    )
    return Comparison(frames, truth_lengths, found_lengths)


def real_boxes(detections: Detections) -> Reals:
    """The boxes in double precision, so that overlaps meet thresholds as the benchmarks' do."""
    return detections.extents.astype(np.float64)


def overlaps(a: Reals, b: Reals) -> Reals:
    """Intersection over union of boxes ``a`` (N, 4) with boxes ``b`` (M, 4): (N, M) float64.

    A box without area overlaps with nothing.
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared: Reals = np.prod(np.maximum(high - low, 0), axis=2)
    area_a = np.prod(np.maximum(a[:, 2:] - a[:, :2], 0), axis=1)
    area_b = np.prod(np.maximum(b[:, 2:] - b[:, :2], 0), axis=1)
    union = area_a[:, None] + area_b[None, :] - shared
    iou: Reals = np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)
    return iou


def _numbered(frames: Sequence[Detections], what: str) -> tuple[list[Ints], Ints]:
    """Track ids as numbers 0 … K-1 for each frame, and the number of frames of each."""
    for index, frame in enumerate(frames):
        if frame.track_ids is None:
            raise ValueError(f"frame {index} of {what} has no track ids: track first")
        ids, counts = np.unique(frame.track_ids, return_counts=True)
        if len(ids) != len(frame):
            raise ValueError(f"frame {index} of {what} holds track {ids[counts > 1][0]} twice")
    all_ids = [frame.track_ids for frame in frames if frame.track_ids is not None]
    if not all_ids:
        return [], np.empty(0, np.int64)
    _, numbers, lengths = np.unique(
        np.concatenate(all_ids), return_inverse=True, return_counts=True
    )
    ends = np.cumsum([len(ids) for ids in all_ids])[:-1]
    return np.split(numbers.astype(np.int64), ends), lengths.astype(np.int64)
