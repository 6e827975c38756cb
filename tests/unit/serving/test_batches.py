"""Several pictures of one request on their way through the scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from sightline.errors import InferenceError, Overloaded
from sightline.serving.batches import run_all


class Queue:
    """Takes as many jobs at a time as it has room for; what it took ends when it is told to."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.waiting: list[tuple[int, Future[int]]] = []
        self.most = 0

    def job(self, number: int) -> Callable[[], Future[int]]:
        def submit() -> Future[int]:
            if len(self.waiting) >= self._room:
                raise Overloaded("full")
            future: Future[int] = Future()
            self.waiting.append((number, future))
            self.most = max(self.most, len(self.waiting))
            return future

        return submit

    async def serve(self) -> None:
        while True:
            await asyncio.sleep(0)
            if self.waiting:
                number, future = self.waiting.pop()  # the last one first
                future.set_result(number)


@pytest.mark.parametrize(("count", "room"), [(0, 1), (1, 1), (5, 1), (5, 2), (5, 9)])
def test_results_come_in_the_order_of_the_jobs(count: int, room: int) -> None:
    queue = Queue(room)

    async def run() -> list[int]:
        serving = asyncio.create_task(queue.serve())
        try:
            return await run_all([queue.job(i) for i in range(count)])
        finally:
            serving.cancel()

    assert asyncio.run(run()) == list(range(count))
    assert queue.most == min(count, room)


def test_where_others_fill_the_queue_it_is_refused() -> None:
    with pytest.raises(Overloaded, match="full"):
        asyncio.run(run_all([Queue(0).job(0)]))


def test_the_first_failure_ends_the_others() -> None:
    queue = Queue(3)

    async def run() -> None:
        task = asyncio.create_task(run_all([queue.job(i) for i in range(3)]))
        await asyncio.sleep(0)
        queue.waiting[0][1].set_exception(InferenceError("broken"))
        await task

    with pytest.raises(InferenceError, match="broken"):
        asyncio.run(run())
    assert [future.cancelled() for _, future in queue.waiting] == [False, True, True]


def test_a_client_that_leaves_ends_them_all() -> None:
    queue = Queue(3)

    async def run() -> None:
        task = asyncio.create_task(run_all([queue.job(i) for i in range(2)]))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert all(future.cancelled() for _, future in queue.waiting)
