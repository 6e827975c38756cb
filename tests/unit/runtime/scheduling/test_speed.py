"""How fast an engine is, measured as its batches end."""

from __future__ import annotations

import pytest
from tests.unit.runtime.scheduling.queue_bench import LANE, MS, Bench

from sightline.runtime.scheduling.speed import Measured, Speed

# How fast.


@pytest.mark.parametrize("requests", [1, 4])
def test_the_cost_of_a_picture_is_the_engines_time_for_it(requests: int) -> None:
    """An engine that has ``requests`` in flight for 40 ms each does one in 40 / requests ms."""
    bench = Bench(requests=requests)
    for _ in range(requests):
        bench.push("x")
        bench.take()
        bench.wait(40 / requests)
    for _ in range(20):
        bench.end()
        bench.push("x")
        bench.take()
        bench.wait(40 / requests)
    assert bench.speed.cost == pytest.approx(40 * MS / requests, rel=0.02)
    assert bench.speed.time(LANE, 1) == pytest.approx(40 * MS)


def test_an_engine_that_is_hardly_used_tells_nothing_of_its_throughput() -> None:
    bench = Bench(requests=4)
    for _ in range(20):
        bench.push("x")
        bench.take()
        bench.end(after_ms=10)
    assert bench.speed.cost is None
    assert bench.speed.time(LANE, 1) == pytest.approx(10 * MS)


def test_the_first_inference_of_a_size_is_no_measure() -> None:
    bench = Bench()
    for ms in (500, 10, 10):
        bench.push("x")
        bench.take()
        bench.end(after_ms=ms)
    assert bench.speed.time(LANE, 1) == pytest.approx(10 * MS)
    assert bench.speed.cost == pytest.approx(10 * MS)


def test_an_engine_is_busy_with_as_much_as_it_can_do_at_a_time() -> None:
    speed = Speed(4, (1,))
    speed.learn((8, 8), [Measured(1, alone_s=0.02, cost_s=0.01)])  # two batches side by side
    first, second = speed.started(10.0), speed.started(11.0)
    third = speed.started(12.0)
    for ended, share in ((13.0, first), (14.0, second), (16.0, third)):
        speed.ended((8, 8), 1, 10.0, share, ended)
    # Half of 10 to 11, 11 to 14, half of 14 to 16, and nothing since.
    assert speed.busy(20.0) == pytest.approx(0.5 + 3.0 + 1.0)
