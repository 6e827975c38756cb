"""Which names an annotated video and annotated pictures may have, and what is meant by others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sightline.errors import ConfigError
from sightline.sinks.annotated import VIDEO_SUFFIXES, for_output
from sightline.sinks.images import ImageSink
from sightline.sinks.video import SUFFIXES, VideoSink
from sightline.types import OutputRequest, OutputStream


def request(path: str, streams: int = 1, *, still: bool = False) -> OutputRequest:
    names = [f"cam{number}" for number in range(streams)]
    made: dict[str, Any] = {"show_fps": False}
    return OutputRequest(
        path, tuple(OutputStream(name, still=still) for name in names), options=made
    )


def test_video_suffixes_are_those_that_can_be_encoded() -> None:
    assert set(SUFFIXES) == VIDEO_SUFFIXES


@pytest.mark.parametrize(
    ("name", "streams", "still", "kind"),
    [
        pytest.param("a.mp4", 1, False, VideoSink, id="a video"),
        pytest.param("a.MKV", 1, False, VideoSink, id="in capitals"),
        pytest.param("a/", 3, False, VideoSink, id="a folder of videos"),
        pytest.param("a/", 3, True, ImageSink, id="a folder of pictures"),
        pytest.param("a.png", 1, True, ImageSink, id="a picture"),
        pytest.param("a.v2/", 2, True, ImageSink, id="a folder with a dot"),
    ],
)
def test_what_is_written(
    tmp_path: Path, name: str, streams: int, still: bool, kind: type[object]
) -> None:
    made = for_output(request(f"{tmp_path}/{name}", streams, still=still))
    assert type(made) is kind


@pytest.mark.parametrize(
    ("name", "streams", "still", "said"),
    [
        pytest.param("a.mp4", 2, False, "2 videos go to a folder: .*a.mp4/", id="several videos"),
        pytest.param("a.mp3", 1, False, r"\.mp3 is no kind of video.*did you mean .*a\.mp4", id="near"),
        pytest.param("a.m4p", 1, False, r"did you mean .*a\.mp4", id="letters swapped"),
        pytest.param("a.xyz", 1, False, r"use \.avi, \.mkv, .* or a folder: .*a\.xyz/", id="far"),
        pytest.param("a.jpg", 1, False, r"\.jpg is no kind of video", id="a picture for a video"),
        pytest.param("a.mp4", 1, True, "pictures go to a folder", id="a video for pictures"),
        pytest.param("a.pgn", 1, True, r"\.pgn is no kind of picture.*mean .*a\.png", id="a picture"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, name: str, streams: int, still: bool, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        for_output(request(f"{tmp_path}/{name}", streams, still=still))
