"""What exporters write about their models, in the file or beside it, decides what shapes leave open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import exported_graphs as graphs
from tests.exported_graphs import BOX, CLASS, SCORE, Graph

from sightline.build import decoders, detector
from sightline.config import EngineOptions, ModelOptions
from sightline.errors import ModelError
from sightline.models.card import CardReading, read_card
from sightline.models.family import ModelHints, recognise
from sightline.models.file import open_model
from sightline.models.model_card import ModelCard
from sightline.types import Frame, TensorSpec

ULTRALYTICS = {"author": "Ultralytics", "task": "detect", "names": "{0: 'a', 1: 'b', 2: 'c'}"}
WITH_NMS = {**ULTRALYTICS, "head": "Detect", "args": "{'nms': True, 'dynamic': True}"}
OPEN = ("n", "k", "c")


def read(path: Path) -> CardReading:
    return read_card(open_model(path), decoders())


def found_in(path: Path, frame: Frame) -> Any:
    engine = EngineOptions(requests=1, threads=1, precision="fp32")
    one = detector(ModelOptions(model=str(path), backend="onnxruntime", engine=engine))
    try:
        (found,) = one.submit([frame]).result(timeout=60)
    finally:
        one.close()
    return found


def check(path: Path, frame: Frame) -> None:
    found = found_in(path, frame)
    assert found.class_ids.tolist() == [CLASS]
    assert found.scores.tolist() == pytest.approx([SCORE], abs=2e-3)
    assert np.abs(found.boxes - np.array([BOX])).max() < 0.1, found.boxes


@pytest.fixture
def picture(frame_of: Callable[..., Frame]) -> Frame:
    return frame_of(np.full((graphs.HEIGHT, graphs.WIDTH, 3), 99, np.uint8))


@pytest.mark.parametrize(
    ("family", "make", "words"),
    [
        pytest.param(
            "end-to-end", lambda: graphs.end_to_end(dims=OPEN), WITH_NMS, id="NMS inside, any size"
        ),
        pytest.param(
            "end-to-end",
            lambda: graphs.end_to_end(dims=OPEN),
            {**ULTRALYTICS, "end2end": "True"},
            id="end to end, any size",
        ),
        pytest.param(
            "detr-rows",
            lambda: graphs.end_to_end(best_pairs=True),
            {**ULTRALYTICS, "head": "RTDETRDecoder", "end2end": "False"},
            id="RT-DETR by its head",
        ),
        pytest.param(
            "detr-rows",
            lambda: graphs.end_to_end(best_pairs=True),
            {**ULTRALYTICS, "description": "Ultralytics rtdetr-l model trained on coco.yaml"},
            id="RT-DETR by its description",
        ),
        pytest.param(
            "yolov8",
            graphs.yolov8,
            {**WITH_NMS, "args": "{'nms': True", "end2end": "True"},
            id="words that the outputs contradict",
        ),
    ],
)
def test_words_of_ultralytics(
    family: str, make: Callable[[], Graph], words: dict[str, str], tmp_path: Path, picture: Frame
) -> None:
    path = make().save(tmp_path / "export.onnx", words)
    card = read(path).card
    assert (card.decoder, card.class_names) == (family, ("a", "b", "c"))
    check(path, picture)


def test_a_card_counts_more_than_the_words(tmp_path: Path) -> None:
    path = graphs.end_to_end().save(
        tmp_path / "export.onnx", {**ULTRALYTICS, "head": "RTDETRDecoder"}
    )
    path.with_suffix(".yaml").write_text("decoder: end-to-end")
    assert read(path).card.decoder == "end-to-end"


def hub(folder: Path, model_type: str, names: int = 3, **pixels: Any) -> None:
    labels = {str(i): f"thing {i}" for i in range(names)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type, "id2label": labels}))
    if pixels:
        (folder / "preprocessor_config.json").write_text(json.dumps(pixels))


IMAGENET = {"do_normalize": True, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}


@pytest.mark.parametrize("below", ["", "onnx"])
@pytest.mark.parametrize(
    ("family", "model_type", "softmax"),
    [("detr-softmax", "yolos", True), ("detr", "rt_detr_v2", False), ("detr", "d_fine", False)],
)
def test_the_files_of_hugging_face_tell_a_softmax_from_sigmoids(
    family: str, model_type: str, softmax: bool, below: str, tmp_path: Path, picture: Frame
) -> None:
    folder = tmp_path / below
    hub(tmp_path, model_type, rescale_factor=0.5, **IMAGENET)
    folder.mkdir(exist_ok=True)
    graph = graphs.detr("logits", "pred_boxes", softmax=softmax, queries=100, open_dims=True)
    path = graph.save(folder / "model.onnx")
    card = read(path).card
    assert (card.decoder, card.class_names) == (family, ("thing 0", "thing 1", "thing 2"))
    assert (card.scale, card.mean, card.std) == (0.5, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    check(path, picture)


def test_sigmoids_without_normalisation(tmp_path: Path) -> None:
    hub(tmp_path, "rt_detr", **{**IMAGENET, "do_normalize": False, "do_rescale": False})
    card = read(graphs.detr("logits", "pred_boxes").save(tmp_path / "model.onnx")).card
    assert (card.scale, card.mean, card.std) == (1.0, (0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize(
    "config",
    [
        pytest.param('{"model_type": "yolos", "id2label": {"0": "a"}}', id="of one class"),
        pytest.param('{"model_type": "bert", "id2label": {"0": "a"}}', id="of no detector"),
        pytest.param('{"model_type": ["yolos"], "id2label": ["a"]}', id="of other types"),
        pytest.param("[1, 2]", id="a list"),
        pytest.param("{", id="not whole"),
    ],
)
def test_another_models_files_change_nothing(config: str, tmp_path: Path) -> None:
    path = graphs.yolov8().save(tmp_path / "model.onnx")
    before = read(path).card
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(IMAGENET))
    assert read(path).card == before


def test_how_many_queries_there_are_may_be_left_open() -> None:
    """Then the number of classes tells the first DETR from its children, or nothing does."""

    def outputs(classes: int) -> list[TensorSpec]:
        shapes = {"logits": (None, None, classes), "pred_boxes": (None, None, 4)}
        return [TensorSpec(name, shape) for name, shape in shapes.items()]

    with pytest.raises(ModelError, match=r"`decoder: detr` or `decoder: detr-softmax`"):
        recognise(outputs(8), decoders(), ModelHints("x.yaml", (640, 640)))
    for classes, names, family in ((8, 8, "detr"), (8, 7, "detr-softmax"), (80, None, "detr")):
        clues = ModelHints("x.yaml", (640, 640), names=names)
        assert recognise(outputs(classes), decoders(), clues).name == family


@pytest.mark.parametrize(
    ("make", "listed"),
    [
        pytest.param(graphs.torchvision, "coco91", id="torchvision"),
        pytest.param(
            lambda: graphs.tensorflow(
                ("detection_boxes", "detection_classes", "detection_scores", "num_detections"),
                (1, graphs.HEIGHT, graphs.WIDTH, 3),
            ),
            "coco91",
            id="TensorFlow",
        ),
        pytest.param(graphs.end_to_end, "coco", id="end to end"),
    ],
)
def test_names_that_only_a_family_suggests_are_said_to_be_a_guess(
    make: Callable[[], Graph], listed: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = make().save(tmp_path / "model.onnx")
    guessed = read(path).card
    assert f"`class_names: {listed}` where it is right" in caplog.text
    caplog.clear()
    path.with_suffix(".yaml").write_text(f"class_names: {listed}")
    assert _named(read(path).card) == _named(guessed)
    assert "guess" not in caplog.text


def _named(card: ModelCard) -> dict[int, str]:
    return {card.first_class + i: name for i, name in enumerate(card.class_names)}
