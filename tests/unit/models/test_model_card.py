"""The model card: its fields, its file, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sightline.coco import COCO_NAMES
from sightline.errors import ModelError
from sightline.models.history import HistoryStep
from sightline.models.model_card import (
    ModelCard,
    card_beside,
    card_path,
    card_text,
    validated_card,
    write_card,
)


def card(**fields: Any) -> ModelCard:
    return validated_card(Path("m.onnx"), {"name": "m", "size": 640, "fixed_size": True, **fields})


def refusal(**fields: Any) -> str:
    with pytest.raises(ModelError) as caught:
        card(**fields)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"size": 640}, {"size": (640, 640)}),
        ({"size": [640, 384]}, {"size": (640, 384)}),
        ({"mean": 0.5}, {"mean": (0.5, 0.5, 0.5)}),
        ({"std": [2.0]}, {"std": (2.0, 2.0, 2.0)}),
        ({"mean": [1, 2, 3]}, {"mean": (1.0, 2.0, 3.0)}),
        ({"class_names": ["a", "b"]}, {"class_names": ("a", "b")}),
        ({"class_names": {0: "a", 2: "c"}}, {"class_names": ("a", "1", "c")}),
        ({"class_names": {"1": "a", "0": "b"}}, {"class_names": ("b", "a")}),
        ({"class_names": {1: "a", 2: "b"}, "first_class": 1}, {"class_names": ("a", "b")}),
        ({"class_names": {0: "none", 1: "a"}, "first_class": 1}, {"class_names": ("none", "a")}),
        ({"class_names": {}}, {"class_names": ()}),
        ({"class_names": ["a\x1b[31m\nb"]}, {"class_names": ("a [31m b",)}),
    ],
)
def test_fields_as_people_write_them(given: dict[str, Any], expected: dict[str, Any]) -> None:
    found = card(**given)
    for name, value in expected.items():
        if name == "class_names" and "\x1b" in str(given):
            assert not any(ord(one) < 32 for one in found.class_names[0])
        else:
            assert getattr(found, name) == value


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sizes": 3}, "sizes: there is no such key; did you mean size?"),
        ({"size": 0}, "size.0: it must be more than 0, not 0"),
        ({"size": [640]}, "size.1: it is missing"),
        ({"scale": 0}, "scale: it must be more than 0, not 0"),
        ({"scale": float("nan")}, "scale: "),
        ({"std": [1, 0, 1]}, "std.1: it must be more than 0, not 0"),
        ({"std": -2}, "std.0: it must be more than 0, not -2"),
        ({"task": "detection"}, "task: it must be 'detect'"),
        ({"conf": 1.5}, "conf: it must be 1 or less, not 1.5"),
        ({"pad": 256}, "pad: it must be 255 or less, not 256"),
        ({"keypoint_shape": [17, 4]}, "keypoint_shape.1: "),
        ({"anchors": "yolov9"}, "anchors: known anchors are yolov5, yolov5-p6, yolov7"),
        ({"sha256": "abc"}, "sha256: "),
        (
            {"class_names": {"a": "car"}},
            "class_names: class ids are whole numbers from 0 on, not 'a'",
        ),
        (
            {"class_names": {-1: "none", 0: "car"}},
            "class_names: class ids are whole numbers from 0 on, not -1",
        ),
        (
            {"class_names": {1.5: "car"}},
            "class_names: class ids are whole numbers from 0 on, not 1.5",
        ),
        ({"class_names": {100_001: "car"}}, "class_names: class id 100001 is above 100000"),
        ({"class_names": {0: ["car"]}}, "class_names: the name of a class must be text"),
        ({"name": None}, "name: "),
    ],
)
def test_a_mistake_names_its_key_and_file(fields: dict[str, Any], message: str) -> None:
    assert refusal(**fields).startswith(f"m.yaml: {message}")


def test_what_is_missing() -> None:
    with pytest.raises(ModelError, match=r"m\.yaml: size: it is missing"):
        validated_card(Path("m.onnx"), {"name": "m", "fixed_size": True})


def test_published_anchors_are_those_of_a_name() -> None:
    anchors = card(anchors="yolov5").anchors
    assert anchors is not None
    assert [len(head) for head in anchors] == [3, 3, 3]
    assert anchors[0][0] == (10, 13)


def test_what_an_engine_is_told() -> None:
    found = card(scale=1 / 255, mean=0.5, std=0.25).normalization
    assert (found.scale, found.mean, found.std) == (1 / 255, (0.5,) * 3, (0.25,) * 3)


def test_a_card_is_written_and_read_again(tmp_path: Path) -> None:
    whole = card(
        class_names=["größe", "yes", "0"], attributes={"colour": ["red", "blue"]}, sha256="ab" * 32,
        tracker={"high_threshold": 0.4, "new_track_threshold": 0.5}, licence="MIT", outputs=["a", "b"],
    )  # fmt: skip
    model = tmp_path / "m.onnx"
    write_card(whole, model)
    assert card_path(model) == tmp_path / "m.yaml"
    fields = card_beside(model)
    assert "sha256" not in fields, "it was another file's"
    again = validated_card(model, fields)
    assert again == whole.model_copy(update={"sha256": None})
    assert yaml.safe_load(card_text(whole))["class_names"] == ["größe", "yes", "0"]


def test_lists_of_classes_may_be_called_by_a_word(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("class_names: coco\n")
    assert card_beside(tmp_path / "m.onnx")["class_names"] == list(COCO_NAMES)
    assert card_beside(tmp_path / "other.onnx") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- yolov8", "a model card is a mapping of fields, such as `decoder: yolov8`"),
        ("", "a model card is a mapping of fields"),
        ("decoder: [", "not a model card: "),
        ("decodr: yolov8", "decodr: there is no such key; did you mean decoder?"),
        ("conf: high", "conf: it must be a number"),
    ],
)
def test_a_file_that_is_no_card(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(ModelError) as caught:
        card_beside(tmp_path / "m.onnx")
    assert str(caught.value).startswith(f"{tmp_path / 'm.yaml'}: ")
    assert message in str(caught.value)


def step(tool: str, source: str | None) -> HistoryStep:
    return HistoryStep(tool=tool, source="x", source_sha256=source)


def test_steps_of_the_same_file_are_not_those_of_what_is_made_of_it() -> None:
    first, second, other = (
        step("export", "a" * 64),
        step("optimize", "b" * 64),
        step("again", "b" * 64),
    )
    grown = card().after(first).after(second)
    assert grown.history == (first, second)
    assert grown.after(other).history == (first, other)
