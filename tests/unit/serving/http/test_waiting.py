"""How long a request is worked on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request

from sightline.errors import DeadlineExceeded, InferenceError
from sightline.serving.http.waiting import GRACE_S, unless_gone, until


def request(leaves: bool) -> Request:
    """A request whose body has come; its client leaves at once, or stays."""

    async def receive() -> dict[str, str]:
        if not leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


def test_the_result_of_the_work() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 3

    assert asyncio.run(unless_gone(request(leaves=False), work())) == 3


def test_the_failure_of_the_work() -> None:
    async def work() -> int:
        raise InferenceError("broken")

    with pytest.raises(InferenceError, match="broken"):
        asyncio.run(unless_gone(request(leaves=False), work()))


def test_work_is_cancelled_when_its_client_leaves() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def run() -> None:
        with pytest.raises(ClientDisconnect):
            await unless_gone(request(leaves=True), work())
        await asyncio.sleep(0)

    asyncio.run(run())
    assert ended == ["cancelled"]


def test_work_that_is_done_in_the_same_moment_counts() -> None:
    async def work() -> int:
        return 3

    assert asyncio.run(unless_gone(request(leaves=True), work())) == 3


@pytest.mark.parametrize(
    ("deadline", "over"),
    [
        pytest.param(100.0 - GRACE_S, True, id="over, with its grace"),
        pytest.param(0.0, True, id="long over"),
        pytest.param(200.0, False, id="time is left"),
        pytest.param(None, False, id="no deadline"),
    ],
)
def test_waiting_ends_at_a_moment_of_the_clock(deadline: float | None, over: bool) -> None:
    async def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async with until(deadline, lambda: 100.0):
            await work()

    async def short() -> None:
        await asyncio.sleep(0.01)

    if over:
        with pytest.raises(DeadlineExceeded, match="there was no answer in time"):
            asyncio.run(run(asyncio.Event().wait))  # type: ignore[arg-type]
    else:
        asyncio.run(run(short))
