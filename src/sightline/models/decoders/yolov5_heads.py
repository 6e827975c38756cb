"""YOLOv5 and YOLOv7 with their heads not decoded: one output for each level of the pyramid.

Outputs (N, 3, H, W, 5 + C) or (N, 3 × (5 + C), H, W), in any order: logits of the offset from the
cell, of the size by the anchor's, of objectness and of the classes. Anchors are YOLOv5's unless the
card says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sightline.geometry import cxcywh_to_xyxy
from sightline.models.decoders.grid import PYRAMIDS, TINY
from sightline.models.decoders.yolov5 import ANCHORS
from sightline.types import Detections, Fit, Floats, Ints, TensorSpec

Anchors = Sequence[Sequence[tuple[float, float]]]

ANCHORS_P5: Anchors = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)
"""Width and height in pixels of YOLOv5's anchors, at strides 8, 16 and 32."""

ANCHORS_BY_NAME: Mapping[str, Anchors] = {
    "yolov5": ANCHORS_P5,
    "yolov5-p6": (
        ((19, 27), (44, 40), (38, 94)),
        ((96, 68), (86, 152), (180, 137)),
        ((140, 301), (303, 264), (238, 542)),
        ((436, 615), (739, 380), (925, 792)),
    ),
    "yolov7": (
        ((12, 16), (19, 36), (40, 28)),
        ((36, 75), (76, 55), (72, 146)),
        ((142, 110), (192, 243), (459, 401)),
    ),
}
"""Anchors of published models. YOLOv7-tiny has YOLOv5's, and YOLOv7-W6 and larger ones have `yolov5-p6`."""


class YoloV5Heads:
    """See the module."""

    overlaps = True
    resizable = True
    card: Mapping[str, object] = {
        "order": "rgb",
        "scale": 1 / 255,
        "resize": "letterbox",
        "anchors": ANCHORS_P5,
    }

    def __init__(self, anchors: Anchors = ANCHORS_P5) -> None:
        self._anchors = [np.array(level, np.float32) for level in anchors]

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        heads = {}
        for i, output in enumerate(outputs):
            if (head := _head(output.shape, canvas)) is None:
                return None
            heads[head] = i
        levels = sorted(heads)
        strides = tuple(stride for stride, _ in levels)
        columns = {columns for _, columns in levels}
        if len(levels) != len(outputs) or strides not in (*PYRAMIDS, TINY) or len(columns) != 1:
            return None
        # Darknet's YOLOv3 and v4 have 4-D heads too, and decode them in another way.
        four = any(len(o.shape) == 4 for o in outputs)
        places = tuple(heads[level] for level in levels)
        return Fit(places, columns.pop() - 5, certainty="ask" if four else "sure")

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        levels = [
            _candidates(_five(output), anchors, canvas, conf)
            for output, anchors in zip(outputs, self._anchors, strict=True)
        ]
        return [_joined(parts) for parts in zip(*levels, strict=True)]


def _head(shape: tuple[int | None, ...], canvas: tuple[int, int]) -> tuple[int, int] | None:
    """Stride and columns of a head, or None."""
    if len(shape) == 5 and shape[1] == ANCHORS:
        _, _, height, width, columns = shape
    elif len(shape) == 4 and shape[1] and shape[1] % ANCHORS == 0:
        _, channels, height, width = shape
        columns = channels // ANCHORS if channels else None
    else:
        return None
    if not (height and width and columns and columns > 5) or canvas[1] % height:
        return None
    stride = canvas[1] // height
    return (stride, columns) if canvas[0] == width * stride else None


def _five(head: Floats) -> Floats:
    """A head as (N, 3, H, W, 5 + C)."""
    if head.ndim == 5:
        return head
    n, channels, height, width = head.shape
    return head.reshape(n, ANCHORS, channels // ANCHORS, height, width).transpose(0, 1, 3, 4, 2)


def _candidates(
    head: Floats, anchors: Floats, canvas: tuple[int, int], conf: float
) -> list[tuple[Floats, Floats, Ints]]:
    """Boxes, scores and class ids of one level for each picture."""
    stride = canvas[1] // head.shape[2]
    # Comparing logits spares a sigmoid over all cells.
    threshold = np.log(conf / (1 - conf)) if 0 < conf < 1 else np.copysign(np.inf, conf - 0.5)
    found = []
    for picture in head:
        anchor, y, x = np.nonzero(picture[..., 4] > threshold)
        with np.errstate(over="ignore"):  # a logit far below zero is a score of zero
            values = 1 / (1 + np.exp(-picture[anchor, y, x]))
        class_ids = values[:, 5:].argmax(axis=1)
        scores = values[:, 4] * values[np.arange(len(values)), 5 + class_ids]
        kept = scores > conf
        centre = (values[:, :2] * 2 - 0.5 + np.stack((x, y), axis=1)) * stride
        size = (values[:, 2:4] * 2) ** 2 * anchors[anchor]
        boxes = cxcywh_to_xyxy(np.concatenate((centre, size), axis=1)[kept].astype(np.float32))
        found.append((boxes, scores[kept], class_ids[kept]))
    return found


def _joined(parts: Sequence[tuple[Floats, Floats, Ints]]) -> Detections:
    boxes, scores, class_ids = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Detections(boxes, scores, class_ids)
