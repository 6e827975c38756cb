"""Pictures of a YOLO dataset, and their label files."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.yolo_pictures import (
    choose_split,
    files_below,
    inner_folder,
    label_path,
    list_of_pictures,
    pictures_below,
    pictures_of_split,
    stray_labels,
)
from sightline.evaluation.pictures.yolo_yaml import Description


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def described(folder: Path, root: str = "", **splits: tuple[str, ...]) -> Description:
    return Description(folder / "data.yaml", root, ("a",), None, splits)


@pytest.mark.parametrize(
    ("there", "picture", "labels"),
    [
        pytest.param((), "images/val/a.jpg", "labels/val/a.txt", id="images becomes labels"),
        pytest.param((), "images/images/a.jpg", "images/labels/a.txt", id="the last one does"),
        pytest.param(
            ("images/a.txt",), "images/a.jpg", "images/a.txt", id="beside, where it is there only"
        ),
        pytest.param(
            ("images/a.txt", "labels/a.txt"), "images/a.jpg", "labels/a.txt", id="in both"
        ),
        pytest.param(("Labels/a.txt",), "Images/a.jpg", "Labels/a.txt", id="capitals"),
        pytest.param((), "val/a.jpg", "val/a.txt", id="no folder of that name: beside"),
        pytest.param(("val/labels/a.txt",), "val/a.jpg", "val/labels/a.txt", id="labels beside"),
        pytest.param((), "images/a.b.jpg", "labels/a.b.txt", id="dots in the name"),
    ],
)
def test_where_labels_are(
    there: tuple[str, ...], picture: str, labels: str, tmp_path: Path
) -> None:
    made(tmp_path, picture, *there)
    assert label_path(tmp_path / picture) == tmp_path / labels


def test_pictures_in_the_order_of_their_paths(tmp_path: Path) -> None:
    made(tmp_path, "b.JPG", "a/z.png", "a/._z.png", "__MACOSX/z.png", "c.svg.txt", "d.heic")
    notes = Notes()
    found = pictures_below(tmp_path, None, notes)
    assert [picture.name for picture in found] == ["a/z.png", "b.JPG"]
    assert "hidden file: 2" in " ".join(notes.lines())
    mirrored = pictures_below(tmp_path, tmp_path / "labels", Notes())
    assert [p.labels for p in mirrored] == [tmp_path / "labels" / n for n in ("a/z.txt", "b.txt")]


def test_links_that_lead_back_are_followed_once(tmp_path: Path) -> None:
    made(tmp_path, "a/x.jpg")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert files_below(tmp_path) == [tmp_path / "a" / "x.jpg"]


def test_a_folder_whatever_its_capitals(tmp_path: Path) -> None:
    (tmp_path / "IMAGES").mkdir()
    assert inner_folder(tmp_path, "images") == tmp_path / "IMAGES"
    (tmp_path / "images").mkdir()
    assert inner_folder(tmp_path, "images") == tmp_path / "images"
    assert inner_folder(tmp_path / "none", "images") == tmp_path / "none" / "images"


@pytest.mark.parametrize(
    ("splits", "asked", "chosen"),
    [
        (("train", "val"), None, "val"),
        (("train", "valid"), None, "valid"),
        (("train", "validation"), "val", "validation"),
        (("train", "test"), None, "test"),
        (("train",), None, "train"),
        (("train", "val"), "train", "train"),
    ],
)
def test_the_split_that_is_scored(
    splits: tuple[str, ...], asked: str | None, chosen: str, tmp_path: Path
) -> None:
    assert choose_split(described(tmp_path, **dict.fromkeys(splits, ("x",))), asked) == chosen


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no split test: there are train, val"):
        choose_split(described(tmp_path, train=("x",), val=("y",)), "test")
    with pytest.raises(ConfigError, match="there is no split val: there are none"):
        choose_split(described(tmp_path), None)


@pytest.mark.parametrize(
    ("root", "entry"),
    [
        pytest.param("", "val", id="beside the YAML file"),
        pytest.param("", "../val", id="Roboflow's way out of the folder"),
        pytest.param("/home/me/data", "/home/me/data/val", id="a path of another machine"),
        pytest.param("", "val/images", id="the folder of pictures in it"),
        pytest.param("", "val/", id="a slash at the end"),
        pytest.param("", "val/images/a.jpg", id="a single picture"),
    ],
)
def test_pictures_of_a_split(root: str, entry: str, tmp_path: Path) -> None:
    made(tmp_path, "val/images/a.jpg", "val/labels/a.txt")
    (found,) = pictures_of_split(described(tmp_path, root, val=(entry,)), "val", Notes())
    assert found.path == tmp_path / "val" / "images" / "a.jpg"
    assert found.labels == tmp_path / "val" / "labels" / "a.txt"


def test_a_split_whose_pictures_are_gone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.yaml:val: gone is not there.*correct `path`"):
        pictures_of_split(described(tmp_path, val=("gone",)), "val", Notes())


def test_a_list_of_pictures(tmp_path: Path) -> None:
    made(tmp_path, "images/a.jpg", "images/b.jpg")
    (tmp_path / "val.txt").write_text("./images/a.jpg\n\n/elsewhere/images/b.jpg\ngone.jpg\n")
    notes = Notes()
    found = list_of_pictures(tmp_path / "val.txt", notes)
    assert [p.name for p in found] == ["images/a.jpg", "elsewhere/images/b.jpg"]
    assert [p.path.name for p in found] == ["a.jpg", "b.jpg"]
    assert notes.lines() == ("val.txt: left out, the picture is not there: 1 (line 4)",)
    (tmp_path / "val.txt").write_text("gone.jpg\n")
    with pytest.raises(ConfigError, match=r"val\.txt:1: gone\.jpg is not there"):
        list_of_pictures(tmp_path / "val.txt", Notes())


def test_labels_of_no_picture(tmp_path: Path) -> None:
    made(tmp_path, "a.txt", "b.txt", "classes.txt", ".c.txt", "d.md")
    assert stray_labels(tmp_path, {tmp_path / "a.txt"}) == [tmp_path / "b.txt"]
