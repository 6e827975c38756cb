"""The timing of an engine, on a clock that only the engine moves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.unit.optimize.benchmarks.stand_ins import FakeEngine

from sightline.optimize.benchmarks.timing import TimedRuns


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def timed(durations: list[float]) -> tuple[TimedRuns, FakeEngine]:
    """Runs of an engine whose inferences take these seconds, and then for ever the last of them."""
    clock = Clock()
    coming = itertools.chain(durations, itertools.repeat(durations[-1]))

    def run() -> None:
        clock.now += next(coming)

    engine = FakeEngine(run)
    return TimedRuns(engine, (2, 8, 8), clock), engine


def test_warm_up_goes_on_until_the_times_are_stable() -> None:
    falling = [0.2 * 0.9**n for n in range(20)]
    runs, engine = timed([*falling, 0.02])
    found = runs.warm_up(60)
    assert found.stable
    assert found.runs > 20
    assert found.seconds == pytest.approx(sum(falling) + 0.02 * (found.runs - 20))
    assert len(engine.filled) == found.runs
    assert len(np.unique(engine.filled[0])) > 100  # a picture, not zeros

    steady, _ = timed([0.125])
    assert steady.warm_up(60).runs == 3 * 2  # three blocks of 0.2 s


def test_warm_up_that_never_settles_ends_and_says_so() -> None:
    runs, _ = timed([0.2, 0.4] * 1000)
    found = runs.warm_up(5)
    assert not found.stable
    assert 5 <= found.seconds < 6


def test_latencies_are_those_of_the_inferences() -> None:
    runs, _ = timed([0.01, 0.03])
    times = runs.latencies_ms(0.1)
    assert times[:2] == pytest.approx([10, 30])
    assert times[2:] == pytest.approx([30] * len(times[2:]))
    assert 100 <= sum(times) <= 131
    slow, _ = timed([9.0])
    assert slow.latencies_ms(0.1) == pytest.approx([9000])


def test_load_counts_pictures() -> None:
    runs, _ = timed([0.01])
    found = runs.load(1.0)
    assert found.pictures_per_s == pytest.approx(200, rel=0.02)
    assert found.samples_ms == pytest.approx([10] * len(found.samples_ms))
