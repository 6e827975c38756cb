"""DETR and its children: RT-DETR (arXiv 2304.08069), D-FINE (arXiv 2410.13842), RF-DETR.

Outputs (N, Q, C) class logits and (N, Q, 4) boxes by centre and size, relative to the canvas, in
either order. Every query is one object, so no NMS follows. Of all but the first DETR, scores are
sigmoids and the best (query, class) pairs count, so a query may stand for two classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sightline.geometry import cxcywh_to_xyxy
from sightline.model_inputs import plain_name
from sightline.models.decoders.hint import Hint
from sightline.models.decoders.roles import role
from sightline.types import Certainty, Detections, Fit, Floats, TensorSpec

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""The standard deviation for pixels from 0 to 1, as the mean above."""

PAIR_COLUMNS = 6
"""Columns of a list of the best pairs: box, score and class id."""

FIRST_QUERIES = 100
"""Queries of the first DETR and of YOLOS, whose scores are a softmax; some of the others have as many."""


class Detr:
    """Two outputs: logits and boxes."""

    overlaps = False
    resizable = False
    card: Mapping[str, object] = {"order": "rgb", "scale": 1 / 255, "resize": "stretch"}

    def __init__(self) -> None:
        self._softmax = Hint(
            "detr: most queries show the last class, which is how the first DETR says that there is "
            "no object: if the model's scores are a softmax, write `decoder: detr-softmax` into its card"
        )

    def fit(
        self,
        outputs: Sequence[TensorSpec],
        canvas: tuple[int, int],  # noqa: ARG002 - the queries do not depend on it
    ) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        pair = _pair(outputs)
        if pair is None:
            return None
        first, second = (outputs[i] for i in pair)
        if len(first.shape) != 3 or len(second.shape) != 3 or first.shape[1] != second.shape[1]:
            return None
        if 4 not in {first.shape[2], second.shape[2]}:
            return None
        at = _named_boxes((first, second))
        logits = (first, second)[1 - at].shape
        certainty: Certainty = "ask" if logits[1] in {FIRST_QUERIES, None} else "sure"
        return Fit((pair[1 - at], pair[at]), logits[2], certainty=certainty)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        at = boxes_at([o.shape for o in outputs])
        # Comparing logits spares a sigmoid over all queries and classes.
        threshold = np.log(conf / (1 - conf)) if 0 < conf < 1 else np.copysign(np.inf, conf - 0.5)
        last = outputs[1 - at][..., -1]
        if 2 * np.count_nonzero(last > 0) > last.size:  # sigmoids of more than 0.5
            self._softmax.give()
        return [
            _decode(logits, boxes, canvas, float(threshold))
            for logits, boxes in zip(outputs[1 - at], outputs[at], strict=True)
        ]


class RfDetr(Detr):
    """RF-DETR as it is exported: ``dets`` and ``labels``, which are boxes and logits."""

    card: Mapping[str, object] = {**Detr.card, "mean": IMAGENET_MEAN, "std": IMAGENET_STD}

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        places = {plain_name(o.name): i for i, o in enumerate(outputs)}
        if not {"dets", "labels"} <= set(places):
            found = super().fit(outputs, canvas)
            return found and replace(found, certainty="card")
        at = (places["labels"], places["dets"])
        found = super().fit([outputs[i] for i in at], canvas)
        return None if found is None else Fit(at, outputs[at[0]].shape[2])


class DetrSoftmax(Detr):
    """The first DETR (arXiv 2005.12872) and YOLOS: a softmax, whose last class is "no object".

    Its shapes are those of ``Detr`` with a class more.
    """

    card: Mapping[str, object] = RfDetr.card

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        found = super().fit(outputs, canvas)
        if found is None or found.classes == 1:
            return None
        return replace(found, classes=found.classes and found.classes - 1, certainty="ask")

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        at = boxes_at([o.shape for o in outputs])
        logits, boxes = outputs[1 - at], outputs[at]
        powers = np.exp(logits - logits.max(axis=2, keepdims=True))
        scores = (powers / powers.sum(axis=2, keepdims=True))[..., :-1]
        class_ids = scores.argmax(axis=2)
        best = np.take_along_axis(scores, class_ids[..., None], axis=2)[..., 0]
        return [
            _pairs(s, b, canvas, queries := np.flatnonzero(top > conf), ids[queries])
            for s, b, top, ids in zip(scores, boxes, best, class_ids, strict=True)
        ]


class DetrRows:
    """One output (N, Q, 4 + C): boxes as above, then scores, as Ultralytics exports RT-DETR.

    Since 2026 its exports hold the best pairs only, (N, Q, 6): box, score, class id. Six columns may also
    be the scores of two classes; whole numbers in the last one tell.
    """

    overlaps = False
    resizable = False
    card: Mapping[str, object] = Detr.card

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:  # noqa: ARG002
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if len(outputs) != 1 or len(outputs[0].shape) != 3:
            return None
        _, queries, columns = outputs[0].shape
        if not (queries and queries <= 1000 and columns and 4 < columns < queries):
            return None
        return Fit((0,), None if columns == PAIR_COLUMNS else columns - 4)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        if outputs[0].shape[2] == PAIR_COLUMNS and not np.any(outputs[0][..., 5] % 1):
            return [_best_pairs(rows[rows[:, 4] > conf], canvas) for rows in outputs[0]]
        return [
            _pairs(rows[:, 4:], rows[:, :4], canvas, *np.nonzero(rows[:, 4:] > conf))
            for rows in outputs[0]
        ]


def _pair(outputs: Sequence[TensorSpec]) -> tuple[int, int] | None:
    """The two outputs of logits and boxes; of more than two, those that are called so."""
    if len(outputs) == 2:
        return (0, 1)
    places = {plain_name(output.name): i for i, output in enumerate(outputs)}
    for names in (("logits", "pred_boxes"), ("pred_logits", "pred_boxes"), ("logits", "boxes")):
        if set(names) <= set(places):
            return (places[names[0]], places[names[1]])
    return None


def _named_boxes(outputs: Sequence[TensorSpec]) -> int:
    """Which of two outputs holds the boxes: with four classes its name tells, where it does."""
    named = [i for i, o in enumerate(outputs) if o.shape[2] == 4 and role(o) == "boxes"]
    return named[0] if len(named) == 1 else boxes_at([o.shape for o in outputs])


def boxes_at(shapes: Sequence[tuple[int | None, ...]]) -> int:
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
    queries: NDArray[np.intp],
    classes: NDArray[np.intp],
) -> Detections:
    size = np.array(canvas * 2, np.float32)
    return Detections(
        cxcywh_to_xyxy(boxes[queries]) * size,
        scores[queries, classes],
        classes.astype(np.int64),
    )


def _best_pairs(rows: Floats, canvas: tuple[int, int]) -> Detections:
    """Rows of box, score and class id."""
    size = np.array(canvas * 2, np.float32)
    return Detections(cxcywh_to_xyxy(rows[:, :4]) * size, rows[:, 4], rows[:, 5].astype(np.int64))
