"""Labels in COCO's JSON, and what is said of bad files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.evaluation.pictures.label_files import annotations, size_of

from sightline.errors import ConfigError
from sightline.evaluation.pictures.coco import read_coco
from sightline.evaluation.pictures.datasets import read_dataset
from sightline.evaluation.pictures.labels import Dataset


def test_coco(dataset: Dataset, tmp_path: Path) -> None:
    assert dataset.class_names == ("person", "car")
    assert dataset.category_ids == (2, 7)
    first, second = dataset.pictures
    assert (first.id, first.name, len(first.truth)) == (4, "a.jpg", 0)
    assert second.path == tmp_path / "b" / "x.jpg"
    assert second.truth.boxes.tolist() == [[10, 20, 40, 60], [1, 2, 4, 6]]
    assert second.truth.class_ids.tolist() == [1, 0]
    assert second.crowd.tolist() == [False, True]
    assert second.areas.tolist() == [900, 12]


def test_coco_pictures_beside_or_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "images" / "b").mkdir(parents=True)
    (tmp_path / "images" / "b" / "x.jpg").touch()
    (tmp_path / "truth.json").write_text(json.dumps(annotations()))
    beside = read_coco(tmp_path / "truth.json").pictures[0].path
    assert beside == tmp_path / "images" / "a.jpg"
    elsewhere = read_coco(tmp_path / "truth.json", images=tmp_path / "c").pictures[0].path
    assert elsewhere == tmp_path / "c" / "a.jpg"


@pytest.mark.parametrize(
    ("labels", "pictures", "given"),
    [
        pytest.param("_annotations.coco.json", "", "", id="Roboflow"),
        pytest.param("annotations/instances_default.json", "images", "", id="CVAT"),
        pytest.param(
            "annotations/instances_val2017.json", "val2017", "annotations/instances_val2017.json",
            id="COCO",
        ),
        pytest.param("result.json", "images", "", id="Label Studio"),
    ],
)  # fmt: skip
def test_coco_in_a_folder(tmp_path: Path, labels: str, pictures: str, given: str) -> None:
    for path in (tmp_path / labels, tmp_path / pictures / "a.jpg"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / labels).write_text(json.dumps(annotations()))
    dataset = read_dataset(tmp_path / given, size_of)
    assert dataset.pictures[0].path == tmp_path / pictures / "a.jpg"


def changed(change: Callable[[dict[str, Any]], Any]) -> str:
    content = annotations()
    change(content)
    return json.dumps(content)


def emptied(**entry: Any) -> str:
    """Annotations with a single entry, which cannot be used."""
    content = annotations()
    content["annotations"] = [content["annotations"][0] | entry]
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('{"images": [\n  oops', r"truth.json:2: this is not JSON", id="json"),
        pytest.param('{"a":' * 100_000, "truth.json:1: .*: it is nested too deeply", id="depth"),
        pytest.param('{"a": %s}' % ("1" * 5000), "number has thousands of digits", id="digits"),
        pytest.param("[]", r"truth.json:1: this is a list", id="list"),
        pytest.param(changed(lambda c: c.pop("images")), "truth.json:images: ", id="no images"),
        pytest.param(
            changed(lambda c: c.update(annotations=[3])), r"annotations\[0\]: ", id="number"
        ),
        pytest.param(
            changed(lambda c: c.update(images=[{"file_name": "a"}])), r"images\[0\]: ", id="no id"
        ),
        pytest.param(
            changed(lambda c: c["images"][1].update(id=9)), r"images\[1\]: the id 9", id="same id"
        ),
        pytest.param(
            changed(lambda c: c["categories"].append({"id": 7, "name": "bus"})),
            r"categories\[2\]: the id 7 is there twice, with two names",
            id="same category id",
        ),
        pytest.param(emptied(image_id=5), r"annotations\[0\]: its image_id is not", id="picture"),
        pytest.param(emptied(category_id=[1]), "its category_id is not", id="class"),
        pytest.param(emptied(bbox=[1, 2, 3]), r"bbox is not \[x, y,", id="three numbers"),
        pytest.param(emptied(bbox=[1, 2, 3, "x"]), "not made of numbers", id="text"),
        pytest.param(emptied(bbox=[1, 2, 3, float("nan")]), "not made of numbers", id="nan"),
        pytest.param(emptied(bbox=[1, 2, -3, 4]), "is negative", id="negative"),
        pytest.param(emptied(bbox=None), "neither bbox nor segmentation", id="no box"),
        pytest.param(
            emptied(bbox=[], segmentation={"counts": [3]}), "neither bbox nor", id="odd mask"
        ),
    ],
)
def test_bad_coco(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_dataset(tmp_path / "truth.json", size_of)


def test_absent_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.json cannot be read: No such file"):
        read_dataset(tmp_path / "none.json", size_of)
    (tmp_path / "binary.json").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ConfigError, match="no text file"):
        read_dataset(tmp_path / "binary.json", size_of)
