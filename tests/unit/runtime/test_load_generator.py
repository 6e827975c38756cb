"""The load generator: what it sends, what it counts, and servers that hang up."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.ports import free_port

from sightline.errors import ConfigError
from sightline.runtime.load_generator import LoadResult, LoadTarget, closed_loop, open_loop

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def test_what_came_back() -> None:
    load = LoadResult(2.0)
    for milliseconds in range(1, 101):
        load.add(200, milliseconds / 1e3)
    load.add(503, 0.5)
    assert load.rate == 50
    assert load.counts == Counter({200: 100, 503: 1})
    assert load.percentile(50) == pytest.approx(50.5)
    assert load.percentile(99, 503) == pytest.approx(500)
    assert math.isnan(load.percentile(50, 404))


@pytest.mark.parametrize(
    ("url", "token", "line", "place"),
    [
        pytest.param("http://127.0.0.1:8000/detect?conf=0.5", None, b"POST /detect?conf=0.5 HTTP/1.1", ("127.0.0.1", 8000), id="all"),
        pytest.param("http://host", "geheim", b"POST /detect HTTP/1.1", ("host", 80), id="a host alone"),
        pytest.param("http://[::1]:1/", None, b"POST / HTTP/1.1", ("::1", 1), id="IPv6"),
    ],
)  # fmt: skip
def test_requests(url: str, token: str | None, line: bytes, place: tuple[str, int]) -> None:
    target = LoadTarget.of(url, b"body", token=token)
    head, _, body = target.request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert (lines[0], body, (target.host, target.port)) == (line, b"body", place)
    assert b"Content-Length: 4" in lines
    assert (b"Authorization: Bearer geheim" in lines) == (token is not None)


@pytest.mark.parametrize("url", ["https://host/x", "host:8000", "http://joe:geheim@/x"])
def test_no_addresses(url: str) -> None:
    with pytest.raises(ConfigError, match="give an address such as") as caught:
        LoadTarget.of(url, b"")
    assert "geheim" not in str(caught.value)


def against(
    pieces: list[bytes],
    run: Callable[[LoadTarget], Awaitable[LoadResult]],
    *,
    hangs_up: bool = False,
) -> tuple[LoadResult, int]:
    """What a run finds of a server that answers in pieces, and how many connections it made."""

    async def both() -> tuple[LoadResult, int]:
        made = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal made
            made += 1
            while await reader.read(1000):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if hangs_up:
                    break
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        target = LoadTarget.of(f"http://127.0.0.1:{port}/detect", b"body")
        try:
            return await asyncio.wait_for(run(target), 20), made
        finally:
            server.close()

    return asyncio.run(both())


@pytest.mark.parametrize(
    "pieces", [[OK], [OK[:20], OK[20:-1], OK[-1:]]], ids=["at once", "in pieces"]
)
def test_clients_that_ask_again_and_again(pieces: list[bytes]) -> None:
    load, made = against(pieces, lambda target: closed_loop(target, 2, 0.05))
    assert load.counts[200] >= 2
    assert (set(load.counts), load.lost, made) == ({200}, 0, 2)


def test_so_many_a_second() -> None:
    busy = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"
    load, made = against([busy], lambda target: open_loop(target, 200, 0.1))
    assert (load.counts, load.lost) == (Counter({503: 20}), 0)
    assert made <= 20


def test_a_server_that_hangs_up_after_each_answer_is_connected_to_again() -> None:
    load, made = against([OK], lambda target: open_loop(target, 100, 0.1), hangs_up=True)
    assert load.counts[200] + load.lost == 10
    assert load.counts[200] >= 5
    assert made >= load.counts[200]


def test_clients_do_not_wait_for_a_server_that_has_hung_up() -> None:
    with pytest.raises(ConnectionError, match="hung up"):
        against([OK], lambda target: closed_loop(target, 1, 5), hangs_up=True)


def test_nobody_there() -> None:
    target: Any = LoadTarget("127.0.0.1", free_port(), b"")
    with pytest.raises(OSError, match=r"."):
        asyncio.run(closed_loop(target, 1, 0.1))
    load = asyncio.run(open_loop(target, 100, 0.03))
    assert (load.lost, load.counts) == (3, Counter())
