"""The grids on which YOLO models predict: one cell per stride of each pyramid level."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sightline.types import Floats

PYRAMIDS = ((8, 16, 32), (8, 16, 32, 64))
"""Strides of the usual heads, and of P6 heads for large pictures."""


def cells(canvas: tuple[int, int], strides: tuple[int, ...]) -> int:
    """Number of grid cells over all levels of a ``canvas`` (width, height)."""
    return sum((canvas[0] // s) * (canvas[1] // s) for s in strides)


def pyramid(canvas: tuple[int, int], count: int) -> tuple[int, ...] | None:
    """The strides whose grids have ``count`` cells, or None."""
    return next((p for p in PYRAMIDS if cells(canvas, p) == count), None)


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
