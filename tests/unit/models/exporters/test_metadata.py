"""Words that exporters leave in models, as fields of a card."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from sightline.errors import ModelError
from sightline.models.exporters.metadata import (
    DETECTION_TASKS,
    from_metadata,
    program_metadata,
    refuse_task,
    told_family,
    yaml_metadata,
)

HERE = Path("model.onnx")
BY = {"author": "Ultralytics"}


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param(
            {"names": "{0: 'person', 1: 'car'}", "stride": "32", "imgsz": "[384, 640]", "task": "detect"},
            {
                "class_names": {0: "person", 1: "car"}, "stride": 32, "size": (640, 384),
                "task": "detect",
            },
            id="a detector of Ultralytics",
        ),
        pytest.param({"names": '{"0": "a", "10": "b"}'}, {"class_names": {0: "a", 10: "b"}}, id="ids as texts"),
        pytest.param({"names": "['a', 'b']"}, {"class_names": ["a", "b"]}, id="a list of names"),
        pytest.param({"stride": "32.0"}, {"stride": 32}, id="a stride with a point"),
        pytest.param(
            {"task": "pose", "kpt_shape": "[17, 3]", "kpt_names": "{0: ['nose', 'eye'], 1: ['nose', 'eye']}"},
            {"task": "pose", "keypoint_shape": (17, 3), "keypoint_names": ("nose", "eye")}, id="a pose",
        ),
        pytest.param(
            {"kpt_names": "{0: ['nose'], 1: ['wheel']}"}, {"keypoint_names": ()}, id="names by class"
        ),
        pytest.param(
            {"license": "AGPL-3.0", "attributes": '{"colour": ["red"]}', "margin": "0.1", "resize": "stretch"},
            {
                "licence": "AGPL-3.0", "attributes": {"colour": ["red"]}, "margin": 0.1,
                "resize": "stretch",
            },
            id="ours",
        ),
    ],
)  # fmt: skip
def test_fields(words: dict[str, str], fields: dict[str, object]) -> None:
    assert from_metadata(words, DETECTION_TASKS, HERE) == fields


def test_classifiers_of_ultralytics_are_cut_as_torchvision_does() -> None:
    words = {"task": "classify", **BY}
    assert from_metadata(words, ("classify",), HERE) == {
        "task": "classify", "resize": "centre-crop", "crop": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("names", "{0: person}"), ("names", "[" * 5000), ("names", ""), ("stride", "inf"),
        ("stride", "many"), ("imgsz", "640"), ("imgsz", "[640]"), ("imgsz", "['a', 'b']"),
        ("kpt_shape", "[17]"), ("kpt_names", "[1]"), ("kpt_names", "{0: [['a']]}"),
        ("attributes", "{"), ("margin", "wide"),
    ],
)  # fmt: skip
def test_words_that_cannot_be_read_are_named(key: str, word: str) -> None:
    with pytest.raises(ModelError, match=f"model.onnx: the model's metadata {key}=.*unreadable"):
        from_metadata({key: word}, DETECTION_TASKS, HERE)


@pytest.mark.parametrize(
    ("task", "wanted", "said"),
    [
        ("classify", DETECTION_TASKS, "a detection model is needed: `sightline classify`"),
        ("detect", ("classify", "embed"), "a classifier or an embedder is needed: export one"),
        ("depth", DETECTION_TASKS, "'depth'; a detection model is needed: export one"),
    ],
)
def test_other_tasks_are_refused(task: str, wanted: tuple[str, ...], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        refuse_task(task, wanted, HERE)
    refuse_task(wanted[0], wanted, HERE)


@pytest.mark.parametrize(
    ("words", "family"),
    [
        pytest.param({"head": "Detect"}, None, id="of another program"),
        pytest.param(BY, None, id="nothing told"),
        pytest.param(BY | {"head": "Detect"}, "yolov8", id="YOLO"),
        pytest.param(BY | {"head": "RTDETRDecoder"}, "detr-rows", id="RT-DETR"),
        pytest.param(BY | {"description": "Ultralytics RTDETR-l"}, "detr-rows", id="an older RT-DETR"),
        pytest.param(BY | {"args": "{'nms': True}"}, "end-to-end", id="with NMS"),
        pytest.param(BY | {"args": "{'nms': False}", "end2end": "True"}, "end-to-end", id="YOLOv10"),
        pytest.param(BY | {"task": "segment"}, "yolov8-segment", id="masks"),
        pytest.param(
            BY | {"task": "pose", "args": "{'nms': True}"}, "end-to-end-pose", id="keypoints with NMS"
        ),
        pytest.param(BY | {"args": "{'nms': ", "task": "obb"}, "yolov8-obb", id="half an option"),
        pytest.param(BY | {"args": "[" * 5000}, None, id="nested options"),
    ],
)  # fmt: skip
def test_families(words: dict[str, str], family: str | None) -> None:
    assert told_family(words) == family


def test_yaml_beside_an_export(tmp_path: Path) -> None:
    path = tmp_path / "metadata.yaml"
    assert yaml_metadata(path) == {}
    path.write_text("author: Ultralytics\nstride: 32\nimgsz: [640, 640]\nnames:\n  0: person\n")
    assert yaml_metadata(path) == {
        "author": "Ultralytics", "stride": "32", "imgsz": "[640, 640]", "names": "{0: 'person'}",
    }  # fmt: skip
    path.write_text("author: somebody\n  [")
    assert yaml_metadata(path) == {}
    for damage in ("names: [", "names: " + "[" * 700, "date: 2026-99-99", "a: &a [*a]"):
        path.write_text(f"author: Ultralytics\n{damage}")
        with pytest.raises(ModelError, match=r"metadata\.yaml: not whole: \S"):
            yaml_metadata(path)


def test_words_of_a_program(tmp_path: Path) -> None:
    path = tmp_path / "model.torchscript"

    def write(member: str, text: bytes) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(member, text)

    write("model/extra/config.txt", json.dumps({"stride": 32, "task": "detect"}).encode())
    assert program_metadata(path) == {"stride": "32", "task": "detect"}
    for member, text in (
        ("model/code/a.py", b"{}"),
        ("model/extra/config.txt", b"[1]"),
        ("model/extra/config.txt", b"{"),
        ("model/extra/config.txt", b"[" * 100_000),
        ("model/extra/config.txt", b" " * 10_000_001 + b"{}"),
    ):
        write(member, text)
        assert program_metadata(path) == {}
    write("model/extra/config.txt", b'{"stride": 32}' * 50)
    damaged = bytearray(path.read_bytes())
    at = damaged.index(b"config.txt") + len(b"config.txt")
    damaged[at : at + 4] = b"\xff" * 4
    path.write_bytes(damaged)
    assert program_metadata(path) == {}
    path.write_bytes(b"no archive")
    assert program_metadata(path) == {}
    assert program_metadata(tmp_path / "none") == {}
