"""The limits as ASGI apps, without a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sightline.config import LimitOptions
from sightline.errors import Overloaded, TooLarge
from sightline.serving.http.limits import LARGE_BODIES, Admission, EarlyRefusal, WholeBody, arrivals


def scope(path: str = "/detect", method: str = "POST", **more: Any) -> dict[str, Any]:
    headers = [(b"transfer-encoding", b"chunked")]
    return {
        "type": "http", "method": method, "path": path, "query_string": b"", "headers": headers,
        **more,
    }  # fmt: skip


class Inner:
    """An app that stays until it is let go, and keeps the bodies that it got."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.bodies: list[bytes] = []

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        if receive is not None:
            self.bodies.append((await receive())["body"])
        await self.go.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_no_more_requests_are_let_in_than_allowed() -> None:
    async def run() -> None:
        inner = Inner()
        door = Admission(inner, LimitOptions(in_flight=3))
        tasks = [asyncio.create_task(door(scope(), None, None)) for _ in range(3)]
        await settle()
        with pytest.raises(Overloaded):
            await door(scope(), None, None)
        tasks.append(asyncio.create_task(door(scope("/health", "GET"), None, None)))
        await settle()
        assert not any(task.done() for task in tasks)
        inner.go.set()
        await asyncio.gather(*tasks)
        assert door.in_flight == 0

    asyncio.run(run())


EARLY = [
    pytest.param("/detect", b"image/jpeg", True, id="a picture as it is"),
    pytest.param("/predict", b"application/octet-stream", True, id="bytes"),
    pytest.param("/classify", b"image/png", True, id="to be named"),
    pytest.param("/detect", b"multipart/form-data; boundary=x", False, id="a form may say more"),
    pytest.param("/detect", b"application/json", False, id="JSON may say more"),
    pytest.param("/streams", b"image/jpeg", False, id="no picture is asked for"),
]


@pytest.mark.parametrize(("path", "content_type", "early"), EARLY)
def test_a_picture_that_will_be_refused_is_not_read(
    path: str, content_type: bytes, early: bool
) -> None:
    asked = []

    def check(client: str, path: str, query: Any) -> None:
        asked.append((client, path, query))
        raise Overloaded("busy")

    async def run() -> None:
        inner = Inner()
        inner.go.set()
        app = EarlyRefusal(inner, check)
        request = scope(path, query_string=b"model=m&priority=batch", client=("10.0.0.7", 5))
        request["headers"].append((b"content-type", content_type))
        if early:
            with pytest.raises(Overloaded):
                await app(request, chunks(b"x"), None)
            assert asked == [("10.0.0.7", path, {"model": "m", "priority": "batch"})]
        else:
            await app(request, chunks(b"x"), None)
            assert asked == []
        assert inner.bodies == ([] if early else [b"x"])

    asyncio.run(run())


def chunks(*pieces: bytes) -> Any:
    waiting = [
        {"type": "http.request", "body": piece, "more_body": i + 1 < len(pieces)}
        for i, piece in enumerate(pieces)
    ]

    async def receive() -> Any:
        return waiting.pop(0)

    return receive


def test_a_body_is_counted_as_it_comes() -> None:
    async def run() -> None:
        inner = Inner()
        inner.go.set()
        limits = LimitOptions(body_mb=0.001)
        app = WholeBody(inner, limits, arrivals(limits))
        await app(scope(), chunks(b"a" * 600, b"b" * 400), None)
        with pytest.raises(TooLarge, match="1000 bytes"):
            await app(scope(), chunks(b"a" * 600, b"b" * 401), None)
        assert inner.bodies == [b"a" * 600 + b"b" * 400]

    asyncio.run(run())


def test_what_comes_in_counts_by_the_part_that_is_there() -> None:
    async def run() -> None:
        limits = LimitOptions()
        on_their_way = arrivals(limits)
        app = WholeBody(Inner(), limits, on_their_way)

        async def send(length: bytes, first: bytes) -> asyncio.Task[None]:
            pieces = [{"type": "http.request", "body": first, "more_body": True}]

            async def receive() -> Any:
                return pieces.pop() if pieces else await asyncio.Event().wait()

            request = scope(client=("10.0.0.7", 5))
            if length:
                request["headers"] = [(b"content-length", length)]
            task = asyncio.create_task(app(request, receive, None))
            await asyncio.sleep(0)
            return task

        tasks = [await send(b"1000", b"a" * 600)]
        assert on_their_way.coming("10.0.0.7") == 0.6
        tasks += [await send(b"1000", b"") for _ in range(100)]  # headers, and nothing behind them
        assert on_their_way.coming("10.0.0.7") == 0.6
        tasks.append(await send(b"", b"a"))  # it does not say how much will come
        assert on_their_way.coming("10.0.0.7") == 1.6
        assert on_their_way.coming("10.0.0.8") == 0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert on_their_way.coming("10.0.0.7") == 0

    asyncio.run(run())


def test_all_bodies_together_have_a_limit_too() -> None:
    async def run() -> None:
        inner = Inner()
        limits = LimitOptions(body_mb=0.001)
        app = WholeBody(inner, limits, arrivals(limits))
        tasks = [
            asyncio.create_task(app(scope(), chunks(b"a" * 1000), None))
            for _ in range(LARGE_BODIES)
        ]
        await settle()
        with pytest.raises(Overloaded):
            await app(scope(), chunks(b"a"), None)
        inner.go.set()
        await asyncio.gather(*tasks)
        await app(scope(), chunks(b"a"), None)  # the memory is free again

    asyncio.run(run())
