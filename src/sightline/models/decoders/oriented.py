"""Models with oriented boxes: YOLOv8, 11 and 26 of Ultralytics for turned objects (OBB).

Boxes are centre, width and height in canvas pixels, before they are turned about their centre by the
angle, the last value of each candidate, in radians, clockwise as one sees it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sightline.geometry import cxcywh_to_xyxy
from sightline.models.decoders.end_to_end import EndToEnd
from sightline.models.decoders.yolov8 import YoloV8, likely_columns
from sightline.types import Detections, Fit, Floats, TensorSpec


class YoloV8Obb:
    """Output (N, 4 + C + 1, A): box, class scores, angle."""

    overlaps = True
    resizable = True
    card: Mapping[str, object] = YoloV8.card

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if not outputs:
            return Fit((), task="obb")
        found = YoloV8().fit(outputs, canvas)
        if found is None or not found.classes or found.classes < 2:
            return None
        # The angle looks like the score of one class more.
        return replace(found, classes=found.classes - 1, certainty="card", task="obb")

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - the graph has decoded its own grid
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes in canvas pixels; see ``Decoder.decode``."""
        return [_decode(columns, conf) for columns in outputs[0]]


class EndToEndObb:
    """Output (N, K, 7): box, score, class id, angle. Unused rows score 0."""

    overlaps = False
    resizable = False
    card: Mapping[str, object] = EndToEnd.card

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:  # noqa: ARG002
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if not outputs:
            return Fit((), task="obb")
        if len(outputs) != 1 or len(outputs[0].shape) != 3 or outputs[0].shape[2] not in {7, None}:
            return None
        return Fit((0,), certainty="card", task="obb")

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - boxes are in canvas pixels already
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes in canvas pixels; see ``Decoder.decode``."""
        return [_objects(rows[rows[:, 4] > conf]) for rows in outputs[0]]


def _decode(columns: Floats, conf: float) -> Detections:
    index, scores, class_ids = likely_columns(columns[4:-1], conf)
    if not len(index):
        return Detections.empty()
    boxes = cxcywh_to_xyxy(columns[:4, index].T)
    return Detections(boxes, scores, class_ids, angles=columns[-1, index])


def _objects(rows: Floats) -> Detections:
    boxes = cxcywh_to_xyxy(rows[:, :4])
    return Detections(boxes, rows[:, 4], rows[:, 5].astype(np.int64), angles=rows[:, 6])
