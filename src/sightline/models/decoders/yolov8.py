"""YOLOv8 and what keeps its head: v9, 10, 11, 12 and 26 exported without their own NMS.

Output (N, 4 + C, A): centre x, centre y, width, height in canvas pixels, then class scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sightline.geometry import cxcywh_to_xyxy
from sightline.models.decoders.grid import pyramid
from sightline.types import Detections, Fit, Floats, TensorSpec


class YoloV8:
    """See the module."""

    overlaps = True
    resizable = True
    card: Mapping[str, Any] = {"order": "rgb", "scale": 1 / 255, "resize": "letterbox"}

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        if len(outputs) != 1 or len(outputs[0].shape) != 3:
            return None
        _, rows, count = outputs[0].shape
        if not (count and rows and rows > 4 and pyramid(canvas, count)):
            return None
        return Fit((0,), rows - 4)

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - the graph has decoded its own grid
        conf: float,
    ) -> list[Detections]:
        return [_decode(columns, conf) for columns in outputs[0]]


class YoloV8Rows(YoloV8):
    """The same with a row for each cell, (N, A, 4 + C), as converters from TensorFlow write it."""

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        if len(outputs) != 1 or len(outputs[0].shape) != 3:
            return None
        n, count, columns = outputs[0].shape
        return super().fit([TensorSpec(outputs[0].name, (n, columns, count))], canvas)

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - the graph has decoded its own grid
        conf: float,
    ) -> list[Detections]:
        return [_decode(rows.T, conf) for rows in outputs[0]]


def _decode(columns: Floats, conf: float) -> Detections:
    class_scores = columns[4:]
    index = np.flatnonzero(class_scores.max(axis=0) > conf)
    if not len(index):
        return Detections.empty()
    picked = class_scores[:, index]
    class_ids = picked.argmax(axis=0)
    scores = picked[class_ids, np.arange(len(index))]
    return Detections(cxcywh_to_xyxy(columns[:4, index].T), scores, class_ids)
