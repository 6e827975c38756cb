"""What deployment tools write beside a model: how it is fed, and the names of its classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests import exported_graphs as graphs

from sightline.build import decoders
from sightline.models.card import read_card
from sightline.models.exporters.neighbours import neighbour
from sightline.models.file import open_model
from sightline.models.model_card import ModelCard

INFER_CFG = """\
mode: paddle
arch: YOLO
Preprocess:
- interp: 2
  keep_ratio: {ratio}
  target_size: [96, 160]
  type: Resize
{norm}
- type: Permute
label_list: {labels}
"""
NONE = "- {mean: [0.0, 0.0, 0.0], norm_type: none, std: [1.0, 1.0, 1.0], type: NormalizeImage}"
IMAGENET = "- {is_scale: true, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], type: NormalizeImage}"
BYTES = "- {is_scale: false, mean: [1.0, 2.0, 3.0], std: [4.0, 5.0, 6.0], type: NormalizeImage}"


def paddle(folder: Path, norm: str, ratio: str = "false", labels: str = "[a, b, c]") -> ModelCard:
    path = graphs.pp_yoloe_raw().save(folder / "model.onnx")
    text = INFER_CFG.format(norm=norm, ratio=ratio, labels=labels)
    (folder / "infer_cfg.yml").write_text(text, encoding="utf-8")
    return read_card(open_model(path), decoders()).card


@pytest.mark.parametrize(
    ("norm", "scale", "mean", "std"),
    [
        pytest.param(NONE, 1 / 255, (0, 0, 0), (1, 1, 1), id="PP-YOLOE+"),
        pytest.param(
            IMAGENET, 1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), id="PP-YOLOE"
        ),
        pytest.param(BYTES, 1, (1, 2, 3), (4, 5, 6), id="bytes"),
        pytest.param("", 1, (0, 0, 0), (1, 1, 1), id="fused into the graph"),
    ],
)
def test_paddle_tells_how_pixels_are_scaled(
    norm: str, scale: float, mean: Any, std: Any, tmp_path: Path
) -> None:
    card = paddle(tmp_path, norm)
    assert (card.decoder, card.order, card.resize) == ("boxes-and-scores", "rgb", "stretch")
    assert card.class_names == ("a", "b", "c")
    assert card.scale == pytest.approx(scale)
    assert (card.mean, card.std) == (mean, std)


def test_paddle_pads_at_the_bottom_and_the_right_where_it_keeps_the_ratio(tmp_path: Path) -> None:
    card = paddle(tmp_path, NONE, ratio="true")
    assert (card.resize, card.pad) == ("letterbox-top-left", 0)


def test_names_of_another_model_s_file_are_not_taken(tmp_path: Path) -> None:
    card = paddle(tmp_path, NONE, labels="[a, b]")
    assert (card.class_names, card.resize) == ((), "letterbox")


def test_the_card_has_the_last_word(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text("class_names: [x, y, z]\nresize: letterbox")
    card = paddle(tmp_path, IMAGENET)
    assert (card.class_names, card.resize, card.mean[0]) == (("x", "y", "z"), "letterbox", 0.485)


def pipeline(*steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "pipeline": {
            "tasks": [
                {"module": "Transform", "transforms": [{"type": "LoadImageFromFile"}, *steps]},
                {"module": "Net", "name": "rtmdet"},
            ]
        }
    }


RTMDET = {
    "type": "Normalize",
    "mean": [103.53, 116.28, 123.675],
    "std": [57.375, 57.12, 58.395],
    "to_rgb": False,
}
YOLOX = {"type": "Normalize", "mean": [0, 0, 0], "std": [1, 1, 1], "to_rgb": False}
MMYOLO = {"type": "Normalize", "mean": [0, 0, 0], "std": [255, 255, 255], "to_rgb": True}
KEEP = {"type": "Resize", "keep_ratio": True, "size": [96, 160]}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(
            [KEEP, RTMDET, {"type": "Pad", "pad_val": {"img": [114, 114, 114]}}],
            ("bgr", 103.53, 58.395, "letterbox-top-left", 114),
            id="RTMDet",
        ),
        pytest.param(
            [KEEP, YOLOX, {"type": "Pad", "pad_to_square": True, "pad_val": 114.0}],
            ("bgr", 0, 1, "letterbox-top-left", 114),
            id="YOLOX",
        ),
        pytest.param(
            [{"type": "Resize", "keep_ratio": False}, RTMDET],
            ("bgr", 103.53, 58.395, "stretch", 0),
            id="SSD",
        ),
        pytest.param(
            [
                {"type": "YOLOv5KeepRatioResize"},
                {"type": "LetterResize", "pad_val": {"img": 114}},
                MMYOLO,
            ],
            ("rgb", 0, 255, "letterbox", 114),
            id="MMYOLO",
        ),
    ],
)
def test_mmdeploy_tells_how_a_model_is_fed(
    steps: list[dict[str, Any]], expected: tuple[Any, ...], tmp_path: Path
) -> None:
    path = graphs.mmdet().save(tmp_path / "end2end.onnx")
    (tmp_path / "pipeline.json").write_text(json.dumps(pipeline(*steps)))
    reading = read_card(open_model(path), decoders())
    card = reading.card
    assert (card.order, card.mean[0], card.std[2], card.resize, card.pad) == expected
    assert card.scale == 1
    assert reading.origin["order"] == "pipeline.json"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("infer_cfg.yml", "Preprocess: ["),
        ("infer_cfg.yml", "Preprocess: [1, {type: [Resize]}]\nlabel_list: {a: 1}"),
        ("infer_cfg.yml", "[Preprocess]"),
        ("pipeline.json", "["),
        ("pipeline.json", '{"pipeline": {"tasks": [1, {"module": "Transform", "transforms": 3}]}}'),
        (
            "pipeline.json",
            json.dumps(pipeline({"type": "Normalize", "mean": [0, 0, 0], "std": [1, 0, 1]})),
        ),
        ("pipeline.json", json.dumps(pipeline({"type": "Normalize", "mean": "x", "std": [1]}))),
    ],
)
def test_a_file_that_is_not_the_tool_s_says_nothing_of_pixels(
    name: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    found = neighbour(tmp_path / "model.onnx", "boxes-and-scores", 3)
    assert found is None or not {"mean", "std", "class_names"} & set(found.fields)


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "infer_cfg.yml").write_bytes(b"Preprocess: \xff")
    (tmp_path / "pipeline.json").mkdir()
    assert neighbour(tmp_path / "model.onnx", "boxes-and-scores", None) is None
    assert neighbour(tmp_path / "model.onnx", "yolov8", None) is None
