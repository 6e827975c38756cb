"""Streams that may connect to some hosts only: real servers on two addresses of loopback."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import av
import cv2
import numpy as np
import pytest

from sightline.addresses import read_address
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

    monkeypatch.setattr("sightline.sources.network.connection.av.open", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
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


def playlist(*lines: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/vnd.apple.mpegurl")
        request.end_headers()
        text = "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:1", *lines, "#EXT-X-ENDLIST", ""])
        request.wfile.write(text.encode())

    return send


def content(data: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(data)

    return send


@pytest.fixture(scope="module")
def segment() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mpegts") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index, np.uint8), "rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def test_what_a_playlist_names_is_judged(web: Callable[..., Web], segment: bytes) -> None:
    """Lists, segments and keys, directly and by redirect; also where any host may be connected to."""
    camera, secret = web(content(segment)), web(content(segment), ELSEWHERE)
    here, there = f"http://{camera.place}/1.ts", f"http://{secret.place}/1.ts"
    redirect = f"http://{web(leads_to(there)).place}/1.ts"
    away = f"http://{web(playlist('#EXTINF:1,', there)).place}/variant.m3u8"
    variant = "#EXT-X-STREAM-INF:BANDWIDTH=1"
    opens(f"http://{web(playlist('#EXTINF:1,', here)).place}/live.m3u8", HERE)
    assert camera.asked
    key = f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="{there}"'
    for lines, said in (
        (["#EXTINF:1,", there], "127.0.0.2 is not one"),
        (["#EXTINF:1,", redirect], "127.0.0.2 is not one"),
        ([variant, away], "127.0.0.2 is not one"),
        (["#EXTINF:1,", here, "#EXTINF:1,", there], "127.0.0.2 is not one"),
        ([key, "#EXTINF:1,", here], "127.0.0.2 is not one"),
        ([key.replace("SAMPLE-AES", "AES-128"), "#EXTINF:1,", here], "encrypted"),
        (["#EXTINF:1,", "file:///etc/passwd.ts"], "names file:///etc/passwd.ts"),
        (["#EXTINF:1,", f"rtsp://{secret.place}/x.ts"], "check the address"),
        (["#EXTINF:1,", "http://169.254.169.254/latest.ts"], "169.254.169.254 is not one"),
    ):
        live = options(HERE)
        source = connect_all(f"http://{web(playlist(*lines)).place}/live.m3u8", live)
        with pytest.raises(SourceError, match=re.escape(said)):
            source()
        assert not secret.asked, lines
    # Not restricted: other hosts may be named, files not.
    connect_all(f"http://{web(playlist('#EXTINF:1,', there)).place}/live.m3u8", LiveOptions())()
    assert secret.asked
    files = web(playlist("#EXTINF:1,", "file:///etc/passwd.ts"))
    with pytest.raises(SourceError, match="names file:///etc"):
        connect_all(f"http://{files.place}/live.m3u8", LiveOptions())()


def connect_all(url: str, live: LiveOptions) -> Callable[[], None]:
    """Open an address and read it to its end."""

    def read() -> None:
        reader = connect(url_target(url, live), live)
        try:
            while reader.read(5) is not None:
                pass
        finally:
            reader.close()

    return read


def test_a_manifest_is_judged(web: Callable[..., Web]) -> None:
    """DASH."""
    secret = web(pictures, ELSEWHERE)
    for base in (f"http://{secret.place}/", "file:///etc/"):
        text = f"""<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
        mediaPresentationDuration="PT4S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>
        <AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" width="64" height="48">
        <BaseURL>{base}v.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"""
        with pytest.raises(SourceError):
            opens(f"http://{web(content(text.encode())).place}/live.mpd", HERE)
    assert not secret.asked
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><MPD>&b;</MPD>'
    with pytest.raises(SourceError, match="defines entities"):
        opens(f"http://{web(content(bomb.encode())).place}/live.mpd")


@pytest.mark.parametrize(
    ("asked", "to", "login"),
    [
        pytest.param("rtsp://cam/a", "rtsp://cam/b", "joe:x", id="the same server"),
        pytest.param("rtsp://cam/a", "rtsp://cam:554/b", "joe:x", id="its usual port, written out"),
        pytest.param("rtsp://cam:554/a", "rtsp://cam/b", "joe:x", id="its usual port, left out"),
        pytest.param("http://cam/a", "http://cam:80/b", "joe:x", id="of http"),
        pytest.param("rtsp://cam/a", "rtsp://cam:8554/b", "", id="another port"),
        pytest.param("rtsp://cam/a", "rtsps://cam/b", "", id="the port of another scheme"),
        pytest.param("rtsp://cam/a", "rtsp://cam2/b", "", id="another host"),
    ],
)
def test_a_login_is_for_one_host_and_port(asked: str, to: str, login: str) -> None:
    address = read_address(asked.replace("://", "://joe:x@"))
    onward = restricted.check_redirect(address, read_address(to), "cam")
    assert (onward.login, onward.at(onward.host).target) == (login, "/b")


@pytest.mark.parametrize(
    ("asked", "to"),
    [("https", "http"), ("rtsps", "rtsp"), ("http", "rtsp"), ("rtsp", "http"), ("http", "rtmp")],
)
def test_redirects_to_less_are_not_followed(asked: str, to: str) -> None:
    with pytest.raises(SourceError, match=f"redirects to {to}://, which is not followed"):
        restricted.check_redirect(
            read_address(f"{asked}://cam/a"), read_address(f"{to}://cam/a"), "cam"
        )


class Rtsp:
    """Answers the requests of one connection after the other, the last answer again and again."""

    def __init__(self, host: str, answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = answers
        self._listening = socket.create_server((host, 0))
        self.place = f"{host}:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection = self._listening.accept()[0]
                with contextlib.suppress(OSError), connection:
                    connection.settimeout(5)
                    answers = [*self._answers]
                    while request := connection.recv(4096).decode():
                        self.asked.append(request)
                        cseq = next(x for x in request.split("\r\n") if x.startswith("CSeq"))
                        answer = answers.pop(0) if len(answers) > 1 else answers[0]
                        status, _, rest = answer.partition("\r\n")
                        rest += "" if "\nv=0" in rest else "\r\n\r\n" if rest else "\r\n"
                        connection.sendall(
                            f"RTSP/1.0 {status}\r\n{cseq}\r\n{rest}".encode("latin-1")
                        )

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def rtsp() -> Iterator[Callable[..., Rtsp]]:
    running: list[Rtsp] = []

    def start(answer: str | list[str], host: str = HERE) -> Rtsp:
        running.append(Rtsp(host, [answer] if isinstance(answer, str) else answer))
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
    assert re.match(r"OPTIONS rtsp://127\.0\.0\.1:\d+/y RTSP/1\.0", camera.asked[0])


def test_an_rtsp_redirect_at_any_answer_is_judged(rtsp: Callable[..., Rtsp]) -> None:
    """The server answers as a camera would, and sends on whoever comes again, or comes so far."""
    secret = rtsp("404 Not Found", ELSEWHERE)
    away = f"302 Found\r\nLocation: rtsp://{secret.place}/x"
    sdp = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    described = (
        f"200 OK\r\nContent-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n{sdp}"
    )
    for answers, said in (
        (["200 OK", away], "127.0.0.2 is not one"),
        (["200 OK", described, away], "127.0.0.2 is not one"),
        ([f"200 OK\n\nRTSP/1.0 {away}"], "127.0.0.2 is not one"),
        ([f"200 OK\r\n\r\n\r\nRTSP/1.0 {away}"], "127.0.0.2 is not one"),
        ([f"200 OK\r\nContent-Length : 60\r\n\r\nRTSP/1.0 {away}"], "127.0.0.2 is not one"),
        ([f"200 OK\r\nContent-Length: +60\r\n\r\nRTSP/1.0 {away}"], "no number"),
        ([f"0{away}"], "no RTSP"),
        ([f"\xa0200 {away}"], "no RTSP"),
        ([f"200 OK\r\n\0\r\nRTSP/1.0 {away}"], "no text"),
        (["200 OK", f"200 OK\r\nContent-Length: {2_000_000_000}"], "answer of 2000000000 bytes"),
        (
            ["200 OK", described, "200 OK\r\nSession: 1\r\nTransport: RTP/AVP;source=127.0.0.2"],
            "from another host",
        ),
    ):
        with pytest.raises(SourceError, match=said):
            opens(f"rtsp://{rtsp(answers).place}/live", HERE)
        assert not secret.asked, answers


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
