"""What ``track`` takes as a source, what single pictures are called, and that they get no ids."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.fixed_detector import FixedDetector

import sightline as sl
from sightline import build
from sightline.errors import ConfigError
from sightline.sources.file import FileSource
from sightline.sources.images import ImageSource
from sightline.sources.stills import still_frame

PIXELS = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def model() -> sl.Model:
    box = np.array([[8, 8, 40, 40]], np.float32)
    return sl.Model(
        FixedDetector(sl.Detections(box, np.full(1, 0.9, np.float32), np.zeros(1, np.int64)))
    )


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), PIXELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param("a", ["1.png", "2.png"], id="a folder"),
        pytest.param(Path("a/1.png"), ["1.png"], id="one picture"),
        pytest.param("*/1.png", ["a/1.png", "b/1.png"], id="a glob"),
        pytest.param(["b/1.png", Path("a/1.png")], ["b/1.png", "a/1.png"], id="a list"),
        pytest.param(("a/2.png",), ["2.png"], id="a tuple"),
    ],
)
def test_pictures_that_are_no_film_get_no_ids(
    model: sl.Model, caplog: pytest.LogCaptureFixture, source: Any, names: list[str]
) -> None:
    with caplog.at_level(logging.WARNING):
        seen = list(model.track(source, tracker=sl.ByteTrack()))
    assert [(one.frame.stream, one.detections.track_ids) for one in seen] == [
        (name, None) for name in names
    ]
    assert [len(one.detections) for one in seen] == [1] * len(names)
    assert caplog.text.count("get no ids") == 1
    assert "fps=25" in caplog.text


@pytest.mark.parametrize("source", ["a", ["a/1.png", "a/2.png"]], ids=["a folder", "a list"])
def test_pictures_of_a_film_get_ids(model: sl.Model, source: Any) -> None:
    seen = list(model.track(source, fps=25, start="2026-11-28T08:00:00Z"))
    assert [one.frame.time for one in seen] == [0.0, 0.04]
    assert [one.detections.track_ids.tolist() for one in seen] == [[1], [1]]
    assert seen[1].frame.utc - seen[0].frame.utc == pytest.approx(0.04)


def test_a_source_of_pictures_follows_the_same_rule(model: sl.Model) -> None:
    assert next(model.track(ImageSource("a"))).detections.track_ids is None
    assert next(model.track(ImageSource("a", fps=5))).detections.track_ids.tolist() == [1]


class Capture:
    """Like OpenCV's."""

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def read(self) -> tuple[bool, np.ndarray]:
        return True, PIXELS


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "an array": (lambda: PIXELS, "ndarray is none: pictures of your own are tracked one after"),
    "a frame": (lambda: still_frame(PIXELS), "Frame is none: pictures of your own"),
    "a generator": (lambda: (PIXELS for _ in "ab"), "sl.ByteTrack()"),
    "a list of arrays": (lambda: [PIXELS], "a list may name picture files, not ndarray: pictures"),
    "a list of films": (
        lambda: ["a.mp4", "b.mp4"],
        "not 'a.mp4': track one source after the other",
    ),
    "a list of cameras": (lambda: [0, 1], "a list may name picture files, not int"),
    "an address in a list": (lambda: ["http://h/a.jpg"], "not 'http://h/a.jpg'"),
    "a folder in a list": (lambda: ["a"], "a list may name picture files, not 'a'"),
    "an empty list": (list, "the list is empty: give a video file"),
    "bytes": (lambda: b"street.mp4", "bytes is none: what is in memory"),
    "an open file": (lambda: io.BytesIO(b"x"), "save it to a file first"),
    "a capture": (Capture, "Capture is none: give what it was opened with"),
    "None": (lambda: None, "NoneType is none: give a video file, an rtsp://"),
    "nothing": (lambda: "", "it is empty"),
    "True": (lambda: True, "bool is none"),
    "a float": (lambda: 0.0, "float is none"),
    "a camera below 0": (lambda: -1, "cameras are numbered from 0, not -1"),
    "a class": (lambda: FileSource, "FileSource is none: give one, FileSource(...), not its class"),
    "a model": (lambda: sl.Model(FixedDetector()), "the source comes first, then the model"),
    "a dictionary": (lambda: {"source": "a"}, "dict is none"),
}


@pytest.mark.parametrize(("make", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_source(model: sl.Model, make: Callable[[], Any], said: str) -> None:
    for track in (model.track, lambda source: sl.track(source, model)):
        with pytest.raises(ConfigError, match=rf"^source: .*{re.escape(said)}"):
            track(make())  # at the call, before the first frame is asked for


@pytest.mark.parametrize(
    ("specs", "names"),
    [
        pytest.param(["a/1.png", "b/1.png"], ["a/1.png", "b/1.png"], id="two pictures"),
        pytest.param(["a", "b"], ["a/1.png", "a/2.png", "b/1.png"], id="two folders"),
        pytest.param(["b/*.png", "a/1.png"], ["b/1.png", "a/1.png"], id="a glob and a picture"),
        pytest.param(["a/../b/1.png", "a/1.png"], ["b/1.png", "a/1.png"], id="a way around"),
        pytest.param(["a/2.png", "b/1.png"], ["2.png", "1.png"], id="names that differ"),
        pytest.param(["a/1.png"], ["1.png"], id="one"),
    ],
)
def test_pictures_of_one_name_are_told_apart(specs: list[str], names: list[str]) -> None:
    inputs = build.inputs(specs)
    assert [frame.stream for one in inputs for frame in one.source] == names
