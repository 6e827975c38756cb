"""Models with masks by prototypes: YOLOv8, 9, 11, 12 and 26 of Ultralytics, and YOLOv5, for segmentation.

One output is that of the detector with M coefficients behind each candidate's class scores; the other
one has M prototypes, (N, M, H / 4, W / 4). A mask is the sum of the prototypes, each times its
coefficient, where that is above 0 (YOLACT, arXiv 1904.02689), within the box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sightline.geometry import cxcywh_to_xyxy
from sightline.models.decoders.end_to_end import EndToEnd
from sightline.models.decoders.objectness import likely_rows
from sightline.models.decoders.yolov5 import YoloV5
from sightline.models.decoders.yolov8 import YoloV8, likely_columns
from sightline.models.postprocess.unplaced_masks import PrototypeMasks
from sightline.protocols import Decoder
from sightline.types import Detections, Fit, Floats, TensorSpec

PROTOTYPE_STRIDES = (4, 2, 8)
"""Canvas pixels to a prototype's pixel. Ultralytics' have 4."""


class _Pair(NamedTuple):
    """Places of the candidates and of the prototypes among the outputs, and how many prototypes."""

    candidates: int
    prototypes: int
    size: int


class YoloV8Segment:
    """Candidates (N, 4 + C + M, A): box by centre and size, class scores, coefficients."""

    overlaps = True
    resizable = True
    card: Mapping[str, object] = YoloV8.card

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        return _fit(YoloV8(), 1, outputs, canvas)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return [_columns(c, p, canvas, conf) for c, p in zip(outputs[0], outputs[1], strict=True)]


class YoloV5Segment:
    """Candidates (N, A, 5 + C + M): box by centre and size, objectness, class scores, coefficients."""

    overlaps = True
    resizable = True
    card: Mapping[str, object] = YoloV5.card

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        return _fit(YoloV5(), 2, outputs, canvas)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return [_rows(r, p, canvas, conf) for r, p in zip(outputs[0], outputs[1], strict=True)]


class EndToEndSegment:
    """Objects (N, K, 6 + M): box by corners, score, class id, coefficients. Unused rows score 0."""

    overlaps = False
    resizable = False
    card: Mapping[str, object] = EndToEnd.card

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        return _fit(EndToEnd(), 2, outputs, canvas)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return [_objects(r, p, canvas, conf) for r, p in zip(outputs[0], outputs[1], strict=True)]


def _fit(
    plain: Decoder, axis: int, outputs: Sequence[TensorSpec], canvas: tuple[int, int]
) -> Fit | None:
    """How the outputs fit the family that ``plain`` is without masks.

    ``axis`` is that of the candidates' values, coefficients among them.
    """
    if not outputs:
        return Fit((), task="segment")
    pair = _pair(outputs, canvas)
    if pair is None:
        return None
    candidates = outputs[pair.candidates]
    values = candidates.shape[axis]
    if values is None or values <= pair.size:
        return None
    shape = list(candidates.shape)
    shape[axis] = values - pair.size
    fit = plain.fit([replace(candidates, shape=tuple(shape))], canvas)
    if fit is None or fit.flat:
        return None
    places = (pair.candidates, pair.prototypes)
    return Fit(places, fit.classes, certainty=fit.certainty, task="segment")


def _pair(outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> _Pair | None:
    candidates = [i for i, o in enumerate(outputs) if len(o.shape) == 3]
    prototypes = [i for i, o in enumerate(outputs) if _are_prototypes(o.shape, canvas)]
    if len(candidates) != 1 or len(prototypes) != 1:
        return None
    count = outputs[prototypes[0]].shape[1]
    return None if count is None else _Pair(candidates[0], prototypes[0], count)


def _are_prototypes(shape: tuple[int | None, ...], canvas: tuple[int, int]) -> bool:
    """Whether a shape can be (N, M, H / 4, W / 4); open dimensions are no hindrance."""
    if len(shape) != 4 or shape[1] is None:
        return False
    return any(
        shape[2] in {None, canvas[1] // stride} and shape[3] in {None, canvas[0] // stride}
        for stride in PROTOTYPE_STRIDES
    )


def _columns(
    columns: Floats, prototypes: Floats, canvas: tuple[int, int], conf: float
) -> Detections:
    classes = len(columns) - 4 - len(prototypes)
    index, scores, class_ids = likely_columns(columns[4 : 4 + classes], conf)
    if not len(index):
        return Detections.empty()
    boxes = cxcywh_to_xyxy(columns[:4, index].T)
    masks = PrototypeMasks(columns[4 + classes :, index].T, prototypes, boxes, canvas)
    return Detections(boxes, scores, class_ids, masks=masks)


def _rows(rows: Floats, prototypes: Floats, canvas: tuple[int, int], conf: float) -> Detections:
    end = rows.shape[1] - len(prototypes)
    index, scores, class_ids = likely_rows(rows[:, :end], conf)
    if not len(index):
        return Detections.empty()
    boxes = cxcywh_to_xyxy(rows[index, :4])
    masks = PrototypeMasks(rows[index, end:], prototypes, boxes, canvas)
    return Detections(boxes, scores, class_ids, masks=masks)


def _objects(rows: Floats, prototypes: Floats, canvas: tuple[int, int], conf: float) -> Detections:
    rows = rows[rows[:, 4] > conf]
    if not len(rows):
        return Detections.empty()
    boxes = rows[:, :4]
    masks = PrototypeMasks(rows[:, 6:], prototypes, boxes, canvas)
    return Detections(boxes, rows[:, 4], rows[:, 5].astype(np.int64), masks=masks)
