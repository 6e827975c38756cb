"""Every family: raw outputs made from known boxes give those boxes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from sightline.build import decoders
from sightline.errors import ModelError
from sightline.models.card import read_card
from sightline.models.decoders.grid import cells, grid, pyramid
from sightline.models.decoders.yolox import YoloXDecoded
from sightline.models.family import Clues, recognise
from sightline.models.file import open_model
from sightline.protocols import Decoder
from sightline.types import Detections, Floats, TensorSpec

CANVAS = (160, 96)  # not square, so that width and height cannot be mixed up
CLASSES = 3
COUNT = cells(CANVAS, (8, 16, 32))
MakeModel = Callable[..., Path]
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


@every_family
def test_known_boxes_come_back_for_each_picture_of_a_batch(family: str, encode: Encode) -> None:
    first, second = decoder(family).decode(batch(encode, FIRST, SECOND), CANVAS, 0.25)
    check(first, FIRST)
    check(second, SECOND)


@every_family
@pytest.mark.parametrize(
    ("conf", "left"),
    [
        pytest.param(0.25, 2, id="both"),
        pytest.param(0.7, 1, id="the better one"),
        pytest.param(0.95, 0, id="nothing"),
        pytest.param(1.0, 0, id="nothing can be above 1"),
    ],
)
def test_the_threshold(family: str, encode: Encode, conf: float, left: int) -> None:
    (found,) = decoder(family).decode(batch(encode, FIRST), CANVAS, conf)
    check(found, FIRST[:left])
    assert found.boxes.shape == (left, 4)


@every_family
def test_an_empty_picture_gives_no_objects(family: str, encode: Encode) -> None:
    empty, full = decoder(family).decode(batch(encode, [], SECOND), CANVAS, 0.25)
    assert len(empty) == 0
    check(full, SECOND)


@every_family
def test_results_outlive_the_engine_s_memory(family: str, encode: Encode) -> None:
    outputs = batch(encode, FIRST)
    (found,) = decoder(family).decode(outputs, CANVAS, 0.25)
    for array in outputs:
        array[:] = 0.5  # the next inference writes here
    check(found, FIRST)


@pytest.mark.filterwarnings("error")
@every_family
def test_threshold_zero_takes_whatever_has_a_score(family: str, encode: Encode) -> None:
    (found,) = decoder(family).decode(batch(encode, FIRST), CANVAS, 0.0)
    check(found[np.argsort(-found.scores)[:2]], FIRST)
    assert (found.scores > 0).all()
    assert np.isfinite(found.boxes).all()


@every_family
def test_many_candidates(family: str, encode: Encode) -> None:
    rng = np.random.default_rng(0)
    outputs = batch(encode, FIRST)
    if family == "detr":
        scores = next(o for o in outputs if o.shape[2] == CLASSES)
        scores[:] = rng.normal(0, 3, scores.shape)
        expected = int((1 / (1 + np.exp(-scores)) > 0.25).sum())
    elif family == "detr-rows":
        outputs[0][..., 4:] = rng.random(outputs[0][..., 4:].shape)
        expected = int((outputs[0][..., 4:] > 0.25).sum())
    elif family == "yolov8":
        outputs[0][:, 4:] = rng.random(outputs[0][:, 4:].shape)
        expected = int((outputs[0][:, 4:].max(1) > 0.25).sum())
    elif family == "end-to-end":
        outputs[0][..., 4] = rng.random(outputs[0].shape[:2])
        expected = int((outputs[0][..., 4] > 0.25).sum())
    else:
        outputs[0][..., 4:] = rng.random(outputs[0][..., 4:].shape)
        joint = outputs[0][..., 4] * outputs[0][..., 5:].max(-1)
        expected = int((joint > 0.25).sum())
    (found,) = decoder(family).decode(outputs, CANVAS, 0.25)
    assert len(found) == expected > 10
    assert (found.scores > 0.25).all()
    assert found.class_ids.max() <= CLASSES - 1


@every_family
def test_a_real_graph_is_recognised_and_read(
    family: str, encode: Encode, constant_model: MakeModel
) -> None:
    path = constant_model(batch(encode, FIRST), size=CANVAS, batch="batch")
    reading = read_card(open_model(path), decoders())
    assert reading.card.decoder == family
    fit = decoder(family).fit(specs([o.shape for o in reading.file.outputs]), CANVAS)
    assert fit is not None
    assert fit.classes == (None if family == "end-to-end" else CLASSES)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {"images": np.ones((2, 3, CANVAS[1], CANVAS[0]), np.float32)})
    for found in decoder(family).decode(outputs, CANVAS, 0.25):
        check(found, FIRST)


@pytest.mark.parametrize(
    ("shapes", "canvas", "family"),
    [
        pytest.param([(1, 84, 8400)], (640, 640), "yolov8", id="yolov8"),
        pytest.param([(None, 84, 8400)], (640, 640), "yolov8", id="open batch"),
        pytest.param([(1, 5, 5040)], (640, 384), "yolov8", id="yolov8 of one class"),
        pytest.param([(1, 84, 34000)], (1280, 1280), "yolov8", id="yolov8 p6"),
        pytest.param([(1, 25200, 85)], (640, 640), "yolov5", id="yolov5"),
        pytest.param(
            [(1, 25200, 85), (1, 3, 80, 80, 85), (1, 3, 40, 40, 85), (1, 3, 20, 20, 85)],
            (640, 640),
            "yolov5",
            id="yolov5 with raw heads",
        ),
        pytest.param([(1, 102000, 85)], (1280, 1280), "yolov5", id="yolov5 p6"),
        pytest.param([(1, 2535, 85)], (416, 416), "yolov5", id="yolov7-tiny of two levels"),
        pytest.param([(1, 3549, 85)], (416, 416), "yolox", id="yolox"),
        pytest.param([(1, 300, 6)], (640, 640), "end-to-end", id="end to end"),
        pytest.param([(1, 300, 6)], (320, 192), "end-to-end", id="as many as cells of two levels"),
        pytest.param([(1, 25200, 6)], (640, 640), "yolov5", id="yolov5 of one class"),
        pytest.param([(1, 8400, 6)], (640, 640), "yolox", id="yolox of one class"),
        pytest.param([(1, None, 6)], (640, 640), "end-to-end", id="NMS of open length"),
        pytest.param([(1, 300, 80), (1, 300, 4)], (640, 640), "detr", id="rt-detr"),
        pytest.param([(1, 300, 4), (1, 300, 80)], (640, 640), "detr", id="boxes first"),
        pytest.param([(1, 300, 4), (1, 300, 4)], (640, 640), "detr", id="detr of four classes"),
        pytest.param([(1, 300, 84)], (640, 640), "detr-rows", id="rows"),
        pytest.param([(1, 84, 8401)], (640, 640), None, id="a cell too many"),
        pytest.param([(1, 8400, 4)], (640, 640), None, id="boxes alone"),
        pytest.param(
            [(1, 116, 8400), (1, 32, 160, 160)], (640, 640), "yolov8-segment", id="segmentation"
        ),
        pytest.param([(1, 1000)], (224, 224), None, id="a classifier"),
        pytest.param([()], (224, 224), None, id="no shape known"),
    ],
)
def test_a_family_is_told_by_its_shapes(
    shapes: Sequence[tuple[int | None, ...]], canvas: tuple[int, int], family: str | None
) -> None:
    if family is None:
        with pytest.raises(ModelError, match="known families"):
            recognise(specs(shapes), decoders(), Clues("x.yaml", canvas))
    else:
        assert recognise(specs(shapes), decoders(), Clues("x.yaml", canvas)).name == family


def test_four_classes_leave_the_boxes_second() -> None:
    logits, boxes = np.full((1, 20, 4), -9.0, np.float32), np.full((1, 20, 4), 0.5, np.float32)
    logits[0, 3, 1] = 2
    (found,) = decoder("detr").decode([logits, boxes], CANVAS, 0.5)
    assert found.class_ids.tolist() == [1]


def test_one_query_may_stand_for_two_classes() -> None:
    logits, boxes = np.full((1, 20, 3), -9.0, np.float32), np.full((1, 20, 4), 0.5, np.float32)
    logits[0, 3, :2] = 2
    (found,) = decoder("detr").decode([logits, boxes], CANVAS, 0.5)
    assert found.class_ids.tolist() == [0, 1]
    assert (found.boxes[0] == found.boxes[1]).all()


def test_yolox_says_when_its_cells_do_not_fit() -> None:
    with pytest.raises(ModelError, match="7 cells for an input of 160×96"):
        decoder("yolox").decode([np.zeros((1, 7, 8), np.float32)], CANVAS, 0.5)


@pytest.mark.filterwarnings("error")
def test_a_yolox_box_too_large_for_a_number_is_infinite() -> None:
    outputs = batch(yolox, FIRST)
    outputs[0][0, 3, 2:4] = 100  # e**100 is more than float32 holds
    (found,) = decoder("yolox").decode(outputs, CANVAS, 0.25)
    assert np.isposinf(found.boxes[0, 2:]).all()
    check(found[1:], FIRST[1:])


def test_the_grid_counts_rows_before_columns_and_levels_one_after_another() -> None:
    table = grid((64, 32), (16, 32))
    assert table[:5].tolist() == [[0, 0, 16], [1, 0, 16], [2, 0, 16], [3, 0, 16], [0, 1, 16]]
    assert table[8:].tolist() == [[0, 0, 32], [1, 0, 32]]
    assert pyramid((640, 640), 8400) == (8, 16, 32)
    assert pyramid((640, 640), 8500) == (8, 16, 32, 64)
    assert pyramid((640, 640), 8399) is None
    assert pyramid((640, 640), 2000) is None  # two levels have anchors, three to a cell


def test_yolox_that_decoded_its_own_grid() -> None:
    rows = np.zeros((1, cells((64, 64), (8, 16, 32)), 7), np.float32)
    rows[0, 5] = 32, 24, 16, 8, 0.9, 0.1, 0.8
    (found,) = YoloXDecoded().decode([rows], (64, 64), 0.5)
    assert found.boxes.tolist() == [[24, 20, 40, 28]]
    assert found.class_ids.tolist() == [1]
    assert found.scores[0] == pytest.approx(0.72)
