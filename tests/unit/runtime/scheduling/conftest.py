"""A scheduler with a stand-in for its engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from tests.unit.runtime.scheduling.stand_in_engine import Gate, RecordingMeter, StandIn

from sightline.config import SchedulerOptions
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Pixels


@pytest.fixture
def make() -> Iterator[Callable[..., tuple[Scheduler, StandIn]]]:
    """A scheduler with one stand-in as its model "m"; both are closed after the test."""
    made: list[tuple[Scheduler, StandIn]] = []

    def make(
        run: Callable[[Pixels], None] = lambda _: None,
        requests: int = 1,
        sizes: Sequence[int] | None = (1, 2, 4, 8),
        meter: RecordingMeter | None = None,
        **options: Any,
    ) -> tuple[Scheduler, StandIn]:
        engine = StandIn(run, requests)
        scheduler = Scheduler(SchedulerOptions(**options), meter)
        scheduler.add("m", engine, sizes)
        made.append((scheduler, engine))
        return scheduler, engine

    yield make
    for scheduler, engine in made:
        if isinstance(engine.run, Gate):
            engine.run.open.set()
        scheduler.close()
        engine.close()
