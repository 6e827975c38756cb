"""Folders of pictures that are called by what they show."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.evaluation.pictures.class_folders import check_known, read_class_folders


def folders(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def test_each_picture_is_what_its_folder_is_called(tmp_path: Path) -> None:
    root = folders(tmp_path, "red/2.jpg", "red/deep/1.PNG", "blue/1.jpg", "blue/notes.txt", ".git/1.jpg", "0.jpg")  # fmt: skip
    found = [(one.path.name, one.label) for one in read_class_folders(root)]
    assert found == [("1.jpg", "blue"), ("2.jpg", "red"), ("1.PNG", "red")]


def test_one_part_of_a_dataset_is_read(tmp_path: Path) -> None:
    root = folders(tmp_path, "train/red/1.jpg", "val/red/2.jpg")
    assert [one.path.name for one in read_class_folders(root)] == ["2.jpg"]


@pytest.mark.parametrize("files", [(), ("1.jpg",), ("red/1.txt",)])
def test_no_pictures_in_folders(tmp_path: Path, files: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="no folder in it holds a picture"):
        read_class_folders(folders(tmp_path, *files))
    with pytest.raises(ConfigError, match="a folder of pictures for each class"):
        read_class_folders(tmp_path / "none")


def test_labels_that_the_model_does_not_know_are_named() -> None:
    check_known(["red"], ["red", "blue"], "labels")
    with pytest.raises(ConfigError, match="labels: the model names nothing pink; it knows red, blue"):  # fmt: skip
        check_known(["red", "pink"], ["red", "blue"], "labels")
