"""YOLOv5 and YOLOv7: three anchors per cell, boxes decoded in the graph, an objectness score.

Output (N, A, 5 + C): centre x, centre y, width, height in canvas pixels, objectness, class scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sightline.geometry import cxcywh_to_xyxy
from sightline.models.decoders.grid import PYRAMIDS, TINY, cells, only_decoded
from sightline.models.decoders.objectness import likely_rows
from sightline.types import Detections, Fit, Floats, TensorSpec

ANCHORS = 3


class YoloV5:
    """See the module."""

    overlaps = True
    resizable = True
    card: Mapping[str, object] = {"order": "rgb", "scale": 1 / 255, "resize": "letterbox"}

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        at = only_decoded(outputs, canvas)
        if at is None or len(outputs[at].shape) != 3:
            return None
        _, count, columns = outputs[at].shape
        counts = {ANCHORS * cells(canvas, p) for p in (*PYRAMIDS, TINY)}
        if count not in counts or columns is None or columns <= 5:
            return None
        return Fit((at,), columns - 5)

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - the graph has decoded its own grid
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return [_decode(rows, conf) for rows in outputs[0]]


def _decode(rows: Floats, conf: float) -> Detections:
    index, scores, class_ids = likely_rows(rows, conf)
    if not len(index):
        return Detections.empty()
    return Detections(cxcywh_to_xyxy(rows[index, :4]), scores, class_ids)
