"""Files that describe a YOLO dataset."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.evaluation.pictures.label_files import size_of, yolo

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.yolo import read_yolo
from sightline.evaluation.pictures.yolo_yaml import (
    find_description,
    read_description,
    read_name_list,
    unique,
)


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


@pytest.mark.parametrize(
    ("text", "names", "note"),
    [
        pytest.param("names: [a, yes, 1]", ("a", "yes", "1"), None, id="words of YAML are names"),
        pytest.param("names: {0: a, 2: c}", ("a", "1", "c"), "a class has no name", id="a gap"),
        pytest.param("names: [a, a]", ("a", "a"), "several classes are named a", id="twice"),
        pytest.param("nc: 2", ("0", "1"), "classes have no names", id="a number of classes"),
        pytest.param("train: x", (), None, id="only pictures"),
    ],
)
def test_names_of_classes(
    text: str, names: tuple[str, ...], note: str | None, tmp_path: Path
) -> None:
    (tmp_path / "data.yaml").write_text(text)
    notes = Notes()
    assert read_description(tmp_path / "data.yaml", notes).names == names
    assert [note in line for line in notes.lines()] == [True] * (note is not None)


@pytest.mark.parametrize("text", ["nc: 1000000000", "names: {1000000000: a}", f"nc: {'9' * 5000}"])
def test_a_number_of_classes_fills_no_memory(text: str, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(ConfigError, match="there can be 100000 classes at most"):
        read_description(tmp_path / "data.yaml", Notes())


def test_splits_and_key_points(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(
        "path: ../d\ntrain: [a, b]\nval: c\ntest: null\nnames: [a]\nkpt_shape: [17, 3]\n"
    )
    found = read_description(tmp_path / "data.yaml", Notes())
    assert (found.root, found.key_points) == ("../d", (17, 3))
    assert found.splits == {"val": ("c",), "train": ("a", "b")}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        pytest.param({"data.yaml": "", "x.yaml": "names: [a]"}, "data.yaml", id="by its name"),
        pytest.param(
            {"coco8.yaml": "names: [a]", "y.yml": "a: b"}, "coco8.yaml", id="the only one"
        ),
        pytest.param({"x.yaml": "names: [a]", "y.yml": "names: [b]"}, None, id="two of them"),
        pytest.param({"x.yaml": "- [", "y.yml": "names: [b]"}, "y.yml", id="one that is no YAML"),
        pytest.param({".x.yaml": "names: [a]"}, None, id="a hidden one"),
    ],
)
def test_the_file_that_describes_a_folder(
    files: dict[str, str], found: str | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert find_description(tmp_path) == (None if found is None else tmp_path / found)


def test_a_list_of_names(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    assert read_name_list(tmp_path / "labels") == ()
    (tmp_path / "classes.txt").write_text("car\n\n traffic light \n")
    assert read_name_list(tmp_path / "labels") == ("car", "traffic light")


def test_names_that_are_there_twice_get_their_number() -> None:
    assert unique(("a", "b", "a")) == ("a", "b", "a (2)")
