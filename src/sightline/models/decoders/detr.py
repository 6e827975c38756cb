"""DETR and its children: RT-DETR (arXiv 2304.08069), D-FINE (arXiv 2410.13842).

Outputs (N, Q, C) class logits and (N, Q, 4) boxes by centre and size, relative to the canvas, in
either order. Every query is one object, so no NMS follows. As in the papers, scores are sigmoids and the
best (query, class) pairs count, so a query may stand for two classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sightline.geometry import cxcywh_to_xyxy
from sightline.types import Detections, Floats


class Detr:
    """Two outputs: logits and boxes."""

    overlaps = False
    resizable = False
    card: Mapping[str, Any] = {"order": "rgb", "scale": 1 / 255, "resize": "stretch"}

    def matches(
        self,
        shapes: Sequence[tuple[int | None, ...]],
        canvas: tuple[int, int],  # noqa: ARG002 - the queries do not depend on it
    ) -> bool:
        if len(shapes) != 2 or any(len(s) != 3 for s in shapes):
            return False
        (_, queries, a), (_, other, b) = shapes
        return queries == other and 4 in {a, b}

    def classes(self, shapes: Sequence[tuple[int | None, ...]]) -> int | None:
        return shapes[1 - _boxes_at(shapes)][2]

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        at = _boxes_at([o.shape for o in outputs])
        # Comparing logits spares a sigmoid over all queries and classes.
        threshold = np.log(conf / (1 - conf)) if 0 < conf < 1 else np.copysign(np.inf, conf - 0.5)
        return [
            _decode(logits, boxes, canvas, float(threshold))
            for logits, boxes in zip(outputs[1 - at], outputs[at], strict=True)
        ]


class DetrRows:
    """One output (N, Q, 4 + C): boxes as above, then scores, as Ultralytics exports RT-DETR."""

    overlaps = False
    resizable = False
    card: Mapping[str, Any] = Detr.card

    def matches(self, shapes: Sequence[tuple[int | None, ...]], canvas: tuple[int, int]) -> bool:  # noqa: ARG002
        if len(shapes) != 1 or len(shapes[0]) != 3:
            return False
        _, queries, columns = shapes[0]
        return bool(queries and queries <= 1000 and columns and 4 < columns < queries)

    def classes(self, shapes: Sequence[tuple[int | None, ...]]) -> int | None:
        columns = shapes[0][2]
        return None if columns is None else columns - 4

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        return [
            _pairs(rows[:, 4:], rows[:, :4], canvas, *np.nonzero(rows[:, 4:] > conf))
            for rows in outputs[0]
        ]


def _boxes_at(shapes: Sequence[tuple[int | None, ...]]) -> int:
    """Which output holds the boxes; with four classes the second does, as exporters order them."""
    return 1 if shapes[1][2] == 4 else 0


def _decode(logits: Floats, boxes: Floats, canvas: tuple[int, int], threshold: float) -> Detections:
    queries, classes = np.nonzero(logits > threshold)
    found = _pairs(logits, boxes, canvas, queries, classes)
    scores = 1 / (1 + np.exp(-found.scores))
    return Detections(found.boxes, scores.astype(np.float32), found.class_ids)


def _pairs(
    scores: Floats,
    boxes: Floats,
    canvas: tuple[int, int],
    queries: np.ndarray[Any, np.dtype[np.intp]],
    classes: np.ndarray[Any, np.dtype[np.intp]],
) -> Detections:
    size = np.array(canvas * 2, np.float32)
    return Detections(
        cxcywh_to_xyxy(boxes[queries]) * size,
        scores[queries, classes],
        classes.astype(np.int64),
    )
