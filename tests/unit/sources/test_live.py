"""What live sources are called, and what is refused before anything is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.live import CameraSource, LiveSource, SdpSource
from sightline.types import SourceState


@pytest.fixture
def description(tmp_path: Path) -> Path:
    path = tmp_path / "gate 1.sdp"
    path.write_text("v=0\r\nc=IN IP4 239.1.2.3\r\nm=video 5004 RTP/AVP 96\r\n")
    return path


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (
            lambda: LiveSource("rtsp://joe:geheim@camera/live?token=x"),
            "rtsp://joe:***@camera/live?token=***",
        ),
        (lambda: LiveSource("rtsp://camera/live", "gate"), "gate"),
        (CameraSource, "camera-0"),
        (lambda: CameraSource("/dev/video3"), "camera-/dev/video3"),
        (lambda: CameraSource(2, "desk"), "desk"),
    ],
)
def test_names(make: Callable[[], LiveSource], name: str) -> None:
    source = make()
    assert source._name == name
    assert source.status.state is SourceState.CONNECTING
    assert source.status.read == 0


def test_a_description_is_called_by_its_file(description: Path) -> None:
    assert SdpSource(description)._name == "gate 1"
    assert SdpSource(str(description), "gate")._name == "gate"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LiveSource("ftp://camera/live"), "is no address of a stream"),
        (lambda: LiveSource("rtsp:///live"), "is no address of a stream"),
        (lambda: LiveSource("street.mp4"), "is no address of a stream"),
        (lambda: LiveSource(""), "is no address of a stream"),
        (lambda: SdpSource("/nowhere/x.sdp"), "/nowhere/x.sdp does not exist: check the path"),
        (lambda: SdpSource("/"), "/ does not exist: check the path"),
    ],
)
def test_refused_at_once(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        make()


def test_a_description_that_names_a_host_which_is_not_allowed(description: Path) -> None:
    with pytest.raises(SourceError, match=r"239\.1\.2\.3"):
        SdpSource(description, options=LiveOptions(hosts=("camera",)))
