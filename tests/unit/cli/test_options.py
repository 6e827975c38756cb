"""Options that commands share: what a shell offers, and the model options that they mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.cli import options
from sightline.cli.options import (
    listed_names,
    model_names,
    model_options,
    network_names,
    words,
    zoo_names,
)
from sightline.config import ModelOptions, TiledModelOptions
from sightline.errors import ConfigError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "sightline" / "models"
    folder.mkdir(parents=True)
    for name in ("mine.onnx", "yolox_nano.onnx", "mine.json", "notes.txt"):
        (folder / name).touch()
    return folder


def test_models_are_kept_in_the_users_cache(cache: Path) -> None:
    assert options.cache_folder() == cache


@pytest.mark.parametrize(
    ("typed", "offered"), [("", ["a", "ab", "b"]), ("a", ["a", "ab"]), ("x", [])]
)
def test_words_that_begin_like_what_was_typed(typed: str, offered: list[str]) -> None:
    assert words("a", "ab", "b")(typed) == offered


def test_names_that_a_shell_offers() -> None:
    assert model_names("m") == network_names("m") == ["mine"]
    assert "people" in model_names("peo")
    assert "people" not in network_names("peo")
    assert zoo_names("yolox_n") == ["yolox_nano"]
    assert listed_names("yolox_n") == ["yolox_nano"], "once, although it was pulled"
    assert set(zoo_names("")) <= set(listed_names(""))


def test_without_options_a_model_is_the_configurations(cache: Path) -> None:
    assert model_options("yolox_nano") == ModelOptions(model="yolox_nano", models_dir=cache)


def test_options_mean_those_of_the_configuration(tmp_path: Path) -> None:
    found = model_options(
        "m.onnx", size="640x384", classes="person,car", backend="onnxruntime", precision="fp32",
        device="cpu", agnostic_nms=True, models_dir=tmp_path, conf=0.4, iou=0.5, max_detections=7,
    )  # fmt: skip
    assert (found.size, tuple(found.classes or ()), found.models_dir) == (
        (640, 384),
        ("person", "car"),
        tmp_path,
    )
    assert (found.backend, found.engine.precision, found.engine.device) == (
        "onnxruntime",
        "fp32",
        "cpu",
    )
    assert (found.agnostic_nms, found.conf, found.iou, found.max_detections) == (True, 0.4, 0.5, 7)


def test_tiles_make_another_kind_of_model() -> None:
    found = model_options("m.onnx", tiles={"smallest": 32})
    assert isinstance(found, TiledModelOptions)
    assert found.smallest == 32


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"conf": 1.5}, "conf: it must be 1 or less, not 1.5"),
        ({"iou": -0.1}, "iou: "),
        ({"size": "640x"}, "size: give 640, or 640x384"),
        ({"backend": "tensorfow"}, "backend: it must be 'auto'"),
        ({"precision": "fp8"}, "precision: it must be 'auto'"),
        ({"device": "gpu:x"}, "device: "),
        ({"max_detections": 0}, "max_detections: "),
        ({"tiles": {"overlap": 1.0}}, "overlap: "),
    ],
)
def test_a_mistake_names_its_option(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        model_options("m.onnx", **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", ["", None])
def test_no_classes_are_all_classes(classes: str | None) -> None:
    assert model_options("m.onnx", classes=classes).classes is None
