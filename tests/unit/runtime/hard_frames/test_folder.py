"""A folder of hard frames is a whole dataset, whatever became of the program that wrote it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.unit.runtime.hard_frames.scenes import seen

from sightline.errors import SinkError, SourceError
from sightline.runtime.hard_frames.folder import HardFrameFolder, pre_labelled_pictures

LOOKS = np.array([1.5, -2.0], np.float32)


def written(folder: Path, names: dict[str, float]) -> HardFrameFolder:
    opened = HardFrameFolder(folder, "street 1c0b")
    opened.open()
    for number, (name, hard) in enumerate(names.items()):
        opened.write(name, seen(number), 1e9 + number, {"uncertain": hard}, LOOKS)
    return opened


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_frame_is_a_picture_with_labels_and_details(tmp_path: Path) -> None:
    written(tmp_path, {"a": 0.5})
    named = {"classes.txt", "data.yaml"}
    assert files(tmp_path) == named | {"images/a.jpg", "labels/a.txt", "details/a.json"}
    assert (
        (tmp_path / "labels" / "a.txt")
        .read_text()
        .splitlines()[0]
        .startswith("0 0.187500 0.375000")
    )


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    written(tmp_path, {"b": 0.5, "a": 0.25})
    found = HardFrameFolder(tmp_path, "street").open()
    assert [(one.name, one.utc, one.reasons) for one in found] == [
        ("b", 1e9, {"uncertain": 0.5}),
        ("a", 1e9 + 1, {"uncertain": 0.25}),
    ]
    assert found[0].size == sum(
        (tmp_path / kind).stat().st_size
        for kind in ("images/b.jpg", "labels/b.txt", "details/b.json")
    )
    np.testing.assert_array_equal(found[0].appearance, LOOKS)


def test_what_a_kill_has_left_is_removed(tmp_path: Path) -> None:
    written(tmp_path, {"a": 0.5, "b": 0.5})
    (tmp_path / "images" / "a.jpg").unlink()
    assert [one.name for one in HardFrameFolder(tmp_path, "street").open()] == ["b"]
    assert not {name for name in files(tmp_path) if Path(name).stem == "a"}


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    written(tmp_path, {"a": 0.5})
    (tmp_path / "images" / "mine.jpg").write_bytes(b"mine")
    (tmp_path / "details" / "mine.json").write_text("{")
    HardFrameFolder(tmp_path, "street").open()
    assert (tmp_path / "images" / "mine.jpg").read_bytes() == b"mine"


def test_labels_of_somebody_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "truth.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(SinkError, match="labels that Sightline did not write"):
        HardFrameFolder(tmp_path, "street").open()


def test_nothing_is_left_of_what_cannot_be_written(tmp_path: Path) -> None:
    folder = written(tmp_path, {"a": 0.5})
    before = files(tmp_path)
    (tmp_path / "images" / "b.jpg").mkdir()
    with pytest.raises(SinkError):
        folder.write("b", seen(1), 1e9, {"rare": 0.5}, LOOKS)
    assert files(tmp_path) == before


def test_pictures_are_given_with_what_was_found_the_hardest_first(tmp_path: Path) -> None:
    written(tmp_path, {"a": 0.25, "b": 0.75})
    first, second = pre_labelled_pictures(tmp_path)
    assert (first.file.name, second.file.name) == ("b.jpg", "a.jpg")
    assert (first.width, first.height, first.model) == (64, 48, "street 1c0b")
    assert [(one.class_name, one.score) for one in first.objects] == [("person", 0.9), ("car", 0.4)]


def test_a_folder_without_hard_frames_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there are no hard frames in it"):
        list(pre_labelled_pictures(tmp_path))
