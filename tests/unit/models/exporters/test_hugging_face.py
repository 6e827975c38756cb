"""Files of Hugging Face and timm beside a model: what they tell, and that nothing in them is an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sightline.models.exporters.hugging_face import classifier_config, hub_config

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def beside(folder: Path, config: object, pixels: object = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    if pixels is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder / "model.onnx"


DETR = {"model_type": "detr", "id2label": {"1": "person", "3": "car"}}
PIXELS = {
    "do_rescale": True, "rescale_factor": 0.00392156862745098, "do_normalize": True,
    "image_mean": MEAN, "image_std": STD,
}  # fmt: skip


def test_detectors(tmp_path: Path) -> None:
    found = hub_config(beside(tmp_path, DETR, PIXELS))
    assert found is not None
    assert found.family == "detr-softmax"
    assert found.fields == {
        "class_names": {1: "person", 3: "car"}, "scale": 0.00392156862745098,
        "mean": tuple(MEAN), "std": tuple(STD),
    }  # fmt: skip
    assert found.fits("detr-softmax", 2)
    assert not found.fits("detr-softmax", 3)
    assert not found.fits("detr", 2)


def test_above_the_folder_onnx_and_nowhere_else(tmp_path: Path) -> None:
    beside(tmp_path, DETR)
    for folder, there in (("onnx", True), ("other", False)):
        (tmp_path / folder).mkdir()
        assert (hub_config(tmp_path / folder / "model.onnx") is not None) == there


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        pytest.param({}, {}, id="nothing told"),
        pytest.param({"do_rescale": False}, {"scale": 1.0}, id="not scaled"),
        pytest.param({"rescale_factor": 0}, {}, id="a scale of 0"),
        pytest.param({"rescale_factor": True}, {}, id="a truth value is no scale"),
        pytest.param(
            {"do_normalize": False, "image_mean": MEAN, "image_std": STD},
            {"mean": (0.0,) * 3, "std": (1.0,) * 3}, id="not normalised",
        ),
        pytest.param({"image_mean": MEAN, "image_std": STD}, {}, id="nobody says that it is"),
        pytest.param({"do_normalize": True, "image_mean": MEAN}, {}, id="half of it"),
        pytest.param(
            {"do_normalize": True, "image_mean": MEAN, "image_std": [0, 1, 1]}, {}, id="deviation 0"
        ),
        pytest.param(
            {"do_normalize": True, "image_mean": [float("nan")] * 3, "image_std": STD}, {}, id="NaN"
        ),
        pytest.param(
            {"do_normalize": True, "image_mean": [0.5], "image_std": [0.5]}, {}, id="one channel"
        ),
    ],
)  # fmt: skip
def test_pixels(tmp_path: Path, pixels: dict[str, Any], expected: dict[str, Any]) -> None:
    found = hub_config(beside(tmp_path, DETR, pixels))
    assert found is not None
    assert {k: v for k, v in found.fields.items() if k != "class_names"} == expected


NET = {"architectures": ["ViTForImageClassification"], "id2label": {"0": "cat", "1": "dog"}}
NAMES = {"class_names": {0: "cat", 1: "dog"}}


@pytest.mark.parametrize(
    ("config", "pixels", "expected"),
    [
        pytest.param(NET, None, NAMES, id="names alone"),
        pytest.param(
            NET, {"size": {"height": 224, "width": 224}, "resample": 3},
            NAMES | {"size": 224, "resize": "stretch", "interpolation": "bicubic"}, id="ViT",
        ),
        pytest.param(
            NET, {"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224}},
            NAMES | {"size": 224, "resize": "centre-crop", "crop": 0.875}, id="ResNet",
        ),
        # transformers: below 384 the short side becomes int(224 / 0.875) = 256; else it is warped.
        pytest.param(
            NET, {"size": {"shortest_edge": 224}, "crop_pct": 0.875},
            NAMES | {"size": 224, "resize": "centre-crop", "crop": 0.875}, id="ConvNeXT",
        ),
        pytest.param(
            NET, {"size": {"shortest_edge": 384}, "crop_pct": 0.875},
            NAMES | {"size": 384, "resize": "stretch", "crop": 1.0}, id="ConvNeXT of 384",
        ),
        pytest.param(
            NET, {"size": 224, "crop_pct": 0}, NAMES | {"size": 224, "resize": "stretch"},
            id="a share of nothing",
        ),
        pytest.param(
            NET | {"problem_type": "multi_label_classification"}, None,
            NAMES | {"multi_label": True}, id="several labels",
        ),
        pytest.param(DETR, PIXELS, {}, id="a detector's"),
        pytest.param(
            {
                "pretrained_cfg": {
                    "mean": MEAN, "std": STD, "input_size": [3, 288, 288], "crop_pct": 0.95,
                    "interpolation": "bicubic",
                },
                "label_names": ["a", "b"],
            },
            None,
            {
                "mean": tuple(MEAN), "std": tuple(STD), "size": 288, "resize": "centre-crop",
                "crop": 0.95, "interpolation": "bicubic", "class_names": ["a", "b"],
            },
            id="timm",
        ),
        pytest.param({"pretrained_cfg": {"interpolation": ["bicubic"]}}, None, {}, id="timm's lists"),
        pytest.param(
            {"pretrained_cfg": {"crop_pct": 1, "crop_mode": "squash"}}, None,
            {"resize": "stretch", "crop": 1.0}, id="timm's squash",
        ),
    ],
)  # fmt: skip
def test_classifiers(
    tmp_path: Path, config: object, pixels: object, expected: dict[str, Any]
) -> None:
    assert classifier_config(beside(tmp_path, config, pixels)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "[", "[" * 100_000, "9" * 5000, "[]", "\xff", '{"id2label": {"' + "9" * 5000 + '": "a"}}'],
)
def test_other_files_tell_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="latin-1")
    assert hub_config(tmp_path / "model.onnx") is None
    assert classifier_config(tmp_path / "model.onnx") == {}


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KEYS = st.sampled_from([
    "size", "crop_size", "crop_pct", "do_center_crop", "do_rescale", "rescale_factor", "do_normalize",
    "image_mean", "image_std", "resample", "mean", "std", "input_size", "crop_mode", "interpolation",
])  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, ANY, max_size=6), st.booleans(), ANY)
def test_whatever_they_hold_is_a_sound_card_or_nothing(
    tmp_path: Path, how: dict[str, Any], timm: bool, labels: Any
) -> None:
    config = {"pretrained_cfg": how, "label_names": labels} if timm else NET | {"id2label": labels}
    found = classifier_config(beside(tmp_path, config, how))
    assert found.get("size", 1) > 0
    assert 0 < found.get("crop", 1) <= 1
    assert 0 < found.get("scale", 1) < float("inf")
    assert min(found.get("std", (1,))) > 0
    hub_config(beside(tmp_path, DETR | {"id2label": labels}, how))
