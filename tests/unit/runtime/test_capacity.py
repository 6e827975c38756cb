"""The search for the largest fleet, with made-up machines."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sightline.config import StreamOptions
from sightline.runtime.capacity import FleetLoad, measure_fleet, most_streams
from sightline.types import StreamStats


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


@pytest.mark.parametrize("holds", [1, 3, 37, 128, 1000])
@pytest.mark.parametrize("start", [2, 30, 1000])
def test_it_may_start_anywhere(holds: int, start: int) -> None:
    tried, measure = machine(holds)
    best = most_streams(measure, 5.0, 100.0, start=start)  # type: ignore[arg-type]
    assert best is not None
    assert holds - max(1, holds // 10) <= best.streams <= holds
    assert tried[0] == start
    assert len(tried) <= 18


def test_no_more_than_the_limit_is_tried() -> None:
    tried, measure = machine(1000)
    best = most_streams(measure, 5.0, 100.0, limit=100)  # type: ignore[arg-type]
    assert best is not None
    assert best.streams == max(tried) == 100


def test_nothing_holds() -> None:
    tried, measure = machine(0)
    assert most_streams(measure, 5.0, 100.0) is None  # type: ignore[arg-type]
    assert tried == [1]


class SlowToEnd:
    """A fleet whose streams end only while three others are ending; the last one has failed."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.ending = threading.Barrier(4)
        self.analyzed = 0

    def add(self, name: str, options: StreamOptions) -> None:
        self.running.append(name)

    def remove(self, name: str) -> None:
        self.ending.wait(timeout=20)
        self.running.remove(name)

    def names(self) -> list[str]:
        return list(self.running)

    def ages_s(self) -> list[float]:
        return [0.02]

    def stats(self) -> dict[str, StreamStats]:
        self.analyzed += 10
        last = self.running[-1]
        return {
            name: StreamStats(
                name, "failed" if name == last else "running", "x", "m", analyzed=self.analyzed,
                error="the cable is cut" if name == last else None,
            )
            for name in self.running
        }  # fmt: skip


def test_streams_are_measured_and_end_side_by_side() -> None:
    fleet: Any = SlowToEnd()
    load = measure_fleet(fleet, StreamOptions(source="x"), 8, seconds=0.05, settle_s=0)
    assert fleet.names() == []
    assert (load.streams, load.failed, load.error) == (8, 1, "the cable is cut")
    assert load.analyzed_fps == pytest.approx(8 * load.slowest_fps)
    assert load.age_p99_ms == pytest.approx(20)


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


@pytest.mark.parametrize(
    ("dropped", "holds"),
    [
        pytest.param({"still": 900, "skipped": 90}, True, id="little moves"),
        pytest.param({"still": 900, "stale": 40}, True, id="few are lost"),
        pytest.param({"still": 900, "stale": 60}, False, id="nobody takes them"),
        pytest.param({"still": 900, "overloaded": 30, "stale": 30}, False, id="too much"),
    ],
)
def test_where_no_rate_is_wanted_frames_may_not_be_lost(
    dropped: dict[str, int], holds: bool
) -> None:
    load = FleetLoad(10, 1.0, 10.0, 0.5, 10.0, 40.0, dropped, 2.0, 0.5, 0)
    assert load.holds(None, 100.0) is holds
