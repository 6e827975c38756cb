"""Several pictures of one request on their way through the scheduler."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from sightline.errors import Overloaded

T = TypeVar("T")


async def run_all(jobs: Sequence[Callable[[], Future[T]]]) -> list[T]:
    """What all jobs come to, in their order; as many wait in the queue at a time as it takes.

    A job that is refused is started when another one of these has ended; where none is under way it is
    others who fill the queue, and Overloaded is raised. The first failure, or a cancellation, ends the
    others.
    """
    results: list[T] = []
    under_way: deque[asyncio.Future[T]] = deque()
    try:
        for job in jobs:
            while True:
                try:
                    under_way.append(asyncio.wrap_future(job()))
                    break
                except Overloaded:
                    if not under_way:
                        raise
                    results.append(await under_way.popleft())
        while under_way:
            results.append(await under_way.popleft())
        return results
    finally:
        for waiting in under_way:
            waiting.cancel()
