"""NanoDet: class scores, and a distribution over the distance to each side of the box.

Output (N, A, C + 4 × 8), A cells over strides 8, 16, 32 and 64 (NanoDet-Plus) or without 64, whose
grids are rounded up: C scores, then for left, top, right and bottom logits of 0 to 7 strides
(arXiv 2006.04388). NanoDet-Plus measures from the corner of a cell, the first one from its middle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from sightline.types import Certainty, Detections, Fit, Floats, TensorSpec

PLUS = (8, 16, 32, 64)
FIRST = (8, 16, 32)
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
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if len(outputs) != 1 or len(outputs[0].shape) != 3:
            return None
        _, count, columns = outputs[0].shape
        if (
            columns is None
            or columns <= 4 * BINS
            or count
            not in {
                _count(canvas, PLUS),
                _count(canvas, FIRST),
            }
        ):
            return None
        # With three levels it is YOLOX, unless the number of classes tells.
        certainty: Certainty = "sure" if count == _count(canvas, PLUS) else "ask"
        return Fit((0,), columns - 4 * BINS, certainty=certainty)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        count = outputs[0].shape[1]
        table = cells(canvas, FIRST, 0.5) if count == _count(canvas, FIRST) else cells(canvas, PLUS)
        return [_decode(rows, table, conf) for rows in outputs[0]]


def _count(canvas: tuple[int, int], strides: tuple[int, ...]) -> int:
    return sum(math.ceil(canvas[0] / s) * math.ceil(canvas[1] / s) for s in strides)


@lru_cache(maxsize=32)
def cells(canvas: tuple[int, int], strides: tuple[int, ...], offset: float = 0.0) -> Floats:
    """x and y from which every cell measures, and its stride, (A, 3) float32.

    ``offset`` is that of the point from the cell's corner, in strides.
    """
    levels = []
    for stride in strides:
        columns, rows = math.ceil(canvas[0] / stride), math.ceil(canvas[1] / stride)
        y, x = (np.mgrid[:rows, :columns] + offset) * stride
        sizes = np.full(rows * columns, stride)
        levels.append(np.stack((x.ravel(), y.ravel(), sizes), axis=1))
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
