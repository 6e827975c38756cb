"""Files of pictures with what was found in them: names, folders, and what is never written over."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.unit.some_results import found_in, some

from sightline.errors import SinkError
from sightline.imaging.picture_files import DefaultNames
from sightline.sources.stills import StoredPicture, still_frame
from sightline.types import Detections, Frame, Observation


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "png", "webp", "bmp", "tif", "tiff"])
def test_save_makes_folders_and_says_where(picture: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "new" / "folder" / f"out.{suffix}"
    assert found_in(picture).save(target) == target
    assert cv2.imread(str(target)).shape == (64, 96, 3)
    assert [p.name for p in target.parent.iterdir()] == [target.name]
    if suffix == "png":
        assert (cv2.imread(str(target)) == found_in(picture).plot()).all()


def test_save_without_a_name_never_touches_what_was_read(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture.parent)
    before = picture.read_bytes()
    assert found_in("one.png").save() == Path("one-000000-annotated.jpg")
    assert some().save(image=cv2.imread("one.png")) == Path("image-annotated.jpg")
    frame = still_frame("one.png")
    assert frame.save() == Path("one-000000.jpg")
    assert Observation(frame, some()).save() == Path("one-000000-annotated-2.jpg")
    assert sorted(p.name for p in Path().iterdir()) == [
        "image-annotated.jpg", "one-000000-annotated-2.jpg", "one-000000-annotated.jpg",
        "one-000000.jpg", "one.png",
    ]  # fmt: skip
    assert picture.read_bytes() == before


def test_no_result_overwrites_another_one(
    picture: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other" / "one.png"
    other.parent.mkdir()
    cv2.imwrite(str(other), cv2.imread(str(picture)))
    whole, same_name = found_in(picture), found_in(other)
    names = [one.save().name for one in (whole, same_name, whole[:1], whole)]
    assert names == [
        "one-000000-annotated.jpg", "one-000000-annotated-2.jpg", "one-000000-annotated-3.jpg",
        "one-000000-annotated.jpg",
    ]  # fmt: skip


def test_a_folder_may_be_given(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(picture.parent)
    found = [found_in(cv2.imread("one.png")) for _ in range(3)]
    assert [str(one.save("new/")) for one in found] == [
        "new/image-000000-annotated.jpg", "new/image-000000-annotated-2.jpg",
        "new/image-000000-annotated-3.jpg",
    ]  # fmt: skip
    assert found[1].save(Path("new")) == Path("new/image-000000-annotated-2.jpg")
    frame = found[0].frame
    assert frame.save("new/") == Path("new/image-000000.jpg")
    assert Observation(frame, some()).save("new/") == Path("new/image-000000-annotated-4.jpg")


def test_default_names_take_bounded_memory_and_stay_apart(tmp_path: Path) -> None:
    class Owner:
        pass

    names = DefaultNames(most=2)
    for stem in "abc":
        (tmp_path / f"{stem}.jpg").touch()
        assert names.name(Owner(), tmp_path, stem) == tmp_path / f"{stem}.jpg"
    assert names.name(Owner(), tmp_path, "c") == tmp_path / "c-2.jpg"
    assert names.name(Owner(), tmp_path, "a") == tmp_path / "a-2.jpg"  # forgotten, but it is there


def test_a_frame_is_saved_as_it_is(picture: Path, tmp_path: Path) -> None:
    frame = still_frame(picture)
    saved = frame.save(tmp_path / "copy.png")
    assert (cv2.imread(str(saved)) == frame.image).all()


@pytest.mark.parametrize("name", ["out.gif", "out", "out.json", "out.mp4"])
def test_save_to_what_is_no_picture(picture: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(SinkError, match=rf"{name}.*\.jpg, \.jpeg, \.png"):
        found_in(picture).save(tmp_path / name)


def test_save_where_nothing_can_be_written(picture: Path) -> None:
    with pytest.raises(SinkError, match="a part of the path is a file"):
        found_in(picture).save(picture / "out.jpg")
    wide = np.zeros((2, 70_000, 3), np.uint8)
    with pytest.raises(SinkError, match=r"wide\.jpg: .*70000x2.*use \.png"):
        still_frame(wide).save(picture.parent / "wide.jpg")
    assert still_frame(wide).save(picture.parent / "wide.png").is_file()


def test_a_picture_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    cv2.imwrite(str(file), np.full((20, 30, 3), 99, np.uint8))
    before = file.read_bytes()
    link = tmp_path / "link.png"
    link.symlink_to(file)
    frame = still_frame(file)
    picture = StoredPicture(file, 30, 20)
    stored = Frame("elsewhere", 0, 0.0, 0.0, picture)
    found = Detections.empty()
    for path in (file, str(file), link):
        for save in (
            frame.save,
            stored.save,
            partial(found.save, image=frame),
            Observation(stored, found).save,
        ):
            with pytest.raises(SinkError, match="give another name"):
                save(path)
    assert file.read_bytes() == before
    assert frame.save(tmp_path / "b.png").exists()
