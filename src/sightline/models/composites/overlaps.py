"""Which boxes overlap, pair by pair: a table of all with all grows with their square."""

from __future__ import annotations

import numpy as np

from sightline.types import Floats, Ints


def overlapping_pairs(boxes: Floats, class_ids: Ints) -> tuple[Ints, Ints]:
    """The rows of all pairs of boxes of one class that have an area in common; the first is left of the other."""
    order = np.lexsort((boxes[:, 0], class_ids))
    # Each class lies beyond all boxes of the one before it.
    x0, x1 = boxes[order, 0].astype(np.float64), boxes[order, 2].astype(np.float64)
    if len(order):
        span = x1.max() - x0.min() + 1
        shift = np.unique(class_ids[order], return_inverse=True)[1] * span
        x0, x1 = x0 + shift, x1 + shift
    counts = np.maximum(np.searchsorted(x0, x1) - np.arange(1, len(order) + 1), 0)
    a = np.repeat(np.arange(len(order)), counts)
    b = a + 1 + np.arange(len(a)) - np.repeat(np.cumsum(counts) - counts, counts)
    a, b = order[a], order[b]
    top, bottom = boxes[:, 1], boxes[:, 3]
    meet = np.minimum(bottom[a], bottom[b]) > np.maximum(top[a], top[b])
    return a[meet], b[meet]


def clipped(boxes: Floats, areas: Floats) -> Floats:
    """What of each box lies within its area, both (N, 4) xyxy."""
    return np.concatenate(
        (np.maximum(boxes[:, :2], areas[:, :2]), np.minimum(boxes[:, 2:], areas[:, 2:])), axis=1
    )


def iou_of_pairs(a: Floats, b: Floats) -> Floats:
    """Intersection over union of each box of ``a`` (N, 4) with the one of ``b`` (N, 4) beside it."""
    common = areas(
        np.concatenate((np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])), axis=1)
    )
    whole = areas(a) + areas(b) - common
    shares: Floats = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
    return shares


def areas(boxes: Floats) -> Floats:
    """(N,) of boxes (N, 4) xyxy; of what is no box, 0."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    areas: Floats = sides[:, 0] * sides[:, 1]
    return areas
