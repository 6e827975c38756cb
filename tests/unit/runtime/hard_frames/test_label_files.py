"""Hard frames as Label Studio, CVAT and COCO have them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.unit.runtime.hard_frames.scenes import seen

from sightline.errors import ConfigError, SinkError, SourceError
from sightline.runtime.hard_frames.folder import HardFrameFolder
from sightline.runtime.hard_frames.label_files import LABEL_FILES, write_label_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    opened = HardFrameFolder(tmp_path / "gate", "street 1c0b")
    opened.open()
    looks = np.zeros(2, np.float32)
    opened.write("a b", seen(0), 1e9, {"uncertain": 0.25}, looks)
    opened.write("c", seen(1, boxes=0), 1e9, {"rare": 0.75}, looks)
    return tmp_path / "gate"


def test_label_studio_gets_tasks_with_predictions(folder: Path, tmp_path: Path) -> None:
    assert write_label_file(folder, "label-studio", tmp_path / "tasks.json", "/files/") == 2
    hardest, other = json.loads((tmp_path / "tasks.json").read_text())
    assert hardest == {
        "data": {"image": "/files/c.jpg"},
        "predictions": [{"model_version": "street 1c0b", "score": 0.25, "result": []}],
    }
    assert other["data"] == {"image": "/files/a%20b.jpg"}
    person, car = other["predictions"][0]["result"]
    assert person["value"] == {
        "x": 6.25, "y": 12.5, "width": 25.0, "height": 50.0, "rotation": 0, "rectanglelabels": ["person"],
    }  # fmt: skip
    assert (person["original_width"], person["original_height"], person["score"]) == (64, 48, 0.9)
    # The car reaches over the picture's border: a tool takes no more than 100 percent.
    assert car["value"]["x"] + car["value"]["width"] == pytest.approx(100)
    assert car["id"] != person["id"]


def test_the_labelling_interface_names_what_the_tasks_name(folder: Path, tmp_path: Path) -> None:
    write_label_file(folder, "label-studio", tmp_path / "tasks.json")
    view = ET.parse(tmp_path / "tasks.xml").getroot()
    image, rectangles = view.find("Image"), view.find("RectangleLabels")
    assert image is not None
    assert rectangles is not None
    assert image.attrib == {"name": "image", "value": "$image"}
    assert rectangles.attrib == {"name": "label", "toName": "image"}
    assert [label.get("value") for label in rectangles] == ["person", "car"]


def test_cvat_gets_an_archive_in_its_own_form(folder: Path, tmp_path: Path) -> None:
    write_label_file(folder, "cvat", tmp_path / "hard.zip")
    with zipfile.ZipFile(tmp_path / "hard.zip") as archive:
        names = {
            "images/train/c.jpg",
            "images/train/a b.jpg",
            "labels/train/c.txt",
            "labels/train/a b.txt",
        }
        assert set(archive.namelist()) == names | {"data.yaml", "train.txt"}
        described = yaml.safe_load(archive.read("data.yaml"))
        assert described == {"path": "./", "train": "train.txt", "names": {0: "person", 1: "car"}}
        assert archive.read("train.txt").decode().splitlines() == [
            "images/train/c.jpg",
            "images/train/a b.jpg",
        ]
        assert archive.read("images/train/c.jpg") == (folder / "images" / "c.jpg").read_bytes()
        assert len(archive.read("labels/train/a b.txt").splitlines()) == 2


def test_coco_gets_boxes_with_scores(folder: Path, tmp_path: Path) -> None:
    write_label_file(folder, "coco", tmp_path / "coco.json")
    coco = json.loads((tmp_path / "coco.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == ["c.jpg", "a b.jpg"]
    assert coco["categories"] == [{"id": 0, "name": "person"}, {"id": 1, "name": "car"}]
    assert [(one["image_id"], one["category_id"], one["bbox"]) for one in coco["annotations"]] == [
        (2, 0, [4.0, 6.0, 16.0, 24.0]),
        (2, 1, [30.0, 10.0, 34.0, 30.0]),
    ]


@pytest.mark.parametrize("kind", LABEL_FILES)
def test_a_file_of_another_kind_is_never_replaced(kind: str, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for content in (b"SQLite format 3\0", b"my notes", b'{"my": "settings"}', b"PK\x03\x04other"):
        other.write_bytes(content)
        with pytest.raises(ConfigError, match="a file of another kind is there"):
            write_label_file(folder, kind, other)
        assert other.read_bytes() == content
    with pytest.raises(SinkError, match="it is a folder"):
        write_label_file(folder, kind, folder)
    assert (folder / "images" / "c.jpg").is_file()
    other.write_bytes(b"")
    for _ in range(2):  # its own kind is
        assert write_label_file(folder, kind, other) == 2


def test_an_interface_is_written_over_no_other_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tasks.xml").write_text("<mine/>")
    with pytest.raises(ConfigError, match=r"tasks\.xml: a file of another kind"):
        write_label_file(folder, "label-studio", tmp_path / "tasks.json")
    assert not (tmp_path / "tasks.json").exists()
    with pytest.raises(ConfigError, match=r"give a \.json"):
        write_label_file(folder, "label-studio", tmp_path / "new.xml")


@pytest.mark.parametrize("place", ["images/c.jpg", "labels/c.txt"])
def test_a_link_to_a_secret_is_not_handed_on(place: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("PRIVATE KEY")
    (folder / place).unlink()
    (folder / place).symlink_to(tmp_path / "secret")
    with pytest.raises(SourceError, match="this is no"):
        write_label_file(folder, "cvat", tmp_path / "hard.zip")
    assert not (tmp_path / "hard.zip").exists()


def test_names_of_classes_are_those_of_the_dataset(tmp_path: Path) -> None:
    one = seen(0)
    named = replace(one, detections=replace(one.detections, class_names=("traffic  light\n", "")))
    opened = HardFrameFolder(tmp_path / "gate", "m")
    opened.open()
    opened.write("a", named, 1e9, {"uncertain": 0.25}, np.zeros(2, np.float32))
    write_label_file(tmp_path / "gate", "label-studio", tmp_path / "tasks.json")
    (task,) = json.loads((tmp_path / "tasks.json").read_text())
    labels = [one["value"]["rectanglelabels"] for one in task["predictions"][0]["result"]]
    assert labels == [["traffic light"], ["1"]]
    write_label_file(tmp_path / "gate", "coco", tmp_path / "coco.json")
    assert len(json.loads((tmp_path / "coco.json").read_text())["annotations"]) == 2


@pytest.mark.parametrize("kind", LABEL_FILES)
def test_nothing_half_is_left(kind: str, folder: Path, tmp_path: Path) -> None:
    write_label_file(folder, kind, tmp_path / "out" / "file.bin")
    assert all(not path.name.startswith(".") for path in (tmp_path / "out").iterdir())
