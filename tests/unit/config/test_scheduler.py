"""How streams and clients share the engines."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.config.refused import refusal

from sightline.config import SchedulerOptions


def test_what_is_more_urgent_waits_for_less() -> None:
    options = SchedulerOptions()
    assert options.urgent_ms < options.normal_ms < options.batch_ms


@pytest.mark.parametrize("watchdog_s", [10.0, 3.0])
def test_the_next_engine_takes_over_before_the_watchdog_gives_up(watchdog_s: float) -> None:
    assert SchedulerOptions(watchdog_s=watchdog_s).hang_s == watchdog_s / 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_batch": 0}, "max_batch: it must be 1 or more, not 0"),
        ({"max_batch": 257}, "max_batch: it must be 256 or less, not 257"),
        ({"queue": 0}, "queue: it must be 1 or more, not 0"),
        ({"watchdog_s": 0}, "watchdog_s: it must be more than 0, not 0"),
        ({"normal_ms": float("inf")}, "normal_ms: "),
        ({"batch": 8}, "batch: there is no such option"),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    assert refusal(SchedulerOptions, **values).startswith(message)
