"""YOLOv8 and what keeps its head: v9, 10, 11, 12 and 26 exported without their own NMS.

Output (N, 4 + C, A): centre x, centre y, width, height in canvas pixels, then class scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sightline.coco import KEYPOINT_NAMES
from sightline.geometry import cxcywh_to_xyxy
from sightline.models.decoders.grid import TINY, cells, only_decoded, pyramid
from sightline.types import Certainty, Detections, Fit, Floats, Ints, TensorSpec

PEOPLE_VALUES = 1 + 3 * len(KEYPOINT_NAMES)
"""Values behind the box of a model of people's poses; they look like as many class scores."""


class YoloV8:
    """See the module."""

    overlaps = True
    resizable = True
    card: Mapping[str, object] = {"order": "rgb", "scale": 1 / 255, "resize": "letterbox"}
    may_be_tiny = True  # YOLOv3-tiny with this head

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        at = only_decoded(outputs, canvas)
        if at is None or len(outputs[at].shape) != 3:
            return None
        _, rows, count = outputs[at].shape
        if not (count and rows and rows > 4):
            return None
        tiny = self.may_be_tiny and count == cells(canvas, TINY)
        if not tiny and pyramid(canvas, count) is None:
            return None
        certainty: Certainty = "ask" if rows - 4 == PEOPLE_VALUES else "sure"
        return Fit((at,), rows - 4, certainty=certainty)

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - the graph has decoded its own grid
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return [_decode(columns, conf) for columns in outputs[0]]


class YoloV8Rows(YoloV8):
    """The same with a row for each cell, (N, A, 4 + C), as converters from TensorFlow write it."""

    may_be_tiny = False  # as many rows of six columns are a list of objects

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        turned = [
            replace(o, shape=(o.shape[0], o.shape[2], o.shape[1])) if len(o.shape) == 3 else o
            for o in outputs
        ]
        return super().fit(turned, canvas)

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - the graph has decoded its own grid
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return [_decode(rows.T, conf) for rows in outputs[0]]


def _decode(columns: Floats, conf: float) -> Detections:
    index, scores, class_ids = likely_columns(columns[4:], conf)
    if not len(index):
        return Detections.empty()
    return Detections(cxcywh_to_xyxy(columns[:4, index].T), scores, class_ids)


def likely_columns(class_scores: Floats, conf: float) -> tuple[Ints, Floats, Ints]:
    """Index, score and class id of the columns of ``class_scores`` (C, A) whose best beats ``conf``."""
    index = np.flatnonzero(class_scores.max(axis=0) > conf)
    if not len(index):  # as in most frames of a quiet street
        return index, np.empty(0, np.float32), index
    picked = class_scores[:, index]
    class_ids = picked.argmax(axis=0)
    return index, picked[class_ids, np.arange(len(index))], class_ids
