"""Batch sizes that pay, found before anyone waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

import pytest
from tests.unit.runtime.scheduling.stand_in_engine import LANE, LONG_S, Gate, put

from sightline.errors import (
    InferenceError,
)
from sightline.types import Pixels

# Warming up.


@pytest.mark.parametrize(
    ("seconds", "sizes"),
    [
        pytest.param(lambda n: 0.008 + 0.001 * n, {1, 2, 4, 8}, id="batches pay"),
        pytest.param(lambda n: 0.004 * n * n, {1}, id="they do not"),
        pytest.param(lambda n: 0.012 if n <= 4 else 0.1, {1, 2, 4}, id="up to four"),
    ],
)
def test_warming_up_finds_the_sizes_that_pay(
    make: Any, seconds: Callable[[int], float], sizes: set[int]
) -> None:
    scheduler, engine = make(lambda x: time.sleep(seconds(len(x))), sizes=None)
    scheduler.warm_up("m", LANE)
    assert set(engine.batches) - sizes <= {2 * max(sizes)}  # the first that does not pay was tried
    # Sleeping takes longer on a busy machine, never shorter.
    assert 0 < scheduler.stats().capacity < 1.1 * max(sizes) / seconds(max(sizes))
    gate = Gate()
    engine.run = gate
    engine.batches.clear()
    first = put(scheduler, 1)
    gate.wait_until_entered()
    futures = [put(scheduler, 2) for _ in range(max(sizes))]
    gate.open.set()
    wait([first, *futures], LONG_S)
    assert engine.batches == [1, max(sizes)] if max(sizes) > 1 else [1, 1]


def test_a_size_that_the_engine_cannot_run_is_not_used(make: Any) -> None:
    def run(x: Pixels) -> None:
        if len(x) > 2:
            raise InferenceError("no memory")
        time.sleep(0.005)

    scheduler, engine = make(run, sizes=None)
    scheduler.warm_up("m", LANE)
    assert set(engine.batches) == {1, 2, 4}


def test_sizes_that_were_asked_for_must_work(make: Any) -> None:
    def run(x: Pixels) -> None:
        if len(x) > 2:
            raise InferenceError("no memory")

    scheduler, _ = make(run)
    with pytest.raises(InferenceError, match="no memory"):
        scheduler.warm_up("m", LANE)
