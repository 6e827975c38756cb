"""Items of several clients in one batch: each has its own rows and its own failure."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.unit.runtime.scheduling.stand_in_engine import (
    LONG_S,
    TERMS,
    Gate,
    StandIn,
    poison,
    put,
    result,
)

from sightline.config import SchedulerOptions
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Pixels

# Results.


def test_each_item_has_its_own_rows_of_a_batch(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate)
    first = put(scheduler, 1)
    gate.wait_until_entered()
    futures = [put(scheduler, i, replace(TERMS, client=f"{i}"), pictures=n)
               for i, n in ((2, 1), (3, 3), (4, 4))]  # fmt: skip
    gate.open.set()
    assert [result(f) for f in (first, *futures)] == [[1], [2], [3] * 3, [4] * 4]
    assert engine.batches == [1, 8]


@pytest.mark.parametrize("part", ["fill", "read"])
@pytest.mark.parametrize("others", [0, 3])
def test_a_poisonous_item_fails_alone(make: Any, part: str, others: int) -> None:
    gate = Gate()
    scheduler, engine = make(gate)
    first = put(scheduler, 1)
    gate.wait_until_entered()
    before = [put(scheduler, 10 + i) for i in range(others)]
    bad = put(scheduler, 5, **{part: poison})
    gate.open.set()
    assert result(first) == [1]
    assert [result(f) for f in before] == [[10 + i] for i in range(others)]
    with pytest.raises(ValueError, match="poison"):
        result(bad)
    assert engine.batches == [1, others + 1][: 2 if others or part == "read" else 1]


def test_the_place_of_an_item_that_cannot_be_filled_is_empty(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate)
    seen: list[Pixels] = []
    first = put(scheduler, 1)
    gate.wait_until_entered()

    def half(x: Pixels) -> None:
        x[0, :2] = 77
        raise ValueError("poison")

    bad, good = put(scheduler, 2, fill=half), put(scheduler, 3)
    engine.run = lambda x: seen.append(x.copy())
    gate.open.set()
    assert result(good) == [3]
    assert not seen[0][0].any()
    assert isinstance(bad.exception(LONG_S), ValueError)
    assert result(first) == [1]


@pytest.mark.parametrize(
    ("input_n", "output_n"),
    [pytest.param(1, 1, id="batch of one"), pytest.param(None, 300, id="output of fixed length")],
)
def test_models_without_a_batch_dimension_are_not_joined(
    input_n: int | None, output_n: int | None
) -> None:
    gate = Gate()
    engine = StandIn(gate, input_n=input_n, output_n=output_n)
    scheduler = Scheduler(SchedulerOptions())
    scheduler.add("m", engine, (1, 2, 4))
    futures = [put(scheduler, i) for i in range(5)]
    gate.open.set()
    assert [result(f) for f in futures] == [[i] for i in range(5)]
    assert engine.batches == [1] * 5
    scheduler.close()
    engine.close()


def test_an_engine_may_call_fill_and_read_again(make: Any) -> None:
    """Fallback does, when its first engine failed."""
    scheduler, engine = make()
    attempts = iter([ValueError("busy file"), None])

    def fill(x: Pixels) -> None:
        if error := next(attempts):
            raise error
        x[...] = 8

    def twice(shape: Any, fill: Any, read: Any) -> Future[Any]:
        batch, future = np.zeros((*shape, 3), np.uint8), Future[Any]()
        with contextlib.suppress(ValueError):
            fill(batch)
        fill(batch)
        future.set_result(read([engine.rows(batch)]))
        return future

    engine.submit = twice
    assert result(put(scheduler, 0, fill=fill)) == [8]
