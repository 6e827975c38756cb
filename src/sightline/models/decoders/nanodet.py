"""NanoDet: class scores, and a distribution over the distance to each side of the box.

Output (N, A, C + 4 × bins), A cells over strides 8, 16, 32 and 64 (NanoDet-Plus) or without 64, whose
grids are rounded up: C scores, then for left, top, right and bottom logits of 0 to ``bins`` - 1
strides (arXiv 2006.04388). NanoDet-Plus measures from the corner of a cell, the first one from its
middle. The exports of NanoDet's first versions, and PicoDet's without post-processing, have two
outputs for each level instead: scores (N, H × W, C) and logits (N, H × W, 4 × bins).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from sightline.model_inputs import plain_name
from sightline.types import Certainty, Detections, Fit, Floats, TensorSpec

PLUS = (8, 16, 32, 64)
FIRST = (8, 16, 32)
USUAL_BINS = (8, 11, 17)
"""How many values a distribution has, ``reg_max`` + 1, in the published models."""


class NanoDet:
    """See the module."""

    overlaps = True
    resizable = True
    card: Mapping[str, object] = {
        "order": "bgr",
        "scale": 1.0,
        "mean": (103.53, 116.28, 123.675),
        "std": (57.375, 57.12, 58.395),
        "resize": "stretch",
    }
    bins = 8
    of_four_levels: Certainty = "sure"
    """What four levels, which only NanoDet-Plus has, say."""

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if len(outputs) != 1 or len(outputs[0].shape) != 3:
            return None
        _, count, columns = outputs[0].shape
        if columns is None or columns <= 4 * self.bins:
            return None
        classes = columns - 4 * self.bins
        if count == _count(canvas, PLUS):
            return Fit((0,), classes, certainty=self.of_four_levels)
        # With three levels it is YOLOX, unless the number of classes tells.
        return Fit((0,), classes, certainty="ask") if count == _count(canvas, FIRST) else None

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        (rows,) = outputs
        first = rows.shape[1] == _count(canvas, FIRST)
        table = cells(canvas, FIRST, 0.5) if first else cells(canvas, PLUS)
        classes = rows.shape[2] - 4 * self.bins
        return [_decode(each[:, :classes], each[:, classes:], table, conf) for each in rows]


class NanoDetEleven(NanoDet):
    """NanoDet with ``reg_max: 10``: NanoDet-g and those with EfficientNet-Lite1, Lite2 or RepVGG."""

    bins = 11
    of_four_levels: Certainty = "ask"


class NanoDetHeads:
    """NanoDet with two outputs for each of three levels."""

    overlaps = True
    resizable = True
    card: Mapping[str, object] = NanoDet.card
    strides: tuple[int, ...] = FIRST

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        places: list[int] = []
        for stride in self.strides:
            count = _count(canvas, (stride,))
            pair = [i for i, o in enumerate(outputs) if len(o.shape) == 3 and o.shape[1] == count]
            ordered = _scores_first(outputs, pair)
            if ordered is None:
                return None
            places += ordered
        columns = [outputs[i].shape[2] for i in places]
        if len(outputs) != len(places) or len({*columns[::2]}) != 1 or len({*columns[1::2]}) != 1:
            return None
        return Fit(tuple(places), columns[0])

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        table = cells(canvas, self.strides, 0.5)
        scores = np.concatenate(outputs[::2], axis=1)
        logits = np.concatenate(outputs[1::2], axis=1)
        return [_decode(s, d, table, conf) for s, d in zip(scores, logits, strict=True)]


class PicoDetHeads(NanoDetHeads):
    """PicoDet without its post-processing: the same for four levels."""

    card: Mapping[str, object] = {
        "order": "rgb",
        "scale": 1 / 255,
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "resize": "stretch",
    }
    strides = PLUS


def _scores_first(outputs: Sequence[TensorSpec], pair: Sequence[int]) -> list[int] | None:
    """The places of a level's scores and logits, in this order; None where they are no such pair.

    The number of bins tells, then the names; else scores come first, as exporters list them.
    """
    if len(pair) != 2:
        return None
    columns = [outputs[i].shape[2] for i in pair]
    logits = [i for i, n in zip(pair, columns, strict=True) if n in {4 * b for b in USUAL_BINS}]
    if not logits or None in columns:
        return None
    if len(logits) == 2:
        named = [i for i in logits if "dis" in plain_name(outputs[i].name)]
        logits = named if len(named) == 1 else logits[1:]
    return [next(i for i in pair if i != logits[0]), logits[0]]


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


def _decode(class_scores: Floats, logits: Floats, table: Floats, conf: float) -> Detections:
    """Objects of one picture from scores (A, C) and logits (A, 4 × bins)."""
    index = np.flatnonzero(class_scores.max(axis=1) > conf)
    picked = class_scores[index]
    class_ids = picked.argmax(axis=1)
    sides = logits[index].reshape(len(index), 4, logits.shape[1] // 4)
    powers = np.exp(sides - sides.max(axis=2, keepdims=True))
    means = (powers @ np.arange(sides.shape[2], dtype=np.float32)) / powers.sum(axis=2)
    cell = table[index]
    away = means * cell[:, 2:]
    boxes = np.concatenate((cell[:, :2] - away[:, :2], cell[:, :2] + away[:, 2:]), axis=1)
    return Detections(boxes, picked[np.arange(len(index)), class_ids], class_ids)
