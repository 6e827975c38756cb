"""Text files that list sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.sources.lists import is_list, listed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    for name in ("a.mp4", "pictures/1.jpg", "pictures/2.jpg"):
        (tmp_path / name).touch()
    return tmp_path


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "cameras.streams"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_files_addresses_and_cameras(folder: Path) -> None:
    text = "\ufeff# gates\n\n a.mp4 \r\nrtsp://u:p@h/1\n0\npictures/*.jpg\npictures\n"
    assert listed(written(folder, text)) == [
        str(folder / "a.mp4"), "rtsp://u:p@h/1", "0", str(folder / "pictures/*.jpg"), str(folder / "pictures"),
    ]  # fmt: skip


def test_paths_may_count_from_the_working_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("lists")
    monkeypatch.chdir(folder)
    assert listed(written(elsewhere, "a.mp4\n")) == ["a.mp4"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "it lists no source: write one a line", id="nothing"),
        pytest.param("# a\n\n", "it lists no source", id="comments alone"),
        pytest.param(
            "a.mp4\ngone.mp4\n", r"cameras\.streams:2: gone\.mp4 does not exist", id="gone"
        ),
        pytest.param(
            "pictures/*.png\n", r":1: pictures/\*\.png does not exist", id="a pattern of none"
        ),
        pytest.param(
            b"\xff\xfe\x00", "no text, so no list of sources: save it as UTF-8", id="no text"
        ),
    ],
)
def test_lists_that_cannot_be_read(folder: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        listed(written(folder, text))


def test_a_line_is_not_told_as_a_whole(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        listed(written(folder, "x" * 10_000))
    assert len(str(caught.value)) < 500 + len(str(folder))


def test_what_is_a_list(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    written(folder, "0")
    (folder / "TRAIN.TXT").touch()
    assert [is_list(s) for s in ("cameras.streams", "TRAIN.TXT")] == [True, True]
    assert [is_list(s) for s in ("gone.txt", "a.mp4", "http://h/a.txt")] == [False] * 3
