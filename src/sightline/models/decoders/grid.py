"""The grids on which YOLO models predict: one cell per stride of each pyramid level."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from sightline.types import Floats, TensorSpec

PYRAMIDS = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
"""Strides of the usual heads, of P6 heads for large pictures, and of P2 heads for small objects."""

TINY = (16, 32)
"""Strides of the "tiny" models, which have two levels."""


HEAD_STRIDES = PYRAMIDS[1]
"""The strides of raw heads. At stride 4 a segmentation model has its prototypes, which are no head."""


def cells(canvas: tuple[int, int], strides: tuple[int, ...]) -> int:
    """Number of grid cells over all levels of a ``canvas`` (width, height)."""
    return sum((canvas[0] // s) * (canvas[1] // s) for s in strides)


def pyramid(canvas: tuple[int, int], count: int) -> tuple[int, ...] | None:
    """The strides whose grids have ``count`` cells, or None."""
    return next((p for p in PYRAMIDS if cells(canvas, p) == count), None)


def only_decoded(outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> int | None:
    """The place of the one output that is no raw head, or None.

    Training exports append the heads that the decoded output was made of.
    """
    found = [i for i, output in enumerate(outputs) if not _is_head(output.shape, canvas)]
    return found[0] if len(found) == 1 else None


def _is_head(shape: tuple[int | None, ...], canvas: tuple[int, int]) -> bool:
    """Whether a shape is (N, channels, H, W) or (N, anchors, H, W, channels) of a level."""
    sides = {4: shape[2:], 5: shape[2:4]}.get(len(shape))
    levels = [(canvas[1] // stride, canvas[0] // stride) for stride in HEAD_STRIDES]
    return sides is not None and (len(shape) == 5 or sides in levels)


@lru_cache(maxsize=32)
def grid(canvas: tuple[int, int], strides: tuple[int, ...]) -> Floats:
    """Column, row and stride of every cell, (cells, 3) float32, levels one after another."""
    levels = []
    for stride in strides:
        columns, rows = canvas[0] // stride, canvas[1] // stride
        y, x = np.mgrid[:rows, :columns]
        level = np.stack((x.ravel(), y.ravel(), np.full(rows * columns, stride)), axis=1)
        levels.append(level.astype(np.float32))
    return np.concatenate(levels)
