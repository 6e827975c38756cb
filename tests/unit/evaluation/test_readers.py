"""Readers of labels and of predictions: what they read, and what they say of bad files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.coco import read_coco
from sightline.evaluation.pictures.coco_boxes import number
from sightline.evaluation.pictures.datasets import read_dataset
from sightline.evaluation.pictures.labels import Dataset
from sightline.evaluation.pictures.predictions import read_predictions
from sightline.evaluation.pictures.yolo import read_yolo
from sightline.evaluation.pictures.yolo_lines import UnusableLine, read_values
from sightline.evaluation.text_files import read_whole


def size_of(path: Path) -> tuple[int, int]:
    return (200, 100)


def annotations() -> dict[str, Any]:
    return {
        "images": [{"id": 9, "file_name": "b/x.jpg"}, {"id": 4, "file_name": "a.jpg"}],
        "categories": [{"id": 7, "name": "car"}, {"id": 2, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 7, "bbox": [10, 20, 30, 40], "area": 900},
            {"id": 2, "image_id": 9, "category_id": 2, "bbox": [1, 2, 3, 4], "iscrowd": 1},
        ],
    }


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    (tmp_path / "truth.json").write_text(json.dumps(annotations()))
    return read_dataset(tmp_path / "truth.json", size_of)


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


def yolo(folder: Path, labels: dict[str, str], pictures: tuple[str, ...] = ()) -> Path:
    for name in (*pictures, *(f"{label}.jpg" for label in labels)):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for label, text in labels.items():
        path = folder / "labels" / f"{label}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    "names",
    ["[dog, cat]", "{0: dog, 1: cat}", "\n  1: cat\n  0: dog"],
    ids=["list", "map", "block"],
)
def test_yolo(tmp_path: Path, names: str) -> None:
    labels = {"val/b": "1 0.5 0.5 0.2 0.4\n\n0 .1 .2 .3 .2 .3 .8\n", "a": ""}
    yolo(tmp_path, labels, ("c.PNG",))
    (tmp_path / "data.yaml").write_text(f"names: {names}\n")
    dataset = read_dataset(tmp_path, size_of, class_names=("other",))
    assert dataset.class_names == ("dog", "cat")
    assert [p.name for p in dataset.pictures] == ["a.jpg", "c.PNG", "val/b.jpg"]
    assert [len(p.truth) for p in dataset.pictures] == [0, 0, 2]
    truth = dataset.pictures[2].truth
    np.testing.assert_allclose(truth.boxes, [[80, 30, 120, 70], [20, 20, 60, 80]], atol=1e-4)
    assert truth.class_ids.tolist() == [1, 0]
    assert dataset.pictures[2].areas.tolist() == pytest.approx([1600, 2400], rel=1e-5)


def test_yolo_without_names(tmp_path: Path) -> None:
    dataset = read_yolo(yolo(tmp_path, {"a": "1 .5 .5 1 1"}), size_of, class_names=("x", "y"))
    assert dataset.pictures[0].truth.class_name(1) == "y"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("0 .5 .5 .2", "4 numbers", id="four"),
        pytest.param("0 .5 .5 .2 .2 .1 .1 .2", "8 numbers", id="eight"),
        pytest.param("0 .5 .5 .2 x", "this is not a row of numbers: 'x'", id="text"),
        pytest.param(
            "0,.5,.5,.2,.2",
            "this is not a row of numbers: '0,.5,.5,.2,.2': blanks stand between numbers, no commas",
            id="commas",
        ),
        pytest.param("0 50 50 20 20", "not all numbers are shares", id="pixels"),
        pytest.param("0 nan .5 .2 .2", "not all numbers are shares", id="nan"),
        pytest.param("0 -.5 .5 .2 .2", "not all numbers are shares", id="negative"),
        pytest.param("2 .5 .5 .2 .2", "class 2 has no name: there are 2", id="class"),
        pytest.param("0.5 .5 .5 .2 .2", "class 0.5", id="broken class"),
        pytest.param("nan .5 .5 .2 .2", "class nan", id="no class"),
    ],
)
def test_bad_yolo_line(tmp_path: Path, line: str, message: str) -> None:
    """It is left out and noted, and refused where there is nothing else."""
    notes = Notes()
    yolo(tmp_path, {"a": f"0 .5 .5 .2 .2\n{line}\n"})
    dataset = read_yolo(tmp_path, size_of, class_names=("x", "y"), notes=notes)
    assert [len(p.truth) for p in dataset.pictures] == [1]
    (note,) = notes.lines()
    assert message in note
    assert note.endswith("(a.txt:2)")
    (tmp_path / "labels" / "a.txt").write_text(f"\n{line}\n")
    with pytest.raises(ConfigError, match=f"a.txt:2: {message}"):
        read_yolo(tmp_path, size_of, class_names=("x", "y"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("names: {a: b}", "give a list", id="not numbered"),
        pytest.param("names: [a, [b]]", "give a list", id="list in a list"),
        pytest.param("names: [a]\nkpt_shape: 17", "give two numbers", id="key points"),
        pytest.param("path: x", "give a list", id="none"),
        pytest.param("- a\n- [", r"data.yaml:\d: this is not YAML", id="yaml"),
    ],
)
def test_bad_yolo_names(tmp_path: Path, text: str, message: str) -> None:
    (yolo(tmp_path, {"a": ""}) / "data.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_yolo(tmp_path, size_of)


def test_bad_yolo_folders(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no YOLO folder: there is no .*labels"):
        read_dataset(tmp_path, size_of)
    yolo(tmp_path, {"a": "", "b": ""})
    (tmp_path / "labels" / "a.txt").unlink()
    (tmp_path / "images" / "b.jpg").unlink()
    with pytest.raises(ConfigError, match=r"b.txt has no picture"):
        read_dataset(tmp_path, size_of)
    for path in ("labels/b.txt", "images/a.jpg"):
        (tmp_path / path).unlink()
    with pytest.raises(ConfigError, match="holds no pictures"):
        read_dataset(tmp_path, size_of)


def line(stream: str, *objects: dict[str, Any]) -> str:
    return json.dumps({"stream": stream, "frame": 0, "objects": list(objects)})


CAR = {"box": [1, 2, 3, 4], "score": 0.5, "class_id": 99, "class": "car"}
DOG = CAR | {"class": "dog"}


@pytest.mark.parametrize(
    "name", ["b/x.jpg", "x.jpg", "elsewhere/x.jpg"], ids=["name", "file", "other folder"]
)
def test_json_lines(dataset: Dataset, tmp_path: Path, name: str) -> None:
    (tmp_path / "f.jsonl").write_text(line(name, DOG, CAR) + "\n\n")
    first, second = read_predictions(tmp_path / "f.jsonl", dataset)
    assert len(first) == 0
    assert second.boxes.tolist() == [[1, 2, 3, 4]]
    assert second.class_ids.tolist() == [1]
    assert second.scores.tolist() == [0.5]


def test_coco_results(dataset: Dataset, tmp_path: Path) -> None:
    result = {"image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5}
    (tmp_path / "f.json").write_text(json.dumps([result, result | {"image_id": "a"}]))
    first, second = read_predictions(tmp_path / "f.json", dataset)
    for found in (first, second):
        assert found.boxes.tolist() == [[1, 2, 4, 6]]
        assert found.class_ids.tolist() == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "f:1: this is not JSON", id="json"),
        pytest.param("[" * 100_000, "f:1: .*: it is nested too deeply", id="results: depth"),
        pytest.param(line("a.jpg") + "\n" + '{"a":' * 100_000, "f:2: .* too deeply", id="depth"),
        pytest.param("[%s]" % ("1" * 5000), "f:1: .* thousands of digits", id="results: digits"),
        pytest.param('{"a": %s}' % ("1" * 5000), "f:1: .* thousands of digits", id="digits"),
        pytest.param(line("a.jpg") + "\n{}", "f:2: .* no stream", id="no stream"),
        pytest.param('{"stream": "a.jpg"}', "f:1: .* no list of objects", id="no objects"),
        pytest.param(line("z.jpg"), "f:1: picture 'z.jpg' is not in", id="unknown picture"),
        pytest.param(line("a.jpg") + "\n" + line("a.jpg"), "f:2: .* in line 1 already", id="twice"),
        pytest.param(line("a.jpg", {"box": []}), "f:1: an object needs", id="no score"),
        pytest.param(line("a.jpg", CAR | {"box": [1, 2]}), "f:1: a box is four", id="short box"),
        pytest.param(line("a.jpg", CAR | {"score": None}), "f:1: a box is four", id="null score"),
        pytest.param(line("a.jpg", DOG), r"none of its classes \(dog\)", id="classes"),
        pytest.param("[3]", r"f:\[0\]: this is no object", id="results: number"),
        pytest.param(
            '[{"image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4]}]', "score must", id="no score"
        ),
        pytest.param(
            '[{"image_id": 5, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 1}]',
            "image_id is not in",
            id="results: picture",
        ),
    ],
)
def test_bad_predictions(dataset: Dataset, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "f").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_predictions(tmp_path / "f", dataset)


def test_scoring_of_some_classes(dataset: Dataset, tmp_path: Path) -> None:
    exact = {"image_id": 9, "category_id": 7, "bbox": [10, 20, 30, 40], "score": 0.5}
    (tmp_path / "f.json").write_text(json.dumps([exact]))
    found = read_predictions(tmp_path / "f.json", dataset)
    assert dataset.score(found, ["car"]).map == pytest.approx(1)
    assert list(dataset.score(found, ["car"]).per_class) == ["car"]
    with pytest.raises(ConfigError, match="did you mean car"):
        dataset.score(found, ["cars"])


def test_a_line_of_megabytes_is_not_quoted_as_a_whole(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "f").write_text(json.dumps({"stream": "z" * 1_000_000, "objects": []}))
    with pytest.raises(ConfigError, match="f:1: picture 'zz") as caught:
        read_predictions(tmp_path / "f", dataset)
    assert len(str(caught.value)) < 2_000 + len(str(tmp_path))


def test_a_word_of_megabytes_is_not_quoted_as_a_whole() -> None:
    with pytest.raises(UnusableLine, match=r"this is not a row of numbers: .*zz") as caught:
        read_values("0 " + "z" * 1_000_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("word", ["1_0", ".1_5", "\u0663", "1e1_0"])
def test_numbers_that_only_python_reads(word: str) -> None:
    with pytest.raises(UnusableLine, match="this is not a row of numbers"):
        read_values(f"0 .5 .5 {word} .1")
    assert number(word) is None
    with pytest.raises(ValueError, match="a number"):
        read_whole(word)
