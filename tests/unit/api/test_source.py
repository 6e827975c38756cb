"""What programs may give as a source."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sightline.api.source import source_of
from sightline.errors import ConfigError
from sightline.sources.file import FileSource
from sightline.sources.images import ImageSource
from sightline.sources.live import CameraSource, LiveSource
from sightline.sources.street.source import StreetSource


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("b.png", "a.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    return tmp_path


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("street://?duration=1", StreetSource),
        ("rtsp://camera/live", LiveSource),
        (0, CameraSource),
        (np.int64(1), CameraSource),
        ("street.mp4", FileSource),
        (Path("street.mp4"), FileSource),
    ],
)
def test_words_paths_and_numbers(given: Any, kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("street.mp4").write_bytes(b"never opened")
    assert isinstance(source_of(given), kind)


def test_pictures_as_a_folder_a_glob_or_a_list(pictures: Path) -> None:
    for given in (
        pictures,
        str(pictures),
        f"{pictures}/*.png",
        [pictures / "a.png", str(pictures / "b.png")],
    ):
        source = source_of(given)  # type: ignore[arg-type]
        assert isinstance(source, ImageSource)
        assert source.open().still
        assert len(list(source)) == 2
    film = source_of(pictures, fps=10)
    assert not film.open().still
    assert film.open().fps == 10


def test_several_sources_are_no_source(pictures: Path) -> None:
    for name in ("c.mp4", "d.mp4"):
        (pictures / name).touch()
    with pytest.raises(
        ConfigError, match=r"source: .*\*\.mp4 is 2 sources, .*c\.mp4 the first: track one after"
    ):
        source_of(f"{pictures}/*.mp4")


def test_a_source_of_ones_own_goes_through() -> None:
    source = StreetSource("street://?duration=1")
    assert source_of(source) is source
    with pytest.raises(ConfigError, match="fps: give it to the source itself"):
        source_of(source, fps=25)


@pytest.mark.parametrize("start", ["2026-11-28T12:00:00Z", datetime(2026, 11, 28, 12, tzinfo=UTC)])
def test_a_start_gives_frames_their_times(start: Any) -> None:
    source = source_of(
        StreetSource("street://?duration=0.2&fps=10&width=64&height=64"), start=start
    )
    times = [frame.utc for frame in source]
    began = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
    assert times == pytest.approx([began, began + 0.1])


def test_a_start_that_is_none() -> None:
    with pytest.raises(ConfigError, match="start: "):
        source_of("street://?duration=1", start="yesterday")
