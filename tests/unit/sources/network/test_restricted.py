"""Streams that may connect to some hosts only: real servers on two addresses of loopback."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np
import pytest

from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.network import restricted
from sightline.sources.network.connection import connect, url_target
from sightline.sources.network.redirects import RedirectError

HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
JPEG = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()


def options(*hosts: str) -> LiveOptions:
    return LiveOptions(open_timeout_s=3, stall_timeout_s=2, hosts=hosts)


def pictures(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
    request.end_headers()
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(JPEG)}\r\n\r\n"
    for _ in range(100):
        request.wfile.write(head.encode() + JPEG + b"\r\n")


def leads_to(url: str, status: int = 302) -> Callable[[BaseHTTPRequestHandler], None]:
    def redirect(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Location", url)
        request.end_headers()

    return redirect


class Web:
    """An HTTP server on one address; ``asked`` has what was asked for and its headers."""

    def __init__(self, host: str, respond: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, dict(self.headers)))
                with contextlib.suppress(ConnectionError):  # the client has gone
                    respond(self)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        self.place = f"{host}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def web() -> Iterator[Callable[..., Web]]:
    running: list[Web] = []

    def start(respond: Any, host: str = HERE) -> Web:
        running.append(Web(host, respond))
        return running[-1]

    yield start
    for one in running:
        one.server.shutdown()
        one.server.server_close()


def opens(url: str, *hosts: str) -> None:
    live = options(*hosts)
    connect(url_target(url, live), live).close()


def test_an_allowed_host(web: Callable[..., Web]) -> None:
    camera = web(pictures)
    opens(f"http://joe:pass%20word@{camera.place}/live?x=1", HERE)
    path, headers = camera.asked[0]
    assert (path, headers["Host"]) == ("/live?x=1", camera.place)


def test_a_name_is_resolved_once_and_kept(
    web: Callable[..., Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name leads elsewhere when it is asked for again."""
    camera = web(pictures)
    port = camera.place.rpartition(":")[2]
    answers = [HERE, ELSEWHERE]
    real = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **more: Any) -> Any:
        return real(answers.pop(0) if host == "cam.test" else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    opens(f"http://cam.test:{port}/live", HERE)
    assert camera.asked[0][1]["Host"] == f"cam.test:{port}"
    assert answers == [ELSEWHERE]
    with pytest.raises(SourceError, match=r"cam\.test is not one .*stream_hosts"):
        opens(f"http://cam.test:{port}/live", HERE)


def test_an_address_that_nobody_answers_at_is_passed_over(
    web: Callable[..., Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``localhost`` may be ``::1`` first, with a server that listens to 127.0.0.1."""
    camera = web(pictures)
    port = camera.place.rpartition(":")[2]
    found = [ipaddress.ip_address(host) for host in ("127.0.0.9", HERE)]
    monkeypatch.setattr(restricted, "resolve", lambda *_: found)
    opens(f"http://cam.test:{port}/live", "127.0.0.0/8")
    assert camera.asked


@pytest.mark.parametrize("scheme", ["http", "https", "rtsp", "rtsps"])
def test_metadata_is_never_connected_to(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(restricted.redirects, "redirected", refuse)
    monkeypatch.setattr("sightline.sources.network.connection.av.open", refuse)
    for host in ("169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1%25lo]"):
        with pytest.raises(SourceError, match="is not one that may be connected to"):
            opens(f"{scheme}://{host}/latest/meta-data")


def test_redirects_are_judged(web: Callable[..., Web]) -> None:
    camera, secret = web(pictures), web(pictures, ELSEWHERE)
    opens(f"http://{web(leads_to(f'http://{camera.place}/live#top')).place}/old", HERE)
    assert camera.asked[0][0] == "/live"
    for status in (301, 302, 303, 307, 308):
        away = web(leads_to(f"http://{secret.place}/admin", status))
        with pytest.raises(SourceError, match=r"127\.0\.0\.2 is not one"):
            opens(f"http://{away.place}/live", HERE)
    assert not secret.asked
    with pytest.raises(SourceError, match="redirects to rtsp://, which is not followed"):
        opens(f"http://{web(leads_to(f'rtsp://{camera.place}/x')).place}/live", HERE)
    with pytest.raises(RedirectError):
        opens(f"http://{web(leads_to('/again')).place}/live", HERE)


def test_a_login_stays_with_its_server(web: Callable[..., Web]) -> None:
    def asks(request: BaseHTTPRequestHandler) -> None:
        request.send_response(401)
        request.send_header("WWW-Authenticate", 'Basic realm="x"')
        request.end_headers()

    other = web(asks)
    away = web(leads_to(f"http://{other.place}/live"))
    with pytest.raises(SourceError, match="auth failed"):
        opens(f"http://joe:geheim@{away.place}/live", HERE)
    assert other.asked
    assert not any("Authorization" in headers for _, headers in other.asked)


def test_playlists_are_not_opened(web: Callable[..., Web]) -> None:
    secret = web(pictures, ELSEWHERE)

    def playlist(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/vnd.apple.mpegurl")
        request.end_headers()
        text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://{}/x\n#EXT-X-ENDLIST\n"
        request.wfile.write(text.format(secret.place).encode())

    with pytest.raises(SourceError):
        opens(f"http://{web(playlist).place}/live.m3u8", HERE)
    assert not secret.asked


class Rtsp:
    """Answers every request of one connection after the other in the same way."""

    def __init__(self, host: str, answer: str) -> None:
        self.asked: list[str] = []
        self._answer = answer
        self._listening = socket.create_server((host, 0))
        self.place = f"{host}:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection = self._listening.accept()[0]
                with contextlib.suppress(OSError), connection:
                    connection.settimeout(5)
                    while request := connection.recv(4096).decode():
                        self.asked.append(request)
                        cseq = next(x for x in request.split("\r\n") if x.startswith("CSeq"))
                        connection.sendall(f"RTSP/1.0 {self._answer}\r\n{cseq}\r\n\r\n".encode())

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def rtsp() -> Iterator[Callable[..., Rtsp]]:
    running: list[Rtsp] = []

    def start(answer: str, host: str = HERE) -> Rtsp:
        running.append(Rtsp(host, answer))
        return running[-1]

    yield start
    for one in running:
        one.close()


def test_rtsp_redirects_are_judged(rtsp: Callable[..., Rtsp]) -> None:
    secret = rtsp("404 Not Found", ELSEWHERE)
    away = rtsp(f"302 Found\r\nLocation: rtsp://{secret.place}/x")
    with pytest.raises(SourceError, match=r"127\.0\.0\.2 is not one"):
        opens(f"rtsp://joe:geheim@{away.place}/live", HERE)
    assert not secret.asked
    camera = rtsp("404 Not Found")
    with pytest.raises(SourceError, match="nothing at this address"):
        opens(
            f"rtsp://{rtsp(f'302 Found{chr(13)}{chr(10)}Location: rtsp://{camera.place}/y').place}/x",
            HERE,
        )
    assert camera.asked[0].startswith(f"OPTIONS rtsp://{camera.place}/y RTSP/1.0")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param("rtsp://cam/x?udp", "live.transport", id="transport in the address"),
        pytest.param("udp://239.0.0.1:5?listen=1", "UDP does not have", id="no option of UDP"),
        pytest.param("udp://239.0.0.1:5?pktsize=1", "did you mean 'pkt_size'", id="misspelt"),
    ],
)
def test_options_of_ffmpeg(url: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        url_target(url, options())


@pytest.mark.parametrize(
    "address",
    ["rtsp://{}/a\r\nX-Evil: 1\r\n\r\nDELETE / HTTP/1.1", "rtsp://{}/a\nb", "rtsp://{}/%0d%0aX: 1"],
)
def test_no_lines_are_sent(rtsp: Callable[..., Rtsp], address: str) -> None:
    server = rtsp("404 Not Found")
    with pytest.raises(SourceError, match="is no address of a stream"):
        connect(url_target(address.format(server.place), LiveOptions()), LiveOptions())
    assert not server.asked


def test_ffmpeg_gets_the_normalised_address(rtsp: Callable[..., Rtsp]) -> None:
    server = rtsp("404 Not Found")
    with pytest.raises(SourceError, match="nothing at this address"):
        connect(url_target(f"RTSP://joe:a%20b@{server.place}?x=ä", LiveOptions()), LiveOptions())
    assert server.asked[0].startswith(f"OPTIONS rtsp://{server.place}/?x=%C3%A4 RTSP/1.0\r\n")
