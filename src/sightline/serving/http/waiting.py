"""How long a request is worked on: until its client leaves, or its time is over."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from sightline.errors import DeadlineExceeded

T = TypeVar("T")

GRACE_S = 0.25
"""The scheduler says first that a deadline has passed; then we do, whatever hangs."""


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` comes to; when the client leaves before, it is cancelled.

    Raises ClientDisconnect.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.receive())  # the body is here: only a disconnect can come
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        gone.cancel()
        del (
            working
        )  # the trace of its error holds this function, and the request's picture: no circle


async def answered(future: concurrent.futures.Future[T]) -> T:
    """What a future comes to. Raises what it failed with.

    Callers must not hold the future: the trace of its error would hold them, and the pictures that they know, until
    the garbage collector comes.
    """
    try:
        return await asyncio.wrap_future(future)
    finally:
        del future


@asynccontextmanager
async def until(
    deadline: float | None, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[None]:
    """Wait inside until a moment on the clock, and a little longer. Raises DeadlineExceeded."""
    try:
        async with asyncio.timeout(None if deadline is None else deadline - clock() + GRACE_S):
            yield
    except TimeoutError as exc:
        raise DeadlineExceeded("there was no answer in time") from exc
