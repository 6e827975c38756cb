"""A dataset for YOLO: names of classes over runs, and folders of somebody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from sightline.errors import SinkError
from sightline.sinks.yolo_dataset import YoloDataset
from sightline.types import Detections, Observation


def found(*names: str, class_id: int | None = None, points: int | None = None) -> Detections:
    ids = [] if class_id is None else [class_id]
    boxes = np.tile(np.array([1, 1, 9, 9], np.float32), (len(ids), 1))
    keypoints = None if points is None else np.zeros((len(ids), points, 3), np.float32)
    scores = np.ones(len(ids), np.float32)
    return Detections(
        boxes, scores, np.array(ids, np.int64), class_names=names, keypoints=keypoints
    )


def described(folder: Path) -> dict[str, object]:
    content: dict[str, object] = yaml.safe_load((folder / "data.yaml").read_text())
    return content


def named(folder: Path, *seen: Detections) -> list[str]:
    dataset = YoloDataset(folder, scores=False, pictures=False)
    dataset.check()
    dataset.open()
    for one in seen:
        dataset.name_classes(one)
    return (folder / "classes.txt").read_text().splitlines()


@pytest.mark.parametrize(
    ("seen", "names"),
    [
        pytest.param([found("a", "b")], ["a", "b"], id="names"),
        pytest.param([found(class_id=2)], ["0", "1", "2"], id="numbers"),
        pytest.param([found("a"), found("a", class_id=2)], ["a", "1", "2"], id="more than names"),
        pytest.param([found("a\nb", " c\t d ", "")], ["a b", "c d", "2"], id="one line each"),
    ],
)
def test_classes(tmp_path: Path, seen: list[Detections], names: list[str]) -> None:
    assert named(tmp_path, *seen) == names
    assert described(tmp_path)["names"] == dict(enumerate(names))
    assert named(tmp_path, *seen) == names  # a second run


def test_a_second_run_may_know_more_classes_but_no_others(tmp_path: Path) -> None:
    named(tmp_path, found("a", "b"))
    assert named(tmp_path, found("a", "b", "c")) == ["a", "b", "c"]
    assert named(tmp_path, found("a")) == ["a", "b", "c"]
    with pytest.raises(SinkError, match="a model with other classes"):
        named(tmp_path, found("b", "a"))


def test_keypoints_have_their_shape(tmp_path: Path) -> None:
    named(tmp_path, found("a", points=5))
    assert described(tmp_path)["kpt_shape"] == [5, 3]


@pytest.mark.parametrize(
    "text", ["names: [", "names: 3", "[]", "a: &a [*a]", "names: {0: a}\nnc: " + "9" * 5000]
)
def test_a_description_that_names_nothing_is_refused(tmp_path: Path, text: str) -> None:
    named(tmp_path, found("a"))
    head = (tmp_path / "data.yaml").read_text().splitlines()[0]
    (tmp_path / "data.yaml").write_text(f"{head}\n{text}")
    with pytest.raises(SinkError, match="does not name the classes: choose another folder"):
        named(tmp_path, found("a", "b"))


@pytest.mark.parametrize(
    ("files", "ours"),
    [
        pytest.param({}, True, id="an empty folder"),
        pytest.param({"images/a.jpg": "x"}, True, id="pictures alone"),
        pytest.param({"labels/train/a.txt": "0"}, False, id="labels"),
        pytest.param({"classes.txt": "a"}, False, id="names"),
        pytest.param({"data.yaml": "names: [a]"}, False, id="a description"),
    ],
)
def test_folders_of_somebody_else(tmp_path: Path, files: dict[str, str], ours: bool) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    dataset = YoloDataset(tmp_path, scores=False, pictures=False)
    if ours:
        dataset.check()
    else:
        with pytest.raises(SinkError, match="labels that Sightline did not write"):
            dataset.check()


def test_a_frame_and_its_labels(tmp_path: Path, observe: Callable[..., Observation]) -> None:
    seen = observe(boxes=[[24, 16, 72, 48, 0.5, 2, 7]])
    dataset = YoloDataset(tmp_path, scores=True, pictures=True)
    dataset.open()
    dataset.write("x/1", seen.frame, seen.detections)
    dataset.write("x/2", seen.frame, replace(seen.detections)[:0])
    assert dataset.label("x/1").read_text() == "2 0.500000 0.500000 0.500000 0.500000 0.500000 7\n"
    assert dataset.label("x/2").read_text() == ""
    assert dataset.picture("x/1").read_bytes()[:3] == b"\xff\xd8\xff"
