"""Every family: raw outputs made from known boxes give those boxes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tests.unit.models.decoders.encoded import (
    CANVAS,
    CLASSES,
    FIRST,
    SECOND,
    Encode,
    batch,
    check,
    decoder,
    every_family,
    specs,
)

from sightline.build import decoders
from sightline.errors import ModelError
from sightline.models.card import read_card
from sightline.models.family import ModelHints, recognise
from sightline.models.file import open_model

MakeModel = Callable[..., Path]


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
            recognise(specs(shapes), decoders(), ModelHints("x.yaml", canvas))
    else:
        assert recognise(specs(shapes), decoders(), ModelHints("x.yaml", canvas)).name == family
