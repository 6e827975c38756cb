"""Classifiers of whole pictures: fed as torchvision, timm and Hugging Face feed them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper
from PIL import Image
from tests.onnx_models import save_graph

from sightline.build import ENGINES, decoders, load
from sightline.errors import ModelError
from sightline.geometry import centre_crop
from sightline.models.card import read_card, read_crop_card
from sightline.models.classifier import CropClassifier
from sightline.models.crops import write_crop
from sightline.models.file import open_model
from sightline.models.model_card import ModelCard


def by_torchvision(picture: Image.Image, resized: int, size: int) -> Any:
    """``Resize(resized)`` and ``CenterCrop(size)`` of torchvision, written as its source has them."""
    width, height = picture.size
    short, long = sorted((width, height))
    new_long = int(resized * long / short)
    shape = (resized, new_long) if width <= height else (new_long, resized)
    whole = picture.resize(shape, Image.Resampling.BILINEAR)
    left, top = (round((side - size) / 2.0) for side in whole.size)
    return np.asarray(whole.crop((left, top, left + size, top + size)))


def card(**fields: Any) -> ModelCard:
    known = {
        "name": "m",
        "task": "classify",
        "size": 224,
        "fixed_size": True,
        "resize": "centre-crop",
    }
    return ModelCard(**{**known, **fields})


@pytest.mark.parametrize(
    ("width", "height"),
    [(810, 1080), (641, 427), (300, 300), (1920, 1080), (100, 40), (231, 1024)],
    ids=str,
)
@pytest.mark.parametrize(("crop", "resized"), [(0.875, 256), (1.0, 224)], ids=["256", "whole"])
def test_pixels_are_those_of_torchvision(
    width: int, height: int, crop: float, resized: int
) -> None:
    noise = np.random.default_rng(7).integers(
        0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8
    )
    picture = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    out = np.zeros((224, 224, 3), np.uint8)
    write_crop(np.asarray(picture)[..., ::-1], card(crop=crop), out)
    difference = np.abs(out.astype(int) - by_torchvision(picture, resized, 224))
    assert difference.max() <= 2
    assert difference.mean() < 0.1


def test_the_middle_of_a_picture_that_is_no_square() -> None:
    left, top, right, bottom = centre_crop((400, 200), (100, 50), 0.5)
    assert (left, top, right, bottom) == pytest.approx((100, 50, 300, 150))


def labels(
    folder: Path, frame_of: Any, values: Any, top: int = 5, **fields: Any
) -> list[tuple[str, float]]:
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "raw"], ["output"]),
    ]
    weights = {"zero": np.float32(0), "raw": np.array([values], np.float32)}
    path = save_graph(
        folder / "model.onnx", nodes, (1, 3, 32, 32), {"output": (1, len(values))}, weights
    )
    names = fields.pop("class_names", ["a", "b", "c"])
    path.with_suffix(".yaml").write_text(
        json.dumps({"task": "classify", "class_names": names, **fields})
    )
    reading = read_crop_card(open_model(path))
    engine = load(ENGINES["onnxruntime"])(path, reading.card.normalization)
    classifier = CropClassifier(engine, reading.card, conf=0.0, top=top)
    try:
        frame = frame_of(np.zeros((64, 64, 3), np.uint8))
        (found,) = classifier.submit(frame, np.array([[0, 0, 64, 64]], np.float32)).result(30)
        return [(label.value, label.score) for label in found]
    finally:
        classifier.close()


@pytest.mark.parametrize(
    ("values", "fields", "expected"),
    [
        pytest.param([0.2, 0.5, 0.3], {}, [("b", 0.5), ("c", 0.3), ("a", 0.2)], id="probabilities"),
        pytest.param([0.0, 0.6931, 0.0], {}, [("b", 0.5), ("a", 0.25), ("c", 0.25)], id="logits"),
        pytest.param(
            [-1.0986, 0.0, 1.0986], {"multi_label": True},
            [("c", 0.75), ("b", 0.5), ("a", 0.25)], id="several at once",
        ),
        pytest.param(
            [0.9, 0.8, 0.1], {"multi_label": True},
            [("a", 0.9), ("b", 0.8), ("c", 0.1)], id="several, as probabilities",
        ),
        pytest.param(
            [0.0, 1.0, 0.0], {"logits": True},
            [("b", 0.5761), ("a", 0.2119), ("c", 0.2119)], id="the card says that they are logits",
        ),
    ],
)  # fmt: skip
def test_what_outputs_mean(
    tmp_path: Path, frame_of: Any, values: Any, fields: Any, expected: list[tuple[str, float]]
) -> None:
    found = labels(tmp_path, frame_of, values, **fields)
    assert [name for name, _ in found] == [name for name, _ in expected]
    assert [score for _, score in found] == pytest.approx([s for _, s in expected], abs=2e-4)


def test_only_the_likeliest_are_given(tmp_path: Path, frame_of: Any) -> None:
    assert [name for name, _ in labels(tmp_path, frame_of, [0.2, 0.5, 0.3], top=2)] == [
        "b",
        "c",
    ]


def test_where_nothing_tells_it_is_fed_as_imagenets_are(
    constant_model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path: Path = constant_model([np.zeros((1, 4))], size=(96, 96))
    found = read_crop_card(open_model(path), "classify").card
    assert (found.size, found.resize, found.crop) == ((96, 96), "centre-crop", 0.875)
    assert (found.mean, found.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert found.attributes == {"class": ("0", "1", "2", "3")}
    assert "tiny.yaml" in caplog.text
    assert "guess" in caplog.text


HUB = {"architectures": ["ResNetForImageClassification"], "id2label": {"0": "cat", "1": "dog"}}
PIXELS = {"do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"config.json": HUB, "preprocessor_config.json": {
                **PIXELS, "size": {"shortest_edge": 256}, "do_center_crop": True,
                "crop_size": {"height": 224, "width": 224}, "resample": 3}},
            {"resize": "centre-crop", "crop": 0.875, "interpolation": "bicubic", "mean": (0.5,) * 3},
            id="Hugging Face, cut",
        ),
        pytest.param(
            {"config.json": HUB, "preprocessor_config.json": {**PIXELS, "size": {"height": 224, "width": 224}}},
            {"resize": "stretch", "std": (0.25,) * 3},
            id="Hugging Face, stretched (ViT)",
        ),
        pytest.param(
            {"config.json": HUB, "preprocessor_config.json": {
                **PIXELS, "size": {"shortest_edge": 224}, "crop_pct": 0.875}},
            {"resize": "centre-crop", "crop": 0.875},
            id="Hugging Face, ConvNeXT",
        ),
        pytest.param(
            {"config.json": {**HUB, "problem_type": "multi_label_classification"}},
            {"multi_label": True},
            id="several at once",
        ),
        pytest.param(
            {"config.json": {"architecture": "resnet18", "label_names": ["cat", "dog"], "pretrained_cfg": {
                "input_size": [3, 224, 224], "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5],
                "crop_pct": 0.95, "interpolation": "bicubic", "crop_mode": "center"}}},
            {"resize": "centre-crop", "crop": 0.95, "interpolation": "bicubic", "mean": (0.1, 0.2, 0.3)},
            id="timm",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["", "onnx"])
def test_files_that_exporters_leave_are_read(
    constant_model: Any, files: Any, expected: Any, folder: str
) -> None:
    made: Path = constant_model([np.zeros((1, 2))], size=(224, 224))
    path = made.parent / "model" / folder / "model.onnx"
    path.parent.mkdir(parents=True)
    made.rename(path)
    for name, content in files.items():
        (made.parent / "model" / name).write_text(json.dumps(content))
    found = read_crop_card(open_model(path), "classify").card
    assert {key: getattr(found, key) for key in expected} == expected
    assert found.attributes == {"class": ("cat", "dog")}


def test_exports_of_ultralytics(constant_model: Any) -> None:
    metadata = {"author": "Ultralytics", "task": "classify", "names": "{0: 'cat', 1: 'dog'}"}
    found = read_crop_card(open_model(constant_model([np.zeros((1, 2))], metadata=metadata))).card
    assert (found.resize, found.crop, found.mean) == ("centre-crop", 1.0, (0.0, 0.0, 0.0))


def test_a_detector_is_not_cut(constant_model: Any) -> None:
    path: Path = constant_model([np.zeros((1, 6, 84))])
    path.with_suffix(".yaml").write_text("resize: centre-crop\ndecoder: yolov8")
    with pytest.raises(ModelError, match=r"resize: centre-crop .* classifiers only"):
        read_card(open_model(path), decoders())


def test_a_detector_is_no_classifier(constant_model: Any) -> None:
    path: Path = constant_model([np.zeros((1, 25, 6))])
    with pytest.raises(ModelError, match=r"1×25×6.*is it a detector"):
        read_crop_card(open_model(path), "classify")
