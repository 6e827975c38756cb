"""Recordings whose first moment is known, and what cannot be given one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sightline import build
from sightline.build.sources import check_source
from sightline.config import StreamOptions, checked
from sightline.errors import ConfigError, SourceError
from sightline.sources.dated import DatedSource
from sightline.sources.images import ImageSource
from sightline.sources.paced import PacedSource
from sightline.sources.street.source import StreetSource

START = datetime(2026, 11, 28, 8, tzinfo=UTC)
STREET = "street://?width=128&height=96&fps=10&duration=0.3&seed=1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    import cv2

    for name in ("2.jpg", "10.jpg", "1.jpg"):
        cv2.imwrite(str(tmp_path / name), np.zeros((48, 64, 3), np.uint8))
    return tmp_path


def test_frames_are_at_the_start_and_their_time(folder: Path) -> None:
    for spec, fps, step in ((STREET, None, 0.1), (str(folder), 25.0, 0.04)):
        (found,) = build.inputs([spec], fps=fps, start=START)
        frames = list(found.source)
        assert [f.utc for f in frames] == [START.timestamp() + n * step for n in range(3)]
        assert {f.clock for f in frames} == {"start"}
        assert not found.still


def test_without_a_start_recordings_have_no_wall_clock_time(folder: Path) -> None:
    for spec in (STREET, str(folder)):
        (found,) = build.inputs([spec])
        assert {(f.utc, f.clock) for f in found.source} == {(None, None)}


def test_what_stands_for_a_camera_has_the_time_of_arrival() -> None:
    before = datetime.now(UTC).timestamp()
    for source in (PacedSource(StreetSource(STREET)), StreetSource(STREET + "&live=true")):
        frames = list(source)
        assert frames
        assert {f.clock for f in frames} == {"arrival"}
        assert all(before <= f.utc <= datetime.now(UTC).timestamp() for f in frames)  # type: ignore[operator]
    dated = [f.utc for f in PacedSource(DatedSource(StreetSource(STREET), START))]
    assert dated[0] == START.timestamp()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"source": "0", "start": START}, "0 is live"),
        ({"source": "rtsp://joe:secret@cam/live", "start": START}, r"\*\*\*@cam/live is live"),
        ({"source": "{folder}", "start": START}, "pictures, which have no time: give fps"),
        ({"source": STREET, "fps": 25}, "only pictures are given one"),
        ({"source": "rtsp://cam/live", "fps": 25}, "only pictures are given one"),
        ({"source": "a.mp4", "start": "2026-11-28T08:00:00"}, "needs its zone"),
        ({"source": "a.mp4", "start": 5}, "a moment is a text"),
        ({"source": "a.mp4", "fps": 0}, "fps: it must be more than 0"),
    ],
)
def test_times_that_do_not_fit_are_refused(
    folder: Path, values: dict[str, object], message: str
) -> None:
    values = {**values, "source": str(values["source"]).format(folder=folder)}
    with pytest.raises(ConfigError, match=message):
        check_source(checked(StreamOptions, **values))


def test_a_start_after_which_the_calendar_ends() -> None:
    late = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    with pytest.raises(ConfigError, match=r"start: .* is too late: frames must lie before 10000"):
        DatedSource(StreetSource(STREET), late)


def test_a_live_stream_takes_no_start() -> None:
    source = DatedSource(StreetSource(STREET + "&live=true"), START)
    with pytest.raises(SourceError, match="this stream is live"):
        source.open()


def test_pictures_with_a_rate_are_one_film(folder: Path) -> None:
    info = ImageSource(folder, fps=25).open()
    assert (info.still, info.fps, info.frames) == (False, 25, 3)
