"""Models whose output is one list of rows for all pictures, one row for each object.

A column, or a second output, tells which picture a row belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sightline.model_inputs import plain_name
from sightline.types import Detections, Fit, Floats, Ints, TensorSpec

LETTERBOX: Mapping[str, object] = {"order": "rgb", "scale": 1 / 255, "resize": "letterbox"}


class Yolov7EndToEnd:
    """YOLOv7 with ``--end2end``: (K, 7) picture, x1, y1, x2, y2 in canvas pixels, class, score."""

    overlaps = False
    resizable = False
    card: Mapping[str, object] = LETTERBOX
    class_at, score_at = 5, 6

    def fit(
        self,
        outputs: Sequence[TensorSpec],
        canvas: tuple[int, int],  # noqa: ARG002 - K does not depend on it
    ) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if not outputs:
            return Fit((), flat=True)
        if len(outputs) != 1 or len(outputs[0].shape) != 2 or outputs[0].shape[1] != 7:
            return None
        return Fit((0,), flat=True)

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - boxes are in canvas pixels already
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        rows = outputs[0]
        rows = rows[rows[:, self.score_at] > conf]
        return by_picture(rows[:, 0], rows[:, 1:5], rows[:, self.score_at], rows[:, self.class_at])


class YoloNasFlat(Yolov7EndToEnd):
    """YOLO-NAS with ``flat`` predictions: the same columns, but the score before the class."""

    score_at, class_at = 5, 6

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        found = super().fit(outputs, canvas)
        if found is None or not outputs or "flat" in plain_name(outputs[0].name):
            return found
        return replace(found, certainty="card")


class Ssd:
    """SSD's DetectionOutput, of Caffe and OpenVINO: (1, 1, K, 7), relative to the canvas.

    Columns: picture (-1 after the last object), class, score, x1, y1, x2, y2.
    """

    overlaps = False
    resizable = False
    card: Mapping[str, object] = {
        "order": "bgr",
        "scale": 1.0,
        "resize": "stretch",
        "class_names": (),
    }

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:  # noqa: ARG002
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if not outputs:
            return Fit((), flat=True)
        able = [i for i, o in enumerate(outputs) if len(o.shape) == 4 and o.shape[3] == 7]
        if len(able) != 1 or any(d not in {1, None} for d in outputs[able[0]].shape[:2]):
            return None
        return Fit((able[0],), flat=True)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        rows = outputs[0].reshape(-1, 7)
        ends = np.flatnonzero(rows[:, 0] < 0)
        rows = rows[: ends[0]] if len(ends) else rows
        rows = rows[rows[:, 2] > conf]
        boxes = rows[:, 3:] * np.array(canvas * 2, np.float32)
        return by_picture(rows[:, 0], boxes, rows[:, 2], rows[:, 1])


class Paddle:
    """PaddleDetection with its NMS: PP-YOLOE+, PicoDet, RT-DETR. Rows (K, 6), and how many (N,).

    Columns: class (-1 where there is no object), score, x1, y1, x2, y2 in canvas pixels and, in
    PP-DocLayout's (K, 7), the place in the order in which a page is read.
    """

    overlaps = False
    resizable = False
    card: Mapping[str, object] = {"order": "rgb", "scale": 1 / 255, "resize": "stretch"}

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:  # noqa: ARG002
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if not outputs:
            return Fit((), flat=True)
        rows = [i for i, o in enumerate(outputs) if len(o.shape) == 2 and o.shape[1] in {6, 7}]
        counts = [i for i, o in enumerate(outputs) if len(o.shape) == 1 and "int" in o.dtype]
        if len(rows) != 1:
            return None
        if len(outputs) == 1:  # a batch of one picture; other families put the box first
            six = outputs[rows[0]].shape[1] == 6
            return Fit((rows[0],), flat=True, certainty="ask") if six else None
        return Fit((rows[0], counts[0]), flat=True) if len(counts) == 1 else None

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - boxes are in canvas pixels already
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        rows, *counts = outputs
        numbers = counts[0].astype(np.int64) if counts else np.array([len(rows)])
        pictures = np.repeat(np.arange(len(numbers)), numbers)
        rows = rows[: len(pictures)]
        kept = (rows[:, 1] > conf) & (rows[:, 0] >= 0)
        rows, pictures = rows[kept], pictures[: len(kept)][kept]
        return by_picture(pictures, rows[:, 2:6], rows[:, 1], rows[:, 0])


def by_picture(
    pictures: Floats | Ints, boxes: Floats, scores: Floats, classes: Floats
) -> list[Detections]:
    """Rows as objects of each picture, up to the last one that has any."""
    class_ids = classes.astype(np.int64)
    count = int(pictures.max()) + 1 if len(pictures) else 0
    return [
        Detections(boxes[own], scores[own], class_ids[own])
        for own in (pictures == i for i in range(count))
    ]
