"""More clients than the model can serve at a time: who is accepted, and who is told to come later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from sightline.config import SchedulerOptions
from sightline.runtime.load_generator import LoadResult, LoadTarget, closed_loop, open_loop

PICTURE_S = 0.005


@pytest.fixture
def slow(serve: Any) -> Callable[..., Any]:
    """A factory of services whose model takes ``PICTURE_S`` for a picture, with default budgets.

    Requests may wait for long: a busy computer takes more for each, and refuses what it cannot do in time.
    """

    def start(**limits: Any) -> Any:
        service = serve(
            limits={"queue_ms": 60_000.0} | limits, scheduler=SchedulerOptions(max_batch=1)
        )
        submit = service.engine.submit

        def slowly(shape: Any, fill: Any, read: Any) -> Any:
            def late(outputs: Any) -> Any:
                time.sleep(PICTURE_S * shape[0])
                return read(outputs)

            return submit(shape, fill, late)

        service.engine.submit = slowly
        return service

    return start


def run(service: Any, jpeg: bytes, clients: int, seconds: float = 2.0) -> LoadResult:
    return asyncio.run(closed_loop(LoadTarget.of(f"{service.url}/detect", jpeg), clients, seconds))


def test_sixty_four_clients_with_one_picture_each_are_all_served(slow: Any, jpeg: bytes) -> None:
    service = slow()
    run(service, jpeg, 2, 0.3)  # the speed is known
    load = run(service, jpeg, 64)
    assert set(load.counts) == {200}
    assert load.counts[200] > 64


def test_what_is_too_much_is_refused_at_once(slow: Any, jpeg: bytes) -> None:
    service = slow(queue_ms=300)
    run(service, jpeg, 2, 0.3)
    capacity = run(service, jpeg, 8, 1.0).rate
    target = LoadTarget.of(f"{service.url}/detect", jpeg)
    load = asyncio.run(open_loop(target, 2 * capacity, 2.0))
    assert load.lost == 0
    assert set(load.counts) == {200, 503}
    assert load.counts.total() == int(2 * capacity * 2.0)  # one answer each
    assert load.percentile(90) > 150  # it uses the time that it may


def test_a_deadline_that_cannot_be_met_is_refused_at_once(slow: Any, jpeg: bytes) -> None:
    service = slow()
    run(service, jpeg, 2, 0.3)

    async def both() -> tuple[LoadResult, LoadResult]:
        url = f"{service.url}/detect"
        crowd = asyncio.create_task(closed_loop(LoadTarget.of(url, jpeg), 60, 2.0))
        await asyncio.sleep(0.5)
        hurried = await closed_loop(LoadTarget.of(f"{url}?timeout_ms=50", jpeg), 2, 1.0)
        return await crowd, hurried

    crowd, hurried = asyncio.run(both())
    assert set(crowd.counts) == {200}
    assert 503 in hurried.counts  # with 60 waiting before it there is no answer in 50 ms


def test_urgent_requests_go_first(slow: Any, jpeg: bytes) -> None:
    service = slow()
    run(service, jpeg, 2, 0.3)

    async def both() -> tuple[LoadResult, LoadResult]:
        url = f"{service.url}/detect"
        crowd = asyncio.create_task(closed_loop(LoadTarget.of(url, jpeg), 60, 2.0))
        await asyncio.sleep(0.5)
        urgent = await closed_loop(LoadTarget.of(f"{url}?priority=urgent", jpeg), 1, 1.0)
        return await crowd, urgent

    crowd, urgent = asyncio.run(both())
    assert set(crowd.counts) | set(urgent.counts) == {200}
    assert urgent.percentile(50) < 0.5 * crowd.percentile(50)
