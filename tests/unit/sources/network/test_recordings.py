"""Recordings and live streams behind HTTP servers of every kind: what is read, and that it ends."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import av
import numpy as np
import pytest

from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.live import LiveSource
from sightline.types import SourceState

FPS, COUNT = 10, 30
Answer = Callable[[BaseHTTPRequestHandler], None]


def video(
    form: str,
    codec: str = "libx264",
    *,
    faststart: bool = False,
    count: int = COUNT,
    key_every_s: int = 4,
) -> bytes:
    """Grey pictures."""
    with NamedTemporaryFile() as out:
        options = {"movflags": "faststart"} if faststart else {}
        with av.open(out.name, "w", format=form, options=options) as file:
            stream: Any = file.add_stream(codec, rate=FPS)
            stream.width, stream.height = 64, 48
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.codec_context.gop_size = key_every_s * FPS
            if codec == "libx264":
                stream.codec_context.options = {
                    "preset": "ultrafast", "tune": "zerolatency",
                    "x264-params": f"scenecut=0:keyint={key_every_s * FPS}",
                }  # fmt: skip
            for index in range(count):
                frame = av.VideoFrame.from_ndarray(
                    np.full((48, 64, 3), index * 5 % 255, np.uint8), "rgb24"
                )
                frame.pts = index
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return Path(out.name).read_bytes()


class Server:
    """Answers every GET by ``answer``, and counts them."""

    def __init__(self, answer: Answer) -> None:
        self.gets = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.gets += 1
                self.close_connection = True
                with contextlib.suppress(OSError):  # the client has left
                    answer(self)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.httpd.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def url(self, name: str = "video") -> str:
        return f"http://127.0.0.1:{self.httpd.server_address[1]}/{name}"

    def close(self) -> None:
        self.httpd.shutdown()
        self.httpd.server_close()
        self.thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Server]]:
    made: list[Server] = []

    def start(answer: Answer) -> Server:
        made.append(Server(answer))
        return made[-1]

    yield start
    for server in made:
        server.close()


def with_length(data: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    return answer


def in_chunks(data: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for at in range(0, len(data), 4096):
            piece = data[at : at + 4096]
            request.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        request.wfile.write(b"0\r\n\r\n")

    return answer


def until_closed(data: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(data)

    return answer


FILES = {
    "mp4, index last": ("mp4", "libx264", False),
    "mp4, index first": ("mp4", "libx264", True),
    "transport stream": ("mpegts", "libx264", False),
    "matroska": ("matroska", "libx264", False),
    "avi": ("avi", "mjpeg", False),
    "flash video": ("flv", "flv", False),
}


@pytest.mark.parametrize("hosts", [None, ("127.0.0.0/8",)], ids=["any host", "restricted"])
@pytest.mark.parametrize("how", [with_length, in_chunks, until_closed])
@pytest.mark.parametrize("kind", FILES)
def test_a_recording_from_a_server_that_sends_no_parts_is_read_once_and_whole(
    kind: str, how: Callable[[bytes], Answer], hosts: Any, serve: Callable[[Answer], Server]
) -> None:
    form, codec, faststart = FILES[kind]
    server = serve(how(video(form, codec, faststart=faststart)))
    source = LiveSource(server.url(), "a", LiveOptions(hosts=hosts))
    info = source.open()
    assert not info.live
    assert sum(1 for _ in source) == COUNT
    assert source.status.state is SourceState.ENDED
    assert source.status.dropped == {}
    assert server.gets <= 2  # an MP4 may be asked for twice


def test_a_slow_download_is_waited_for_while_it_comes(serve: Callable[[Answer], Server]) -> None:
    data = video("mp4")

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        for at in range(0, len(data), len(data) // 8):
            request.wfile.write(data[at : at + len(data) // 8])
            time.sleep(0.2)

    options = LiveOptions(open_timeout_s=1.0, stall_timeout_s=1.0)
    source = LiveSource(serve(answer).url("slow.mp4"), "a", options)
    assert sum(1 for _ in source) == COUNT


def test_a_download_beyond_the_limit_is_refused_with_the_remedy(
    serve: Callable[[Answer], Server],
) -> None:
    for how in (with_length, in_chunks):
        source = LiveSource(serve(how(video("mp4"))).url(), "a", LiveOptions(download_mb=0))
        with pytest.raises(SourceError, match=r"sends no parts of files.*faststart.*download_mb"):
            source.open()


def test_an_mp4_behind_a_redirect(serve: Callable[[Answer], Server]) -> None:
    there = serve(with_length(video("mp4")))

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", there.url())
        request.send_header("Content-Length", "0")
        request.end_headers()

    for hosts in (None, ("127.0.0.0/8",)):
        source = LiveSource(serve(answer).url(), "a", LiveOptions(hosts=hosts))
        assert sum(1 for _ in source) == COUNT


def paced(data: list[tuple[float, bytes]]) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        began = time.monotonic()
        for at, piece in data:
            time.sleep(max(0.0, began + at - time.monotonic()))
            request.wfile.write(piece)

    return answer


class _Pieces(io.RawIOBase):
    """Keeps what is muxed, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[tuple[float, bytearray]] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.pieces:
            self.pieces[-1][1].extend(bytes(data))
        return len(data)


def transport_stream(
    seconds: float, skip_s: float, key_every_s: int = 4
) -> list[tuple[float, bytes]]:
    """Packets of a transport stream with their times, from a moment between two key frames."""
    out = _Pieces()
    with (
        av.open(
            io.BytesIO(video("matroska", count=int(seconds * FPS), key_every_s=key_every_s))
        ) as source,
        av.open(out, "w", format="mpegts", options={"flush_packets": "1"}) as file,
    ):
        stream = file.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.pts is not None:
                out.pieces.append((float(packet.pts * packet.time_base), bytearray()))
                packet.stream = stream
                file.mux(packet)
    return [(at - skip_s, bytes(data)) for at, data in out.pieces if at >= skip_s]


def test_a_live_stream_is_waited_for_until_its_next_key_frame(
    serve: Callable[[Answer], Server],
) -> None:
    """It comes after 3.5 s; packets come all the time, and opening may take 1 s."""
    server = serve(paced(transport_stream(7, 0.5)))
    options = LiveOptions(open_timeout_s=1.0, stall_timeout_s=1.0, reconnect_attempts=1)
    source = LiveSource(server.url(), "a", options)
    info = source.open()
    assert info.live
    frame = next(iter(source))
    assert (frame.width, frame.clock) == (64, "arrival")
    assert source.status.dropped.get("corrupt", 0) == 0
    assert server.gets == 1
    source.close()


def test_a_key_frame_that_does_not_come_is_told(serve: Callable[[Answer], Server]) -> None:
    # Long without a packet: on a busy computer they come late.
    options = LiveOptions(open_timeout_s=20.0, stall_timeout_s=9.0, key_frame_timeout_s=2.0)
    # None in all the time that a busy computer may take.
    packets = transport_stream(60, 0.5, key_every_s=60)
    source = LiveSource(serve(paced(packets)).url(), "a", options)
    with pytest.raises(SourceError, match=r"no key frame within 2 s.*I-frame interval"):
        source.open()


def test_a_live_stream_that_breaks_off_is_connected_to_again(
    serve: Callable[[Answer], Server],
) -> None:
    """Also where it begins with the same picture each time: it comes as fast as it plays."""
    server = serve(paced(transport_stream(1.2, 0.0)))
    source = LiveSource(server.url(), "a", LiveOptions(backoff_first_s=0.05, backoff_max_s=0.1))
    assert source.open().live
    for frame in source:
        if source.status.reconnects:
            assert frame.time > 1
            break
    source.close()
    assert server.gets >= 2
