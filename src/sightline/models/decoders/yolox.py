"""YOLOX (Ge et al. 2021, arXiv 2107.08430), exported without decoding its grid.

``YoloXDecoded`` is the same head exported with its grid decoded.

Output (N, A, 5 + C), A cells over strides 8, 16, 32: offset of the centre from the cell in
strides, logarithm of width and height in strides, objectness, class scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sightline.errors import ModelError
from sightline.geometry import cxcywh_to_xyxy
from sightline.model_inputs import plain_name
from sightline.models.decoders.grid import grid, only_decoded, pyramid
from sightline.models.decoders.hint import Hint
from sightline.models.decoders.objectness import likely_rows
from sightline.models.decoders.yolov5 import YoloV5
from sightline.types import Detections, Fit, Floats, TensorSpec

HUGE = 1e7
"""Pixels that no box of this family reaches."""


class YoloX:
    """See the module."""

    overlaps = True
    resizable = True
    card: Mapping[str, object] = {"order": "bgr", "scale": 1.0, "resize": "letterbox-top-left"}

    def __init__(self) -> None:
        self._decoded = Hint(
            "yolox: boxes are a million times as large as the picture. The model seems to decode its "
            "grid itself: write `decoder: yolox-decoded`, or `yolov6` for YOLOv6 and GOLD-YOLO, into "
            "its card"
        )
        self._logits = Hint(
            "yolox: scores are below 0, and those of YOLOX never are. The model seems to be a NanoDet: write "
            "`decoder: nanodet`, or `nanodet-eleven` for NanoDet-g and others with `reg_max: 10`, into its card"
        )
        self._looked = False

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        at = only_decoded(outputs, canvas)
        if at is None or len(outputs[at].shape) != 3:
            return None
        _, count, columns = outputs[at].shape
        if not (count and columns and columns > 5 and pyramid(canvas, count)):
            return None
        return Fit((at,), columns - 5)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        count = outputs[0].shape[1]
        strides = pyramid(canvas, count)
        if strides is None:
            raise ModelError(
                f"YOLOX gave {count} cells for an input of {canvas[0]}×{canvas[1]}: "
                "the card's decoder is not this model's"
            )
        if not self._looked:  # the numbers of one picture tell
            self._looked = True
            if outputs[0][..., 4:].min(initial=0) < 0:
                self._logits.give()
        cells = grid(canvas, strides)
        pictures = [_decode(rows, cells, conf) for rows in outputs[0]]
        if any(len(p) and p.boxes[:, 2].min() > HUGE for p in pictures):
            self._decoded.give()
        return pictures


class YoloXDecoded(YoloV5):
    """YOLOX exported with ``--decode_in_inference``: rows as YOLOv5's, one for each cell.

    Its shapes are those of ``YoloX``, so a card must name it.
    """

    card = YoloX.card

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        found = YoloX().fit(outputs, canvas)
        return found and replace(found, certainty="card")


class YoloV6(YoloXDecoded):
    """YOLOv6 and GOLD-YOLO: decoded rows of the same shape, whose objectness is 1.

    Their exporters call the output ``outputs``, and YOLOX's ``output``.
    """

    card = YoloV5.card

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        found = YoloX().fit(outputs, canvas)
        if found is None or plain_name(outputs[found.outputs[0]].name) == "outputs":
            return found
        return replace(found, certainty="card")


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
