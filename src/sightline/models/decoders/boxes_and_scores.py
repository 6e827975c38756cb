"""Decoded heads in two outputs: boxes and class scores of every cell, before NMS.

DAMO-YOLO, YOLO-NAS without its NMS, PP-YOLOE+ without its NMS. Outputs, in either order: boxes
(N, A, 4) by corners in canvas pixels, scores (N, A, C) or (N, C, A). PP-YOLOE+ without any
post-processing has both in one output (N, A, 4 + C).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sightline.model_inputs import plain_name
from sightline.models.decoders.grid import pyramid
from sightline.models.decoders.roles import role
from sightline.types import Detections, Fit, Floats, TensorSpec


class BoxesAndScores:
    """See the module."""

    overlaps = True
    resizable = True
    card: Mapping[str, object] = {"order": "rgb", "scale": 1 / 255, "resize": "letterbox"}

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if len(outputs) != 2 or any(len(o.shape) != 3 for o in outputs):
            return None
        at = _boxes_at(outputs)
        _, cells, sides = outputs[at].shape
        first, second = outputs[1 - at].shape[1:]
        if sides != 4 or cells is None or pyramid(canvas, cells) is None:
            return None
        if cells not in {first, second}:
            return None
        return Fit((at, 1 - at), second if first == cells else first)

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - the graph has decoded its own grid
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        boxes, scores = outputs
        cells = boxes.shape[1]
        by_cell = scores if scores.shape[1] == cells else scores.transpose(0, 2, 1)
        return [_decode(b, s, conf) for b, s in zip(boxes, by_cell, strict=True)]


class DamoYolo(BoxesAndScores):
    """DAMO-YOLO: its converter calls the scores ``output``, and does not name the boxes."""

    card: Mapping[str, object] = {
        "order": "rgb",
        "scale": 1.0,
        "resize": "letterbox-top-left",
        "pad": 0,
    }

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        found = super().fit(outputs, canvas)
        if found is None or plain_name(outputs[found.outputs[1]].name) == "output":
            return found
        return replace(found, certainty="card")


class PpYoloeRows:
    """PP-YOLOE and PP-YOLOE+ with ``exclude_post_process``: (N, A, 4 + C), boxes by corners.

    Its shapes are those of ``YoloV8Rows``, so a card must name it.
    """

    overlaps = True
    resizable = True
    card: Mapping[str, object] = {"order": "rgb", "scale": 1 / 255, "resize": "stretch"}

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if len(outputs) != 1 or len(outputs[0].shape) != 3:
            return None
        _, count, columns = outputs[0].shape
        if not (count and columns and columns > 4 and pyramid(canvas, count)):
            return None
        return Fit((0,), columns - 4, certainty="card")

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - the graph has decoded its own grid
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return [_decode(rows[:, :4], rows[:, 4:], conf) for rows in outputs[0]]


def _boxes_at(outputs: Sequence[TensorSpec]) -> int:
    """Which of two outputs holds the boxes; with four classes its name tells."""
    able = [i for i, o in enumerate(outputs) if o.shape[2] == 4]
    named = [i for i in able if role(outputs[i]) == "boxes"]
    return (named or able or [0])[0]


def _decode(boxes: Floats, scores: Floats, conf: float) -> Detections:
    index = np.flatnonzero(scores.max(axis=1) > conf)
    picked = scores[index]
    class_ids = picked.argmax(axis=1)
    return Detections(boxes[index], picked[np.arange(len(index)), class_ids], class_ids)
