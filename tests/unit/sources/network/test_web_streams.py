"""What is behind an http address: a recording, pictures, a playlist; from answers without a server."""

from __future__ import annotations

import io
from typing import Any

import av
import cv2
import numpy as np
import pytest
from tests.unit.sources.network.conftest import CannedClient

from sightline.addresses import read_address
from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.network import web_streams
from sightline.sources.network.read_allowance import ReadAllowance
from sightline.sources.network.spooled import SpooledDownload
from sightline.sources.network.web import WebFile
from sightline.sources.network.web_streams import WebStream, open_web


def video(form: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        random = np.random.default_rng(0)
        for _ in range(5):  # noise: FFmpeg does not recognize an MPEG-TS of fewer than about 2 kB
            picture = random.integers(0, 256, (48, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def jpeg() -> bytes:
    return cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()


def answer(body: bytes, kind: str = "video/mp4", length: bool = True) -> bytes:
    told = f"Content-Length: {len(body)}\r\n" if length else ""
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{told}\r\n".encode() + body


class Opened:
    """Opens an address that answers so; keeps the client, and how often something came."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.client: Any = None
        self.alive = 0

    def __call__(self, *answers: bytes, url: str = "http://camera/live", allowed: Any = None, **options: Any) -> WebStream:  # fmt: skip
        def client(address: Any, hosts: Any, allowance: ReadAllowance) -> CannedClient:
            self.client = CannedClient(answers)
            self.client.allowance = allowance
            return self.client

        self._patch.setattr(web_streams, "WebClient", client)
        return open_web(read_address(url), allowed, LiveOptions(**options), {}, "cam", self._came)

    def _came(self) -> None:
        self.alive += 1


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    return Opened(monkeypatch)


def frames(stream: WebStream) -> int:
    with stream.container:
        return sum(1 for _ in stream.container.decode(video=0))


@pytest.mark.parametrize("form", ["matroska", "mpegts", "avi"])
def test_a_recording_is_read_as_it_comes(opened: Opened, form: str) -> None:
    body = video(form)
    stream = opened(answer(body, "video/x"))
    assert isinstance(stream.file, WebFile)
    assert (stream.length, stream.allowance) == (len(body), opened.client.allowance)
    assert frames(stream) == 5


def test_an_mp4_with_its_index_last_is_kept_where_the_server_sends_no_parts(opened: Opened) -> None:
    body = video("mp4")
    stream = opened(answer(body))
    assert isinstance(stream.file, SpooledDownload)
    assert stream.length == len(body)
    assert frames(stream) == 5
    assert opened.alive > 0
    assert len(opened.client.asked) == 1
    stream.file.close()


def test_what_is_kept_has_a_limit(opened: Opened) -> None:
    with pytest.raises(SourceError, match="cam"):
        opened(answer(video("mp4")), download_mb=0)


def test_pictures_one_after_another(opened: Opened) -> None:
    part = (
        b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg())
        + jpeg()
        + b"\r\n"
    )
    stream = opened(answer(part * 3, "multipart/x-mixed-replace; boundary=x", length=False))
    assert stream.container.format.name == "mpjpeg"
    assert stream.length is None
    assert frames(stream) == 3


def test_a_picture_is_not_looked_for_in_a_folder(opened: Opened) -> None:
    stream = opened(answer(jpeg(), "image/jpeg"), url="http://camera/now.JPG")
    assert stream.container.format.name == "jpeg_pipe"
    assert frames(stream) == 1


@pytest.mark.parametrize("body", [b"", b"<html>no camera</html>", b"\0" * 5000])
def test_what_is_no_stream_closes_its_connection(opened: Opened, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    closed: list[WebFile] = []
    close = WebFile.close
    monkeypatch.setattr(WebFile, "close", lambda self: (closed.append(self), close(self))[1])
    with pytest.raises((av.FFmpegError, SourceError, OSError)):
        opened(answer(body, "text/html"))
    assert closed
