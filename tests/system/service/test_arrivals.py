"""Clients that hold back what they have announced: everybody else is served as before."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from tests.waiting import wait_for

from sightline.runtime.load_generator import LoadTarget, closed_loop
from sightline.runtime.streams.feed import FeedItem
from sightline.serving.http import fetch, protocol
from sightline.serving.routes import streams

HEAD = b"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"


@contextmanager
def stalled(service: Any, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Connections that have sent so much and send nothing more."""
    with ExitStack() as stack:
        sockets = []
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", service.server.port), timeout=20)
            stack.enter_context(sock)
            sock.sendall(sent)
            sockets.append(sock)
        yield sockets


def answer_of(sock: socket.socket) -> int:
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return int(data.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(HEAD + b"Content-Length: 100000\r\n\r\n", id="headers"),
        pytest.param(HEAD + b"Content-Length: 100000\r\n\r\n" + b"a" * 99_000, id="most of it"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc", id="half a chunk"),
        pytest.param(HEAD, id="half of the headers"),
        pytest.param(
            HEAD + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", id="100-continue"
        ),
    ],
)
def test_a_hundred_sockets_that_stall_shut_nobody_out(serve: Any, jpeg: bytes, sent: bytes) -> None:
    service = serve(limits={"in_flight": 80})
    with stalled(service, 100, sent):
        wait_for(lambda: len(service.server._uvicorn.server_state.connections) >= 100)
        target = LoadTarget.of(f"{service.url}/detect", jpeg)
        load = asyncio.run(closed_loop(target, 64, 1.0))
    assert set(load.counts) == {200}


def test_clients_on_slow_lines_are_served_and_delay_nobody(serve: Any, jpeg: bytes) -> None:
    service = serve(limits={"in_flight": 4})
    pieces = [jpeg[i : i + 100] for i in range(0, len(jpeg), 100)]
    whole = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
    with stalled(service, 12, whole) as slow, service.client() as client:
        for piece in pieces[:-1]:
            for sock in slow:
                sock.sendall(piece)
        assert client.post("/detect", content=jpeg).status_code == 200
        wait_for(lambda: len(service.app.state.service.arriving) == 12)
        for sock in slow[:4]:
            sock.sendall(pieces[-1])
        assert [answer_of(sock) for sock in slow[:4]] == [200] * 4


def test_bodies_that_stop_give_their_memory_to_those_that_go_on(serve: Any, jpeg: bytes) -> None:
    service = serve(limits={"body_mb": 0.1})
    arriving = service.app.state.service.arriving
    sent = HEAD + b"Content-Length: 100000\r\n\r\n" + b"a" * 99_900
    with stalled(service, 8, sent) as sockets, service.client() as client:
        wait_for(lambda: arriving.held == 8 * 99_900)
        time.sleep(1.1)  # from now on they count as silent
        large = jpeg + bytes(50_000)
        assert client.post("/detect", content=large).status_code == 200
        assert sum(_has_answer(sock) for sock in sockets) == 1
        assert answer_of(next(s for s in sockets if _has_answer(s))) == 408
        assert arriving.held == 7 * 99_900


def _has_answer(sock: socket.socket) -> bool:
    sock.settimeout(0.3)
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False
    finally:
        sock.settimeout(20)


def test_requests_of_one_address_on_their_way(serve: Any, jpeg: bytes) -> None:
    service = serve(limits={"arriving_per_address": 5})
    with (
        stalled(service, 5, HEAD + b"Content-Length: 1000\r\n\r\n") as sockets,
        service.client() as client,
    ):
        wait_for(lambda: len(service.app.state.service.arriving) == 5)
        time.sleep(1.1)
        assert client.post("/detect", content=jpeg).status_code == 200
        assert answer_of(sockets[0]) == 408


def test_a_body_that_comes_too_slowly(serve: Any, jpeg: bytes) -> None:
    service = serve(limits={"least_kb_s": 1.0})
    begin = time.monotonic()
    with stalled(service, 1, HEAD + b"Content-Length: 100000\r\n\r\nabc") as (sock,):
        assert answer_of(sock) == 408
    assert 1.9 < time.monotonic() - begin < 15
    with service.client() as client:
        assert client.post("/detect", content=jpeg).status_code == 200


def test_pictures_from_a_slow_address_shut_nobody_out(
    serve: Any, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT_S", 1.5)
    service = serve(limits={"in_flight": 64}, fetch_from=("127.0.0.0/8",))
    with socket.create_server(("127.0.0.1", 0), backlog=128) as silent, service.client() as client:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.jpg"
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(_ask_by_url, service.url, url) for _ in range(8)]
            wait_for(lambda: len(service.app.state.service.fetching) == 8)
            assert client.post("/detect", content=jpeg).status_code == 200
            assert all(one.result().status_code == 422 for one in asked)


def _ask_by_url(service: str, url: str) -> httpx.Response:
    return httpx.post(f"{service}/detect", json={"url": url}, timeout=30, trust_env=False)


def test_silent_connections_give_way(
    serve: Any, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_SILENT_S", 0.2)
    service = serve(limits={"connections": 20})
    with stalled(service, 10, b""), stalled(service, 10, b"GET /health HT"):
        wait_for(lambda: len(service.server._uvicorn.server_state.connections) == 20)
        time.sleep(0.3)
        for _ in range(25):
            with service.client() as client:
                assert client.post("/detect", content=jpeg).status_code == 200


@pytest.mark.parametrize("length", [b"Content-Length: 1000\r\n\r\nabc", b""], ids=["body", "head"])
def test_what_is_half_sent_when_the_service_ends_is_answered(
    serve: Any, length: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    service = serve(drain_s=10.0)
    with stalled(service, 4, HEAD + length) as sockets:
        wait_for(lambda: len(service.server._uvicorn.server_state.connections) == 4)
        begin = time.monotonic()
        ending = threading.Thread(target=service.server.stop)
        ending.start()
        answers = [answer_of(sock) for sock in sockets]
        took = time.monotonic() - begin
        ending.join()
    assert answers == [503] * 4
    assert took < 6
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("path", ["/streams/street/mjpeg?quality=100", "/events"])
def test_watchers_that_read_nothing_are_let_go(
    serve: Any, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Left alone, the system takes megabytes for each, which is minutes of events."""
    monkeypatch.setattr(protocol, "LAG_S", 0.5)
    events = itertools.cycle([[FeedItem("street", "x" * 4000)], []])
    monkeypatch.setattr(streams, "_waiting", lambda _: next(events))
    service = serve()
    parts = service.app.state.service
    with service.client() as client:
        body = {"name": "street", "source": "street://"}
        assert client.post("/streams", json=body).status_code == 201
    ask = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(3):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", service.server.port))
            sock.sendall(ask)
        wait_for(lambda: parts.watchers == 3)
        wait_for(lambda: parts.watchers == 0, timeout_s=60 if "mjpeg" in path else 20)
