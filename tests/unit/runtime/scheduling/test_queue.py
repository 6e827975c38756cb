"""The scheduler's queue by a virtual clock: what is in flight, and what hangs."""

from __future__ import annotations

import pytest
from tests.unit.runtime.scheduling.queue_bench import Bench

from sightline.errors import InferenceError, Overloaded


def test_no_more_batches_are_in_flight_than_the_engine_has_requests() -> None:
    bench = Bench(requests=2)
    for i in range(3):
        bench.push(f"{i}")
    assert [bench.take(), bench.take(), bench.take()] == [["0"], ["1"], None]
    bench.end()
    assert bench.take() == ["2"]


def test_a_request_that_hangs_is_given_up() -> None:
    bench = Bench(requests=2, watchdog_s=10)
    bench.push("hanging")
    bench.take()
    bench.wait(4000)
    bench.push("later")
    bench.take()
    assert bench.queue.wake_at(bench.now) == pytest.approx(bench.now + 6)
    bench.wait(6000)
    (batch,) = bench.queue.overdue(bench.now)
    assert [bench.names[item] for item in batch.items] == ["hanging"]
    assert batch.settled
    assert not bench.speed.hung
    bench.push("next")
    assert bench.take() is None  # one request is lost, the other one is in use


def test_an_engine_that_hangs_altogether_refuses() -> None:
    bench = Bench(requests=1, watchdog_s=10)
    bench.push("hanging")
    bench.take()
    bench.push("waiting")
    bench.wait(10_000)
    assert len(bench.queue.overdue(bench.now)) == 1
    assert bench.speed.hung
    ((item, reason, error),) = bench.queue.backlog.dropped()
    assert (bench.names[item], reason) == ("waiting", "failed")
    assert isinstance(error, InferenceError)
    with pytest.raises(Overloaded, match="all its requests hang"):
        bench.push("new")
    bench.speed.lost -= 1  # the late result
    bench.push("new")
    assert bench.take() == ["new"]
