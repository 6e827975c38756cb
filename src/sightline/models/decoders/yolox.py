"""YOLOX (Ge et al. 2021, arXiv 2107.08430), exported without decoding its grid.

``YoloXDecoded`` is the same head exported with its grid decoded.

Output (N, A, 5 + C), A cells over strides 8, 16, 32: offset of the centre from the cell in
strides, logarithm of width and height in strides, objectness, class scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sightline.errors import ModelError
from sightline.geometry import cxcywh_to_xyxy
from sightline.models.decoders.grid import grid, pyramid
from sightline.models.decoders.objectness import likely_rows
from sightline.models.decoders.yolov5 import YoloV5
from sightline.types import Detections, Floats


class YoloX:
    """See the module."""

    overlaps = True
    resizable = True
    card: Mapping[str, Any] = {"order": "bgr", "scale": 1.0, "resize": "letterbox-top-left"}

    def matches(self, shapes: Sequence[tuple[int | None, ...]], canvas: tuple[int, int]) -> bool:
        if len(shapes) != 1 or len(shapes[0]) != 3:
            return False
        _, count, columns = shapes[0]
        return bool(count and columns and columns > 5 and pyramid(canvas, count))

    def classes(self, shapes: Sequence[tuple[int | None, ...]]) -> int | None:
        columns = shapes[0][2]
        return None if columns is None else columns - 5

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        count = outputs[0].shape[1]
        strides = pyramid(canvas, count)
        if strides is None:
            raise ModelError(
                f"YOLOX gave {count} cells for an input of {canvas[0]}×{canvas[1]}: "
                "the card's decoder is not this model's"
            )
        cells = grid(canvas, strides)
        return [_decode(rows, cells, conf) for rows in outputs[0]]


class YoloXDecoded(YoloV5):
    """YOLOX exported with ``--decode_in_inference``: rows as YOLOv5's, one for each cell.

    Its shapes are those of ``YoloX``, so a card must name it.
    """

    card = YoloX.card

    def matches(self, shapes: Sequence[tuple[int | None, ...]], canvas: tuple[int, int]) -> bool:
        return YoloX().matches(shapes, canvas)


def _decode(rows: Floats, cells: Floats, conf: float) -> Detections:
    index, scores, class_ids = likely_rows(rows, conf)
    if not len(index):
        return Detections.empty()
    offset, cell = rows[index, :4], cells[index]
    stride = cell[:, 2:]
    centre = (offset[:, :2] + cell[:, :2]) * stride
    with np.errstate(over="ignore"):  # an infinite box becomes the whole picture
        boxes = np.concatenate((centre, np.exp(offset[:, 2:]) * stride), axis=1)
    return Detections(cxcywh_to_xyxy(boxes), scores, class_ids)
