"""Hostile and unlucky clients: what they send is refused, the others are served."""

from __future__ import annotations

import errno
import json
import resource
import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from tests.waiting import wait_for

from sightline.config import SchedulerOptions

JPEG = {"Content-Type": "image/jpeg"}


def connect(service: Any) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.server.port), timeout=20)


def answer_of(sock: socket.socket) -> tuple[int, bytes]:
    """Status and everything else until the server closes.

    Where something was still under way to it then, the answer is followed by a reset.
    """
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        assert data
    return int(data.split(b" ", 2)[1]), data


def send_for_ever(sock: socket.socket, piece: bytes, most: int = 100_000_000) -> None:
    """Raises OSError once the other side has had enough."""
    for _ in range(most // len(piece)):
        sock.sendall(piece)


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", 0)


@pytest.mark.parametrize("form", ["raw", "form", "batch"])
def test_a_picture_bomb_is_refused_before_it_takes_memory(serve: Any, form: str) -> None:
    service, bomb = serve(), png_header(20_000, 20_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    before_it = service.engine.started
    with service.client() as client:
        if form == "raw":
            answer = client.post("/detect", content=bomb)
        elif form == "form":
            answer = client.post("/detect", files={"file": ("a.png", bomb)})
        else:
            answer = client.post("/predict/batch", files={"file": ("a.png", bomb)})
            told = answer.json()["results"][0]["error"]
            assert (answer.status_code, told["code"]) == (200, "TooLarge")
        assert form == "batch" or answer.status_code == 413
        assert "20000 x 20000" in answer.text
        assert service.engine.started == before_it  # nothing came so far
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"just a text, whatever its name says", id="text"),
        pytest.param(b"GIF89a/*" + b"\xff\xd8\xff" * 20, id="polyglot that begins as GIF"),
        pytest.param(b"%PDF-1.7\n" + png_header(8, 8), id="polyglot that begins as PDF"),
        pytest.param(b"<script>" + png_header(8, 8), id="polyglot that begins as HTML"),
        pytest.param(b"BM is how this text begins, by chance", id="text that begins with BM"),
        pytest.param(b"RIFF\0\0\0\0WAVEfmt ", id="sound"),
        pytest.param(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", id="playlist"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="svg"),
        pytest.param(b"\xff\xd8\xff", id="header of a JPEG only"),
        pytest.param(b"\xff\xd8" + b"\xff" * 100_000, id="JPEG that is all padding"),
    ],
)
def test_what_is_no_picture_is_unsupported(serve: Any, content: bytes) -> None:
    with serve().client() as client:
        answer = client.post("/detect", files={"file": ("photo.jpg", content, "image/jpeg")})
        assert answer.status_code == 415, answer.text


def test_a_poisonous_picture_fails_alone(serve: Any, jpeg: bytes) -> None:
    """Its header is good, so that it comes into a batch with others, and fails there."""
    noise = np.random.default_rng(2).integers(0, 255, (96, 128, 3), np.uint8)
    png = bytes(cv2.imencode(".png", noise)[1])
    poison = png[:60] + bytes(len(png) - 60)
    service = serve()
    service.engine.open.clear()
    with ThreadPoolExecutor(9) as pool, service.client() as client:
        bodies = [jpeg] * 4 + [poison] + [jpeg] * 4
        asked = [pool.submit(client.post, "/detect", content=body) for body in bodies]
        wait_for(lambda: sum(service.scheduler.stats().waiting.values()) >= 7)
        service.engine.open.set()
        status = [one.result().status_code for one in asked]
    assert status == [200] * 4 + [422] + [200] * 4


@pytest.mark.parametrize("how", ["chunked", "length", "length that lies"])
def test_a_body_over_the_limit(serve: Any, how: str) -> None:
    service = serve(limits={"body_mb": 0.1})
    with connect(service) as sock:
        head = b"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
        if how == "length":
            sock.sendall(head + b"Content-Length: 200000\r\n\r\n")
        elif how == "length that lies":
            sock.sendall(head + b"Content-Length: 99999999999999999999999\r\n\r\n")
        else:
            sock.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(200):
                sock.sendall(b"1000\r\n" + bytes(0x1000) + b"\r\n")
        status, text = answer_of(sock)  # which returns: the connection is closed
        assert status == (400 if how == "length that lies" else 413)
        assert b"connection: close" in text.lower()
    with service.client() as client:
        assert client.get("/ready").status_code == 200


def test_bodies_that_nobody_reads_end_too(serve: Any) -> None:
    """A refused client that goes on sending for ever is cut off."""
    service = serve(limits={"body_mb": 0.1}, token="secret")
    with connect(service) as sock:
        sock.sendall(b"POST /detect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            send_for_ever(sock, b"1000\r\n" + bytes(0x1000) + b"\r\n")


def test_ten_thousand_parts(serve: Any, jpeg: bytes) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nx\r\n'
    with serve().client() as client:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = client.post("/predict/batch", content=part * 10_000 + b"--b--", headers=headers)
        assert answer.status_code == 400
        assert "64 parts" in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param(b"X-A: 1\r\n" * 10_000, 400, id="10,000 headers"),
        pytest.param(b"X-A: " + b"1" * 1_000_000 + b"\r\n", 400, id="a header of 1 MB"),
        pytest.param(b"X-A: 1\r\n" * 20, 200, id="20 headers"),
    ],
)
def test_headers(serve: Any, headers: bytes, status: int) -> None:
    with connect(serve()) as sock:
        sender = threading.Thread(target=_send, args=(sock, headers))
        sender.start()
        assert answer_of(sock)[0] == status
        sender.join()


def _send(sock: socket.socket, headers: bytes) -> None:
    with suppress(OSError):  # it is refused while it sends
        sock.sendall(
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + b"\r\n"
        )


@pytest.mark.parametrize(
    "drip",
    [
        pytest.param([b"GET /health HT", b"TP/1.1\r\nX", b"-A: ", b"1", b"1"], id="headers"),
        pytest.param([b"\r\n"] * 5, id="empty lines"),
        pytest.param([], id="silence"),
    ],
)
def test_two_hundred_sockets_that_drip(serve: Any, jpeg: bytes, drip: list[bytes]) -> None:
    service = serve(limits={"header_timeout_s": 1.5})
    begin = time.monotonic()
    sockets = [connect(service) for _ in range(200)]
    try:
        for piece in drip:
            for sock in sockets:
                sock.sendall(piece)
        with service.client() as client:  # the others are served meanwhile
            assert client.post("/detect", content=jpeg).status_code == 200
        for sock in sockets:
            sock.settimeout(20)
            while sock.recv(1000):
                pass
        assert time.monotonic() - begin >= 1.4
    finally:
        for sock in sockets:
            sock.close()


def test_a_dripping_body(serve: Any) -> None:
    service = serve(limits={"body_timeout_s": 0.5})
    with connect(service) as sock:
        sock.sendall(b"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
        status, text = answer_of(sock)
        assert status == 408
        assert json.loads(text.partition(b"\r\n\r\n")[2])["error"]["code"] == "TooSlow"


def test_work_of_a_client_that_left_is_cancelled(
    serve: Any, jpeg: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sightline.serving")
    service = serve(scheduler=SchedulerOptions(max_batch=1, normal_ms=1e4))
    service.engine.open.clear()
    before = service.engine.started
    with ThreadPoolExecutor(1) as pool, service.client() as client:
        first = pool.submit(client.post, "/detect", content=jpeg)
        wait_for(lambda: service.engine.started == before + 1)
        with connect(service) as sock:
            head = (
                f"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            )
            sock.sendall(head.encode() + jpeg)
            wait_for(lambda: sum(service.scheduler.stats().waiting.values()) == 1)
        wait_for(lambda: "POST /detect 499" in caplog.text)
        service.engine.open.set()
        assert first.result().status_code == 200
    wait_for(lambda: service.outcomes("cancelled") == 1)
    assert service.engine.started == before + 1  # it was never run


def test_a_client_that_leaves_while_it_sends(serve: Any) -> None:
    service = serve()
    with connect(service) as sock:
        sock.sendall(b"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
    with service.client() as client:
        assert client.get("/ready").status_code == 200


def test_a_deadline(serve: Any, jpeg: bytes) -> None:
    service = serve()
    service.engine.open.clear()
    with service.client() as client:
        answer = client.post("/detect", content=jpeg, params={"timeout_ms": 100})
        assert answer.status_code == 504
        assert answer.json()["error"]["code"] == "DeadlineExceeded"
        service.engine.open.set()
        wait_for(lambda: service.scheduler.stats().in_flight == 0)
        assert client.post("/detect", content=jpeg).status_code == 200


def test_requests_beyond_the_limit_are_refused_at_once(serve: Any, jpeg: bytes) -> None:
    service = serve(limits={"in_flight": 4})
    service.engine.open.clear()
    before = service.engine.started
    with ThreadPoolExecutor(4) as pool, service.client() as client:
        asked = [pool.submit(client.post, "/detect", content=jpeg) for _ in range(4)]
        wait_for(lambda: service.engine.started > before)
        wait_for(lambda: sum(service.scheduler.stats().waiting.values()) == 3)
        refused = client.post("/detect", content=jpeg)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["code"] == "Overloaded"
        assert client.get("/health").status_code == 200  # the keeper must still hear that it lives
        service.engine.open.set()
        assert [one.result().status_code for one in asked] == [200] * 4
        assert client.post("/detect", content=jpeg).status_code == 200


def test_what_the_queue_does_not_take_is_refused(serve: Any, jpeg: bytes) -> None:
    service = serve(scheduler=SchedulerOptions(queue=2, max_batch=1, normal_ms=1e4))
    service.engine.open.clear()
    with ThreadPoolExecutor(12) as pool, service.client() as client:
        asked = [pool.submit(client.post, "/detect", content=jpeg) for _ in range(12)]
        wait_for(lambda: sum(one.done() for one in asked) >= 8)
        service.engine.open.set()
        answers = [one.result() for one in asked]
    counts = {status: sum(a.status_code == status for a in answers) for status in (200, 503)}
    assert sum(counts.values()) == 12
    assert counts[200] >= 2
    assert all("retry-after" in a.headers for a in answers if a.status_code == 503)


def test_connections_beyond_the_limit(serve: Any) -> None:
    service = serve(limits={"connections": 20})
    held = [connect(service) for _ in range(20)]
    try:
        with connect(service) as sock:
            status, text = answer_of(sock)
            assert status == 503
            assert b"retry-after" in text
        held.pop().close()
        with service.client() as client:
            assert _served(client)
    finally:
        for sock in held:
            sock.close()


def _served(client: httpx.Client) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if client.get("/health").status_code == 200:
            return True
    return False


def test_an_endless_request_line(serve: Any) -> None:
    with connect(serve()) as sock, pytest.raises(OSError, match=r"reset|[Bb]roken"):
        send_for_ever(sock, b"GET /" + b"a" * 65536)


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", id="HTTP/2"),
        pytest.param(b"Upgrade: websocket\r\nConnection: upgrade\r\n", id="WebSocket"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3], ids=["whole", "in pieces"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_wish_for_another_protocol_is_ignored(
    serve: Any, jpeg: bytes, wish: bytes, pieces: int, chunked: bool
) -> None:
    """Twice over one connection, and then a plain request."""
    head = b"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n" + wish
    if chunked:
        body = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(jpeg), jpeg)
    else:
        body = b"Content-Length: %d\r\n\r\n%b" % (len(jpeg), jpeg)
    last = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    whole = 2 * (head + body) + last
    with connect(serve()) as sock:
        step = -(-len(whole) // pieces)
        for start in range(0, len(whole), step):
            sock.sendall(whole[start : start + step])
            time.sleep(0.05 * (pieces > 1))  # so that they are read one by one
        _, text = answer_of(sock)
    assert [int(one[:3]) for one in text.split(b"HTTP/1.1 ")[1:]] == [200] * 3
    assert text.count(b'"class":"car"') == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(b"\x16\x03\x01\x02\0\x01\0", "it speaks TLS", id="TLS"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", "Invalid HTTP version", id="another version"),
        pytest.param(
            b"POST /detect HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "Invalid character in Content-Length",
            id="length",
        ),
        pytest.param(
            b"POST /detect HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "can't be present",
            id="two lengths",
        ),
        pytest.param(
            b"POST /detect HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
            "chunk size",
            id="broken chunk",
        ),
        pytest.param(
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n\r\n",
            "two headers Host",
            id="two hosts",
        ),
        pytest.param(b"GET /health HTTP/1.1\r\n\r\n", "no header Host", id="no host"),
        pytest.param(b"CONNECT localhost:80 HTTP/1.1\r\nHost: a\r\n\r\n", "", id="a tunnel"),
        pytest.param(
            b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "address cannot be read", id="odd tunnel"
        ),
        pytest.param(
            b"GET /" + b"a" * 65_535 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            "is longer than 65535 bytes",
            id="a long address",
        ),
    ],
)
def test_what_is_no_http(serve: Any, text: bytes, why: str) -> None:
    service = serve()
    with connect(service) as sock:
        sock.sendall(text)
        sock.shutdown(socket.SHUT_WR)
        status, body = answer_of(sock)
        assert 400 <= status < 500
        assert why in body.decode()
    with service.client() as client:
        assert client.get("/health").status_code == 200


def test_an_answer_that_nobody_reads_is_given_up(serve: Any) -> None:
    service = serve(limits={"body_timeout_s": 0.5})
    noise = np.random.default_rng(0).integers(0, 255, (1500, 1500, 3), np.uint8)
    picture = bytes(cv2.imencode(".png", noise)[1])
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", service.server.port))
        sock.settimeout(20)
        length = f"Content-Length: {len(picture)}\r\nContent-Type: image/png\r\n"
        head = f"POST /detect?format=png HTTP/1.1\r\nHost: localhost\r\n{length}\r\n"
        sock.sendall(head.encode() + picture)
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
        wait_for(lambda: is_reset(sock), "the connection is cut")
    with service.client() as client:
        assert client.get("/health").status_code == 200


def is_reset(sock: socket.socket) -> bool:
    """Whether the other side has cut the connection; nothing is read for that."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
