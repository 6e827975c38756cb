"""Which parts of a picture a network is shown, and how large."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sightline.models.composites.mosaic import Part, Patch, packed
from sightline.models.composites.overlaps import areas
from sightline.types import Floats

SHOWN_PX = 64
"""Longer side of an object in the network's input: a larger one is found no better, and takes room."""

_SHOWN_LEAST = (56, 48)
"""… and what it is made, one after the other, where there is no room."""

_MARGIN_PX = 40
_MARGIN = 0.25
"""Around an object, a share of its sides, and at least so many pixels: what it is told by."""

_LEAST_PX = 64
"""Sides of a part."""

_MOST = 64
"""Boxes that may be around what moves: more of them are rain, or a crowd."""


def patches_around(
    boxes: Floats, size: tuple[int, int], canvases: Sequence[tuple[int, int]], least: float
) -> tuple[int, list[Patch]] | None:
    """The smallest of several mosaics that shows all boxes, and the patches that it is made of.

    Args:
        boxes: (N, 4) xyxy in pixels of the picture.
        size: (width, height) of the picture.
        canvases: (width, height) of each mosaic, the smallest first.
        least: the scale at which the whole picture would be seen; no part is shown smaller.

    Returns the mosaic's number and its patches; None: too much is to be seen.
    """
    if len(boxes) > _MOST:
        return None
    parts, longer = _parts(boxes, size)
    for longest in (SHOWN_PX, *_SHOWN_LEAST):
        scales = [min(1.0, max(least, longest / side)) for side in longer]
        # Less than the full size is worth it only where the largest mosaic is too small.
        first = 0 if longest == SHOWN_PX else len(canvases) - 1
        for number, canvas in enumerate(canvases[first:], first):
            patches = packed(parts, scales, canvas)
            if patches is not None:
                return number, patches
    return None


def _parts(boxes: Floats, size: tuple[int, int]) -> tuple[list[Part], list[float]]:
    """Parts around boxes, and the longer side of the smallest box in each. Their edges are even."""
    sides = boxes[:, 2:] - boxes[:, :2]
    margin = np.maximum(np.maximum(_MARGIN_PX, _MARGIN * sides), (_LEAST_PX - sides) / 2)
    low = np.maximum(np.floor((boxes[:, :2] - margin) / 2) * 2, 0)
    high = np.minimum(np.ceil((boxes[:, 2:] + margin) / 2) * 2, size)
    inside = (low < high).all(axis=1)
    whole = np.concatenate((low, high), axis=1)[inside].astype(np.float32)
    parts, longer = _united(whole, np.maximum(sides[inside].max(axis=1, initial=1), 1))
    return [(int(a), int(b), int(c), int(d)) for a, b, c, d in parts.tolist()], longer.tolist()


def _united(parts: Floats, longer: Floats) -> tuple[Floats, Floats]:
    """Parts (N, 4), where two are one if that takes less room in the mosaic, at the finer scale of both.

    Parts that lie far apart, or of which one is much larger, stay two.
    """
    longer = longer.copy()
    while len(parts) > 1:
        low = np.minimum(parts[:, None, :2], parts[None, :, :2])
        high = np.maximum(parts[:, None, 2:], parts[None, :, 2:])
        scale = np.minimum(1, SHOWN_PX / longer)
        room = areas(parts) * scale**2
        united = (high - low).prod(axis=2) * np.maximum(scale[:, None], scale[None]) ** 2
        saved = room[:, None] + room[None] - united
        np.fill_diagonal(saved, -np.inf)
        one, other = divmod(int(saved.argmax()), len(parts))
        if saved[one, other] < 0:
            break
        parts[one] = (*low[one, other], *high[one, other])
        longer[one] = min(longer[one], longer[other])
        kept = np.arange(len(parts)) != other
        parts, longer = parts[kept], longer[kept]
    return parts, longer
