"""The search for the largest fleet, with made-up machines."""

from __future__ import annotations

import pytest

from sightline.runtime.capacity import FleetLoad, most_streams


def machine(holds: int) -> tuple[list[int], object]:
    """A machine that holds so many streams; and which numbers were tried on it."""
    tried: list[int] = []

    def measure(streams: int) -> FleetLoad:
        tried.append(streams)
        fits = streams <= holds
        return FleetLoad(
            streams, 1.0, 5.0 * streams, 5.0 if fits else 3.0, 10.0, 40.0 if fits else 300.0, {},
            2.0, 0.5, 0,
        )  # fmt: skip

    return tried, measure


@pytest.mark.parametrize("holds", [1, 2, 3, 7, 8, 37, 100, 128, 1000])
def test_it_comes_to_within_a_tenth(holds: int) -> None:
    tried, measure = machine(holds)
    best = most_streams(measure, 5.0, 100.0)  # type: ignore[arg-type]
    assert best is not None
    assert holds - max(1, holds // 10) <= best.streams <= holds
    assert len(tried) <= 18


def test_nothing_holds() -> None:
    tried, measure = machine(0)
    assert most_streams(measure, 5.0, 100.0) is None  # type: ignore[arg-type]
    assert tried == [1]


@pytest.mark.parametrize(
    ("fps", "p99_ms", "failed", "holds"),
    [
        pytest.param(5.0, 100.0, 0, True, id="fine"),
        pytest.param(5.2, 100.0, 0, True, id="nearly the rate"),
        pytest.param(6.0, 100.0, 0, False, id="too slow"),
        pytest.param(5.0, 30.0, 0, False, id="too late"),
        pytest.param(5.0, 100.0, 1, False, id="one has failed"),
    ],
)
def test_what_holding_means(fps: float, p99_ms: float, failed: int, holds: bool) -> None:
    load = FleetLoad(10, 1.0, 50.0, 5.0, 10.0, 40.0, {}, 2.0, 0.5, failed)
    assert load.holds(fps, p99_ms) is holds
