"""What a program may hand in as a source, and what to do instead with all else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sightline.build.source_checks import check_source
from sightline.errors import ConfigError
from sightline.sources.stills import still_frame


class Own:
    """A source of somebody's own."""

    def open(self) -> None: ...

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def close(self) -> None: ...


class Detects:
    def detect(self) -> None: ...


@pytest.mark.parametrize(
    "source",
    [
        "street.mp4", "rtsp://cam/live", Path("pictures"), 0, np.int64(2), ["a.jpg", Path("b.PNG")], ("c.tif",),
        pytest.param(Own(), id="somebody's own"),
    ],
)  # fmt: skip
def test_sources(source: object) -> None:
    check_source(source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param("", "it is empty: give a video file", id="nothing"),
        pytest.param("  ", "it is empty", id="blanks"),
        pytest.param(-1, "cameras are numbered from 0, not -1", id="below 0"),
        pytest.param(True, "bool is none", id="a truth value"),
        pytest.param(1.5, "float is none", id="a float"),
        pytest.param(None, "NoneType is none: give a video", id="None"),
        pytest.param([], "the list is empty", id="no pictures"),
        pytest.param(["a.mp4"], "may name picture files, not 'a.mp4'", id="a video in a list"),
        pytest.param(["http://x/a.jpg"], "not 'http://x/a.jpg'", id="an address in a list"),
        pytest.param([3], "not int", id="a number in a list"),
        pytest.param([np.zeros((4, 4, 3))], "ndarray: pictures of your own", id="pixels in a list"),
        pytest.param(Own, r"type is none|Own is none: give one, Own\(\.\.\.\), not its class", id="a class"),
        pytest.param(Detects(), "the source comes first, then the model", id="a model"),
        pytest.param(cv2.VideoCapture(), "give what it was opened with", id="OpenCV's"),
        pytest.param(b"\xff\xd8", "save it to a file first", id="bytes"),
        pytest.param(io.BytesIO(), "save it to a file first", id="a file object"),
        pytest.param(np.zeros((4, 4, 3)), r"tracker\.update\(model\.detect", id="pixels"),
        pytest.param(still_frame(np.zeros((4, 4, 3), np.uint8)), r"tracker\.update", id="a frame"),
        pytest.param(iter([]), r"tracker\.update", id="a generator"),
    ],
)  # fmt: skip
def test_what_is_none(source: object, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"source: .*({said})"):
        check_source(source)
