"""Addresses and real connections on loopback: HTTP, and a server that never answers."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from tests.ports import free_port

from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.live import LiveSource
from sightline.sources.network.connection import (
    AuthenticationError,
    camera_target,
    connect,
    url_target,
)
from sightline.types import SourceState

QUICK = LiveOptions(open_timeout_s=1, stall_timeout_s=1, backoff_first_s=0.05)

Respond = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Respond], str]]:
    """Starts HTTP servers that answer every GET by a function; gives HOST:PORT."""
    servers: list[ThreadingHTTPServer] = []

    def start(respond: Respond) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with contextlib.suppress(ConnectionError):  # the client has gone
                    respond(self)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    accepted.append(server.accept()[0])
            except OSError:
                pass  # closed

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for connection in accepted:
            connection.close()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("concat:rtsp://a/b", id="a protocol of FFmpeg's own"),
        pytest.param("street.mp4", id="a path"),
        pytest.param("rtsp:///live", id="no host"),
        pytest.param("rtsp://joe:geheim@[::1/live", id="a broken host"),
        pytest.param("ftp://joe:geheim@host/x", id="another scheme"),
        pytest.param("http;rtsp://host/x", id="two schemes"),
    ],
)
def test_no_address_of_a_stream(url: str) -> None:
    with pytest.raises(SourceError, match="is no address of a stream") as caught:
        LiveSource(url)
    assert "geheim" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("https://www.youtube.com/watch?v=abc", True),
        ("https://youtu.be/abc", True),
        ("https://player.vimeo.com/video/1", True),
        ("https://notyoutube.com/live.m3u8", False),
        ("rtmp://live.example/twitch.tv", False),
    ],
)
def test_a_page_with_a_player_is_no_video(address: str, page: bool) -> None:
    if not page:
        assert url_target(address, LiveOptions()).url == address
        return
    with pytest.raises(SourceError, match=r"page with a player.*`yt-dlp -g '"):
        url_target(address, LiveOptions())


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "udp"])
def test_what_a_stream_may_open(scheme: str) -> None:
    target = url_target(f"{scheme.upper()}://joe:geheim@host:1234/live", LiveOptions())
    allowed = target.options["protocol_whitelist"].split(",")
    assert not {"file", "concat", "data", "subfile", "pipe", "fd"} & set(allowed)
    if scheme == "https":
        assert "http" not in allowed
    assert "geheim" not in repr(target)


def test_rtsp_options() -> None:
    tcp = url_target("rtsp://host/live", LiveOptions(stall_timeout_s=3))
    assert (tcp.options["rtsp_transport"], tcp.options["timeout"]) == ("tcp", "6000000")
    assert (
        url_target("rtsp://host/x", LiveOptions(transport="udp")).options["rtsp_transport"] == "udp"
    )


@pytest.mark.parametrize(
    ("device", "platform", "url", "driver"),
    [
        pytest.param(0, "linux", "/dev/video0", "v4l2", id="linux"),
        pytest.param("/dev/v4l/by-id/x", "linux", "/dev/v4l/by-id/x", "v4l2", id="by name"),
        pytest.param(1, "darwin", "1", "avfoundation", id="macos"),
        pytest.param(1, "win32", "1", "vfwcap", id="windows"),
    ],
)
def test_cameras(device: int | str, platform: str, url: str, driver: str) -> None:
    target = camera_target(device, platform)
    assert (target.url, target.format) == (url, driver)


def test_camera_on_an_unknown_system() -> None:
    with pytest.raises(SourceError, match="no camera interface is known on plan9"):
        camera_target(0, "plan9")


def test_no_answer(silent: int) -> None:
    for scheme in ("rtsp", "http"):
        source = LiveSource(f"{scheme}://joe:geheim@127.0.0.1:{silent}/live", options=QUICK)
        started = time.monotonic()
        with pytest.raises(SourceError, match=r"no picture within 1 s|no answer within 1 s"):
            source.open()
        assert 0.9 < time.monotonic() - started < 5  # not the default limit
        assert source.status.state is SourceState.FAILED
        source.close()


def test_a_connection_has_its_own_limit(silent: int) -> None:
    started = time.monotonic()
    with pytest.raises(SourceError, match="no answer within 1 s"):
        connect(url_target(f"http://127.0.0.1:{silent}/live", QUICK), QUICK)
    assert 0.9 < time.monotonic() - started < 5  # the time limit, not the default of ten seconds


def test_refused() -> None:
    with pytest.raises(SourceError, match="Connection refused: check the address"):
        LiveSource(f"rtsp://127.0.0.1:{free_port()}/live", options=QUICK).open()


@pytest.mark.parametrize("status", [401, 403])
def test_refused_login(
    serve: Callable[[Respond], str], caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"http://joe:geheim@{serve(lambda request: request.send_error(status))}/live"
    with pytest.raises(AuthenticationError, match=r"joe:\*\*\*@.*: auth failed") as caught:
        connect(url_target(url, QUICK), QUICK)
    assert "geheim" not in "".join(traceback.format_exception(caught.value))
    source = LiveSource(url, options=QUICK)
    with pytest.raises(SourceError, match="auth failed") as shown:
        source.open()
    assert "geheim" not in "".join(traceback.format_exception(shown.value))
    assert "geheim" not in caplog.text + repr(source.status)


def test_a_login_by_digest(serve: Callable[[Respond], str]) -> None:
    """RFC 7616, as most cameras ask for it: the password itself is never sent."""
    asked: list[str] = []

    def camera(request: BaseHTTPRequestHandler) -> None:
        told = request.headers.get("Authorization", "")
        asked.append(told)
        fields = urllib.request.parse_keqv_list(
            urllib.request.parse_http_list(told.partition(" ")[2])
        )
        if fields:
            first = hashlib.md5(b"joe:cam:gehe:im").hexdigest()
            second = hashlib.md5(f"GET:{request.path}".encode()).hexdigest()
            parts = [first, fields["nonce"], fields["nc"], fields["cnonce"], "auth", second]
            good = hashlib.md5(":".join(parts).encode()).hexdigest() == fields["response"]
            assert fields["uri"] == request.path
        if not fields or not good:
            request.send_response(401)
            how = 'Digest realm="cam", nonce="n1", qop="auth", algorithm=MD5'
            request.send_header("WWW-Authenticate", how)
            request.end_headers()
            return
        jpeg = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=x")
        request.end_headers()
        with contextlib.suppress(OSError):  # the client has left
            for _ in range(100):
                request.wfile.write(b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n")

    place = serve(camera)
    source = LiveSource(f"http://joe:gehe%3Aim@{place}/video?x=1", options=QUICK)
    assert source.open().width == 64
    source.close()
    with pytest.raises(SourceError, match="auth failed"):
        LiveSource(f"http://joe:wrong@{place}/video", options=QUICK).open()
    assert not any("gehe" in one for one in asked)


def test_an_encrypted_playlist_is_played(serve: Callable[[Respond], str], tmp_path: Path) -> None:
    """HLS with AES-128, which is left to FFmpeg's own client."""
    (tmp_path / "key").write_bytes(b"0123456789abcdef")
    (tmp_path / "info").write_text(f"key\n{tmp_path / 'key'}\n")
    hls = {"hls_key_info_file": str(tmp_path / "info"), "hls_time": "1", "hls_list_size": "0"}
    with av.open(str(tmp_path / "list.m3u8"), "w", format="hls", options=hls) as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(30):
            picture = np.zeros((48, 64, 3), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        file.mux(stream.encode(None))
    assert "METHOD=AES-128" in (tmp_path / "list.m3u8").read_text()

    def send(request: BaseHTTPRequestHandler) -> None:
        data = (tmp_path / request.path.removeprefix("/")).read_bytes()
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    place = serve(send)
    with_any_host = LiveOptions(open_timeout_s=5, reconnect_attempts=1)
    with closing(LiveSource(f"http://{place}/list.m3u8", options=with_any_host)) as source:
        assert source.open().width == 64
    with pytest.raises(SourceError, match="encrypted"):
        LiveSource(f"http://{place}/list.m3u8", options=LiveOptions(hosts=())).open()


def test_not_found(serve: Callable[[Respond], str]) -> None:
    host = serve(lambda request: request.send_error(404))
    with pytest.raises(SourceError, match="nothing at this address"):
        LiveSource(f"http://{host}/live", options=QUICK).open()


@pytest.mark.parametrize("to", ["/live", "file:///etc/passwd", "concat:/etc/passwd"])
def test_redirects(serve: Callable[[Respond], str], to: str) -> None:
    asked: list[str] = []

    def redirect(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        request.send_response(302)
        request.send_header("Location", to)
        request.end_headers()

    with pytest.raises(SourceError):
        LiveSource(f"http://{serve(redirect)}/live", options=QUICK).open()
    assert len(asked) < 20


def test_a_playlist_cannot_reach_files(
    serve: Callable[[Respond], str], make_video: Callable[..., Path]
) -> None:
    secret = make_video("secret.ts")  # a stream that would play
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n"

    def playlist(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/vnd.apple.mpegurl")
        request.end_headers()
        request.wfile.write(text.encode())

    source = LiveSource(f"http://{serve(playlist)}/list.m3u8", options=QUICK)
    with pytest.raises(SourceError):
        source.open()


def test_text_is_no_stream(serve: Callable[[Respond], str]) -> None:
    def text(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(b"hello, world\n" * 999)

    with pytest.raises(SourceError, match="check the address"):
        LiveSource(f"http://{serve(text)}/live", options=QUICK).open()


def test_a_recording_over_http_is_read_whole(
    serve: Callable[[Respond], str], make_video: Callable[..., Path]
) -> None:
    content = make_video(frames=60).read_bytes()

    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    source = LiveSource(f"http://{serve(send)}/street.mp4", options=QUICK)
    info = source.open()
    assert (info.live, info.frames, info.fps) == (False, 60, 25)
    times = []
    for frame in source:
        times.append(frame.time)
        if len(times) == 10:
            time.sleep(2.5)  # longer than the stall timeout: nobody is to blame
    assert times == pytest.approx([i / 25 for i in range(60)], abs=1e-3)
    status = source.status
    assert (status.state, status.read, status.dropped) == (SourceState.ENDED, 60, {})


@pytest.mark.parametrize("length", [True, False], ids=["with length", "without length"])
def test_a_recording_that_breaks_off_is_not_read_again(
    serve: Callable[[Respond], str], make_video: Callable[..., Path], length: bool
) -> None:
    content = make_video(frames=60).read_bytes()

    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if length:
            request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[: len(content) * 2 // 3])

    source = LiveSource(f"http://{serve(send)}/street.mp4", options=QUICK)
    indices: list[int] = []
    with pytest.raises(SourceError, match=r"street\.mp4: "):
        indices.extend(frame.index for frame in source)
    assert indices == list(range(len(indices)))
    assert 20 <= len(indices) < 60
    assert source.status.state is SourceState.FAILED
    assert source.status.reconnects == 0


def test_damaged_frames_of_a_recording_count(
    make_video: Callable[..., Path], serve: Callable[[Respond], str]
) -> None:
    path = make_video("street.avi", 20, (64, 48), codec="mjpeg")
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packets = [(p.pos or 0, p.size) for p in file.demux(video=0) if p.size]
    for pos, size in packets[5:8]:
        content[pos : pos + size] = bytes(size)

    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    source = LiveSource(f"http://{serve(send)}/street.avi", options=QUICK)
    indices = [frame.index for frame in source]
    assert indices == [i for i in range(20) if i not in (5, 6, 7)]


def test_motion_jpeg_over_http(serve: Callable[[Respond], str]) -> None:
    picture = np.full((48, 64, 3), (0, 0, 255), np.uint8)
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()

    def stream(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=--next")
        request.end_headers()
        head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        while True:
            request.wfile.write(head.encode() + jpeg + b"\r\n")
            time.sleep(0.02)

    source = LiveSource(f"http://{serve(stream)}/live", options=QUICK)
    info = source.open()
    assert (info.live, info.width, info.height) == (True, 64, 48)
    frames = [frame for frame, _ in zip(source, range(20), strict=False)]
    times = [frame.time for frame in frames]
    assert times == sorted(times)
    assert np.abs(frames[-1].image[9, 9].astype(int) - (0, 0, 255)).max() < 6
    source.close()


def test_ffmpeg_does_not_print_the_password(silent: int) -> None:
    program = f"""
import contextlib
import hashlib
import logging
logging.basicConfig(level=logging.DEBUG)
from sightline.config import LiveOptions
from sightline.sources.live import LiveSource
source = LiveSource("rtsp://joe:geheim@127.0.0.1:{silent}/x", options=LiveOptions(open_timeout_s=1))
source.open()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "no picture within 1 s" in done.stderr or "no answer within 1 s" in done.stderr
    assert "geheim" not in done.stdout + done.stderr
