"""A folder of hard frames is a whole dataset, whatever became of the program that wrote it."""

from __future__ import annotations

import errno
import json
import os
import re
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


def left(folder: Path, names: dict[str, float]) -> None:
    """What a program has written that has ended."""
    written(folder, names).close()


def details(folder: Path, name: str) -> str:
    return (folder / "details" / f"{name}.json").read_text()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_frame_is_a_picture_with_labels_and_details(tmp_path: Path) -> None:
    written(tmp_path, {"a": 0.5})
    named = {".lock", "classes.txt", "data.yaml"}
    assert files(tmp_path) == named | {"images/a.jpg", "labels/a.txt", "details/a.json"}
    assert (
        (tmp_path / "labels" / "a.txt")
        .read_text()
        .splitlines()[0]
        .startswith("0 0.187500 0.375000")
    )


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    left(tmp_path, {"b": 0.5, "a": 0.25})
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
    left(tmp_path, {"a": 0.5, "b": 0.5})
    (tmp_path / "images" / "a.jpg").unlink()
    assert [one.name for one in HardFrameFolder(tmp_path, "street").open()] == ["b"]
    assert not {name for name in files(tmp_path) if Path(name).stem == "a"}


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    left(tmp_path, {"a": 0.5})
    (tmp_path / "images" / "mine.jpg").write_bytes(b"mine")
    others = {"mine": "{", "notes": '{"of": "others"}', "copy": details(tmp_path, "a")}
    for name, text in others.items():
        (tmp_path / "details" / f"{name}.json").write_text(text)
    (tmp_path / "labels" / "notes.txt").write_text("notes")
    HardFrameFolder(tmp_path, "street").open()
    assert (tmp_path / "images" / "mine.jpg").read_bytes() == b"mine"
    assert {name: details(tmp_path, name) for name in others} == others
    assert (tmp_path / "labels" / "notes.txt").read_text() == "notes"


def test_a_link_to_others_loses_them_nothing(tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "settings.json").write_text('{"of": "others"}')
    (tmp_path / "hard").mkdir()
    (tmp_path / "hard" / "details").symlink_to(tmp_path / "others")
    HardFrameFolder(tmp_path / "hard", "street").open()
    assert (tmp_path / "others" / "settings.json").read_text() == '{"of": "others"}'


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
    left(tmp_path, {"a": 0.25, "b": 0.75})
    first, second = pre_labelled_pictures(tmp_path)
    assert (first.file.name, second.file.name) == ("b.jpg", "a.jpg")
    assert (first.width, first.height, first.model) == (64, 48, "street 1c0b")
    assert [(one.class_name, one.score) for one in first.objects] == [("person", 0.9), ("car", 0.4)]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"picture": "../../secret.jpg"}, id="a picture elsewhere"),
        pytest.param({"width": 0}, id="a picture without a size"),
        pytest.param({"reasons": {"uncertain": float("nan")}}, id="no number"),
        pytest.param({"reasons": {"uncertain": "much"}}, id="no reason"),
        pytest.param(
            {"objects": [{"box": [1, 2, 3], "class_id": 0, "score": 0.5}]}, id="a box of three"
        ),
        pytest.param(
            {"objects": [{"box": "1234", "class_id": 9, "score": 0.5}]}, id="an unknown class"
        ),
        pytest.param({"objects": [None]}, id="no object"),
    ],
)
def test_damaged_details_are_an_error_that_names_them(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    written(tmp_path, {"a": 0.25})
    path = tmp_path / "details" / "a.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(SourceError, match=r"a\.json: these are no details of a hard frame"):
        list(pre_labelled_pictures(tmp_path))


def test_a_folder_without_hard_frames_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there are no hard frames in it"):
        list(pre_labelled_pictures(tmp_path))


def test_one_program_at_a_time_collects_into_a_folder(tmp_path: Path) -> None:
    first = written(tmp_path, {"a": 0.5})
    second = HardFrameFolder(tmp_path, "street")
    with pytest.raises(SinkError, match="another program collects hard frames into it"):
        second.open()
    assert not second.is_open
    first.write("b", seen(1), 1e9, {"rare": 0.5}, LOOKS)
    first.close()
    assert [one.name for one in second.open()] == ["a", "b"]
    with pytest.raises(SinkError, match="another program"):
        first.open()


def test_a_folder_that_was_moved_away_is_free_for_others(tmp_path: Path) -> None:
    first = written(tmp_path / "gate", {"a": 0.5})
    (tmp_path / "gate").rename(tmp_path / "done")
    assert not first.is_open
    assert first.open() == []
    with pytest.raises(SinkError, match="another program"):
        HardFrameFolder(tmp_path / "gate", "street").open()
    assert len(HardFrameFolder(tmp_path / "done", "street").open()) == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("call", ["stat", "mkdir", "read_text"])
def test_whatever_a_share_that_is_away_says_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    folder = written(tmp_path, {"a": 0.5})

    def away(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(Path, call, away)
        if call == "stat":
            with pytest.raises(SinkError, match=re.escape(str(tmp_path))):
                folder.write("b", seen(1), 1e9, {"rare": 0.5}, LOOKS)
        with pytest.raises(SinkError, match=re.escape(str(tmp_path))):
            folder.open()
    assert [one.name for one in folder.open()] == ["a"]
