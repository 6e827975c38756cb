"""Which boxes overlap, pair by pair: a table of all with all grows with their square."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from sightline.types import Floats, Ints

Reals: TypeAlias = NDArray[np.float64]
"""Boxes, areas and scores that are calculated with, in double precision."""

_Real = TypeVar("_Real", np.float32, np.float64)
_TINY = np.finfo(np.float64).tiny


class Overlaps(NamedTuple):
    """Pairs of boxes of one class that have an area in common.

    ``a`` and ``b`` (M,) are their rows, the first left of the other; ``common`` (M,) is that area.
    """

    a: Ints
    b: Ints
    common: Reals

    def shares(self, areas: Reals) -> Reals:
        """Intersection over union (M,) of the pairs, of boxes with these ``areas`` (N,)."""
        whole = areas[self.a] + areas[self.b] - self.common
        shares: Reals = self.common / np.maximum(whole, _TINY)
        return shares


def overlapping_pairs(boxes: NDArray[_Real], class_ids: Ints) -> Overlaps:
    """All pairs of boxes (N, 4) xyxy of one class that have an area in common."""
    order = np.lexsort((boxes[:, 0], class_ids))
    x0, y0, x1, y1 = boxes[order].astype(np.float64).T
    kinds = class_ids[order]
    shift = np.zeros(len(order))
    # Each class lies beyond all boxes of the one before it.
    np.cumsum(kinds[1:] != kinds[:-1], out=shift[1:])
    shift *= x1.max(initial=0) - x0.min(initial=0) + 1
    rows = np.arange(len(order))
    counts = np.maximum(np.searchsorted(x0 + shift, x1 + shift) - rows - 1, 0)
    a = np.repeat(rows, counts)
    b = np.arange(1, len(a) + 1) + a - np.repeat(np.cumsum(counts) - counts, counts)
    heights = np.minimum(y1[a], y1[b]) - np.maximum(y0[a], y0[b])
    widths = np.minimum(x1[a], x1[b]) - x0[b]
    meet = np.flatnonzero((heights > 0) & (widths > 0))
    return Overlaps(order[a[meet]], order[b[meet]], widths[meet] * heights[meet])


def clipped(boxes: Floats, areas: Floats) -> Floats:
    """What of each box lies within its area, both (N, 4) xyxy."""
    return np.concatenate(
        (np.maximum(boxes[:, :2], areas[:, :2]), np.minimum(boxes[:, 2:], areas[:, 2:])), axis=1
    )


def iou_of_pairs(a: Reals, b: Reals) -> Reals:
    """Intersection over union of each box of ``a`` (N, 4) xyxy with the one of ``b`` (N, 4) beside it."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    common = sides[:, 0] * np.maximum(sides[:, 1], 0)  # a negative area is like none
    whole = areas(a) + areas(b) - common
    shares: Reals = common / np.maximum(whole, _TINY)
    return shares


def areas(boxes: NDArray[_Real]) -> NDArray[_Real]:
    """(N,) of boxes (N, 4) xyxy; of what is no box, 0."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    areas: NDArray[_Real] = sides[:, 0] * sides[:, 1]
    return areas
