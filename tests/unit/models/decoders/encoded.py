"""Raw outputs of each family for known boxes, and what must come back from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from sightline.build import decoders
from sightline.models.decoders.grid import cells
from sightline.protocols import Decoder
from sightline.types import Detections, Floats, TensorSpec

CANVAS = (160, 96)  # not square, so that width and height cannot be mixed up
CLASSES = 3
COUNT = cells(CANVAS, (8, 16, 32))
Objects = list[tuple[tuple[float, float, float, float], float, int]]

# Boxes by corners, score, class id; best first.
FIRST: Objects = [((8, 16, 60, 80), 0.9, 2), ((100, 5, 150, 95), 0.6, 0)]
SECOND: Objects = [((30, 30, 40, 36), 0.8, 1)]


def centres(objects: Objects) -> Floats:
    corners = np.array([box for box, _, _ in objects], np.float64).reshape(-1, 4)
    return np.concatenate(
        ((corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]), axis=1
    )


def yolov8(objects: Objects) -> list[Floats]:
    out = np.zeros((4 + CLASSES, COUNT))
    for at, (cxcywh, (_, score, class_id)) in enumerate(
        zip(centres(objects), objects, strict=True)
    ):
        out[:4, at * 7], out[4 + class_id, at * 7] = cxcywh, score
        out[4 + (class_id + 1) % CLASSES, at * 7] = score / 2  # its second guess
    return [out]


def with_objectness(
    count: int, objects: Objects, encode: Callable[[Floats, int], Floats]
) -> Floats:
    out = np.zeros((count, 5 + CLASSES))
    out[:, 5:] = 1.0  # without objectness a class score says nothing
    for i, (cxcywh, (_, score, class_id)) in enumerate(zip(centres(objects), objects, strict=True)):
        at = 3 + 211 * i  # 211 cells on: the second object lies in another level
        out[at, :4] = encode(cxcywh, at)
        out[at, 4:] = 0.95, *[0.1] * CLASSES
        out[at, 5 + class_id] = score / 0.95
    out[-1, 4] = 0.99  # sure that there is something, and of no class
    out[-1, 5:] = 0.01
    return out


def yolov5(objects: Objects) -> list[Floats]:
    return [with_objectness(3 * COUNT, objects, lambda box, _: box)]


def yolox(objects: Objects) -> list[Floats]:
    # The grid worked out one cell after another, the slow way.
    places = [
        (x, y, stride)
        for stride in (8, 16, 32)
        for y in range(CANVAS[1] // stride)
        for x in range(CANVAS[0] // stride)
    ]

    def encode(box: Floats, at: int) -> Floats:
        x, y, stride = places[at]
        centre = box[:2] / stride - (x, y)
        return np.array([*centre, *np.log(box[2:] / stride)])

    return [with_objectness(COUNT, objects, encode)]


def end_to_end(objects: Objects) -> list[Floats]:
    out = np.zeros((50, 6))
    for row, (box, score, class_id) in zip(out, objects, strict=False):
        row[:] = *box, score, class_id
    return [out]


def detr_boxes(objects: Objects) -> Floats:
    boxes = np.full((50, 4), 0.5)
    boxes[5 : 5 + len(objects)] = centres(objects) / (CANVAS * 2)
    return boxes


def detr(objects: Objects) -> list[Floats]:
    logits = np.full((50, CLASSES), -9.0)
    for i, (_, score, class_id) in enumerate(objects):
        logits[5 + i, class_id] = np.log(score / (1 - score))
    return [logits, detr_boxes(objects)]


def detr_rows(objects: Objects) -> list[Floats]:
    scores = np.full((50, CLASSES), 0.001)
    for i, (_, score, class_id) in enumerate(objects):
        scores[5 + i, class_id] = score
    return [np.concatenate((detr_boxes(objects), scores), axis=1)]


Encode = Callable[[Objects], list[Floats]]
FAMILIES: list[tuple[str, str, Encode]] = [
    ("yolov5", "yolov5", yolov5),
    ("yolox", "yolox", yolox),
    ("yolov8", "yolov8", yolov8),
    ("end-to-end", "end-to-end", end_to_end),
    ("detr", "detr, logits first", detr),
    ("detr", "detr, boxes first", lambda objects: detr(objects)[::-1]),
    ("detr-rows", "detr-rows", detr_rows),
]
every_family = pytest.mark.parametrize(
    ("family", "encode"), [pytest.param(f, e, id=name) for f, name, e in FAMILIES]
)


def batch(encode: Encode, *pictures: Objects) -> list[Floats]:
    """Each output of a batch, (N, ...) float32."""
    return [
        np.stack(outputs).astype(np.float32)
        for outputs in zip(*[encode(objects) for objects in pictures], strict=True)
    ]


def check(found: Detections, objects: Objects) -> None:
    found = found[np.argsort(-found.scores)]
    assert found.class_ids.tolist() == [class_id for _, _, class_id in objects]
    assert found.scores.tolist() == pytest.approx([score for _, score, _ in objects], abs=1e-5)
    boxes = np.array([box for box, _, _ in objects]).reshape(-1, 4)
    assert np.abs(found.boxes - boxes).max(initial=0) < 1e-3
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.class_ids.dtype == np.int64


def specs(shapes: Sequence[tuple[int | None, ...]]) -> list[TensorSpec]:
    return [TensorSpec(f"output{i}", shape) for i, shape in enumerate(shapes)]


def decoder(family: str) -> Decoder:
    return decoders()[family]
