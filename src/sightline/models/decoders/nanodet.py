"""NanoDet-Plus: class scores, and a distribution over the distance to each side of the box.

Output (N, A, C + 4 × 8), A cells over strides 8, 16, 32, 64, whose grids are rounded up: C scores,
then for left, top, right and bottom logits of 0 to 7 strides (arXiv 2006.04388).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from sightline.types import Detections, Fit, Floats, TensorSpec

STRIDES = (8, 16, 32, 64)
BINS = 8


class NanoDet:
    """See the module."""

    overlaps = True
    resizable = True
    card: Mapping[str, Any] = {
        "order": "bgr",
        "scale": 1.0,
        "mean": (103.53, 116.28, 123.675),
        "std": (57.375, 57.12, 58.395),
        "resize": "stretch",
    }

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        if len(outputs) != 1 or len(outputs[0].shape) != 3:
            return None
        _, count, columns = outputs[0].shape
        if columns is None or columns <= 4 * BINS or count != len(cells(canvas)):
            return None
        return Fit((0,), columns - 4 * BINS)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        return [_decode(rows, cells(canvas), conf) for rows in outputs[0]]


@lru_cache(maxsize=32)
def cells(canvas: tuple[int, int]) -> Floats:
    """x, y of the corner and the stride of every cell, (A, 3) float32."""
    levels = []
    for stride in STRIDES:
        columns, rows = math.ceil(canvas[0] / stride), math.ceil(canvas[1] / stride)
        y, x = np.mgrid[:rows, :columns]
        strides = np.full(rows * columns, stride)
        levels.append(np.stack((x.ravel() * stride, y.ravel() * stride, strides), axis=1))
    return np.concatenate(levels).astype(np.float32)


def _decode(rows: Floats, table: Floats, conf: float) -> Detections:
    class_scores = rows[:, : -4 * BINS]
    index = np.flatnonzero(class_scores.max(axis=1) > conf)
    picked = class_scores[index]
    class_ids = picked.argmax(axis=1)
    logits = rows[index, -4 * BINS :].reshape(-1, 4, BINS)
    powers = np.exp(logits - logits.max(axis=2, keepdims=True))
    means = (powers @ np.arange(BINS, dtype=np.float32)) / powers.sum(axis=2)
    cell = table[index]
    away = means * cell[:, 2:]
    boxes = np.concatenate((cell[:, :2] - away[:, :2], cell[:, :2] + away[:, 2:]), axis=1)
    return Detections(boxes, picked[np.arange(len(index)), class_ids], class_ids)
