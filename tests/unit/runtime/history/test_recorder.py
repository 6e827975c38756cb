"""What is recorded of streams, and what becomes of it when the clock jumps or the database is away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace

import pytest

from sightline.errors import SinkError
from sightline.monitoring.history.collecting import StreamCollectors
from sightline.monitoring.history.series import SERVICE, Series
from sightline.monitoring.history.summary import PeriodSummary, added
from sightline.runtime.history.model_counts import ModelCounts
from sightline.runtime.history.recorder import HistoryRecorder, HistoryStatus
from sightline.types import AccuracyStatus, DriftStatus, StreamStats

GATE = Series("stream", "gate", "street")
START = 1_800_000_000.0


class Clock:
    """Both clocks; ``set`` sets the wall clock only."""

    def __init__(self) -> None:
        self.utc, self.ticks = START, 50.0

    def wait(self, seconds: float) -> None:
        self.utc += seconds
        self.ticks += seconds


class Kept:
    """A store that keeps what it is given, or fails."""

    name = "kept"

    def __init__(self) -> None:
        self.minutes: list[tuple[int, dict[Series, PeriodSummary]]] = []
        self.pruned: list[float] = []
        self.full = False

    def add(self, start: int, found: Mapping[Series, PeriodSummary]) -> None:
        if self.full:
            raise SinkError("cannot write kept: the disk is full")
        self.minutes.append((start, dict(found)))

    def prune(self, now: float) -> None:
        self.pruned.append(now)

    def total(self, series: Series = GATE) -> PeriodSummary:
        return added(found[series] for _, found in self.minutes if series in found)


class Site:
    """A recorder with its clock, its store and what its streams say."""

    def __init__(self, models: ModelCounts | None = None) -> None:
        self.clock, self.store = Clock(), Kept()
        self.stats = {"gate": StreamStats("gate", "running", "street://", "street", since=1.0)}
        self.collectors = StreamCollectors(1.0)
        self.recorder = HistoryRecorder(
            self.store, lambda: self.stats, self.collectors, models,
            lambda: self.clock.utc, lambda: self.clock.ticks,
        )  # fmt: skip

    def run(self, seconds: float, **stats: object) -> None:
        for _ in range(int(seconds // 10)):
            self.stats["gate"] = replace(self.stats["gate"], **stats)
            self.clock.wait(10)
            self.recorder.look()


def test_counts_are_what_was_done_between_two_looks() -> None:
    site = Site()
    site.run(120, read=10, analyzed=8, dropped={"stale": 2}, missing={"classify": {"late": 1}})
    site.run(60, read=15, analyzed=11, dropped={"stale": 4}, missing={"classify": {"late": 3}})
    site.recorder.close()
    total = site.store.total()
    assert {name: total.counts[name] for name in ("read", "analyzed")} == {
        "read": 15,
        "analyzed": 11,
    }
    assert total.parts("dropped") == {"stale": 4}
    assert total.parts("missing") == {"classify late": 3}
    assert total.parts("state") == {"running": 180_000}
    assert [start for start, _ in site.store.minutes] == [
        START,
        START + 60,
        START + 120,
        START + 180,
    ]


def test_a_stream_that_is_begun_anew_counts_from_nothing() -> None:
    site = Site()
    site.run(10, read=100)
    site.run(10, read=7, since=2.0)
    site.recorder.close()
    assert site.store.total().counts["read"] == 107


def test_states_errors_and_drift_are_counted() -> None:
    site = Site()
    drift = DriftStatus("drift", causes=("fog", "rain"))
    site.run(20, drift=drift)
    site.run(30, state="reconnecting", error="cannot open 10.0.0.7:554")
    site.run(10, error="cannot open 10.0.0.8:554", drift=DriftStatus("usual"))
    site.recorder.close()
    total = site.store.total()
    assert total.parts("state") == {"running": 20_000, "reconnecting": 40_000}
    assert total.parts("error") == {"cannot open #.#.#.#:#": 2}
    assert total.parts("cause") == {"fog": 50_000}
    assert total.parts("drift") == {"drift": 50_000, "usual": 10_000}


def test_a_recording_that_ended_between_two_looks_ran_until_then() -> None:
    site = Site()
    site.run(10, state="ended", read=40, analyzed=40)
    site.run(20)
    site.recorder.close()
    assert site.store.total().parts("state") == {"running": 10_000, "ended": 20_000}


def test_estimates_of_accuracy_are_kept_while_the_stream_runs() -> None:
    site = Site()
    site.run(20, accuracy=AccuracyStatus("waiting", frames=4))
    classes = {f"class {n}": {"ap50": n / 50, "objects": float(n)} for n in range(30)}
    site.run(40, accuracy=AccuracyStatus("estimated", 0.6, 0.5, 0.7, classes))
    site.run(20, accuracy=AccuracyStatus("estimated", 0.3, 0.2, 0.4))
    site.run(20, state="reconnecting")
    site.recorder.close()
    total = site.store.total()
    assert total.parts("accuracy") == {"waiting": 20_000, "estimated": 60_000}
    kept = total.values
    assert kept["accuracy/map50"].mean == pytest.approx(0.5)  # by the time that each stood
    assert (kept["accuracy/low"].least, kept["accuracy/high"].most) == (200_000, 700_000)
    assert kept["accuracy/ap50 of class 29"].mean == pytest.approx(0.58)
    assert len(kept) == 3 + 20  # the classes of which there is most


def test_what_collectors_and_models_counted_is_kept() -> None:
    models = ModelCounts(_NoMeter())
    site = Site(models)
    gate = site.collectors.of("gate")
    gate.analyzed(0.01)
    models.inferred("street", 4, 0.02, None)
    models.inferred("street", 1, 0.02, "InferenceError")
    models.refused("street", "normal", "deadline")
    models.queued("street", "normal", 0.001)
    models.answered(200, 0.1)
    site.run(10)
    site.recorder.close()
    assert sum(site.store.total().histograms["latency"].values()) == 1
    street = site.store.total(Series("model", "street"))
    assert street.counts == {
        "pictures": 4,
        "failed": 1,
        "error/InferenceError": 1,
        "refused/deadline": 1,
    }
    assert site.store.total(SERVICE).counts == {"up_ms": 10_000, "requests/200": 1}


def test_a_stream_that_takes_long_to_begin_is_counted_from_its_beginning() -> None:
    site = Site()
    gate = site.stats.pop("gate")
    counted = site.collectors.of(
        "gate"
    )  # its pipeline is made, and it is no stream of the fleet yet
    site.clock.wait(10)
    site.recorder.look()
    site.stats["gate"] = gate
    counted.analyzed(0.01)
    site.run(10)
    site.recorder.close()
    assert sum(site.store.total().histograms["latency"].values()) == 1


def test_a_full_disk_stops_nothing_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    site.store.full = True
    with caplog.at_level(logging.WARNING):
        site.run(300, read=5)
    assert site.recorder.error == "cannot write kept: the disk is full"
    assert caplog.text.count("the disk is full") == 1
    site.store.full = False
    site.run(60, read=9)
    assert site.recorder.error is None
    assert "can be written again" in caplog.text
    site.recorder.close()
    assert site.store.total().counts["read"] == 9
    assert site.recorder.lost_minutes == 0


def test_minutes_that_wait_too_long_are_lost_and_counted() -> None:
    site = Site()
    site.store.full = True
    site.run(65 * 60)
    assert site.recorder.lost_minutes == 5
    site.store.full = False
    site.recorder.close()
    assert len(site.store.minutes) == 60


@pytest.mark.parametrize("seconds", [-86_400.0, 30 * 86_400.0])
def test_a_clock_that_is_set_is_counted_and_removes_nothing(seconds: float) -> None:
    site = Site()
    site.run(3590)
    site.clock.utc += seconds
    site.run(590)
    site.recorder.close()
    assert site.store.total(SERVICE).counts["clock_jumps"] == 1
    assert site.store.total().parts("state") == {"running": 4_180_000}
    assert site.store.pruned == []
    assert {start for start, _ in site.store.minutes} > {START, int(START + seconds) + 3600}


def test_the_old_is_removed_once_an_hour() -> None:
    site = Site()
    site.run(2 * 3600 + 60)
    assert len(site.store.pruned) == 2


class _NoMeter:
    def inferred(self, model: str, batch: int, seconds: float, error: str | None) -> None:
        """Nothing is counted elsewhere."""

    def queued(self, model: str, priority: str, seconds: float) -> None:
        """Nothing is counted elsewhere."""

    def refused(self, model: str, priority: str, reason: str) -> None:
        """Nothing is counted elsewhere."""

    def detected(self, stream: str, detections: object) -> None:
        """Nothing is counted elsewhere."""


def test_a_database_that_hangs_keeps_nobody_from_ending(caplog: pytest.LogCaptureFixture) -> None:
    site, hangs, answers = Site(), threading.Event(), threading.Event()

    def add(start: int, found: Mapping[Series, PeriodSummary]) -> None:
        hangs.set()
        answers.wait(20)

    site.store.add = add  # type: ignore[method-assign]
    recorder = HistoryRecorder(
        site.store, lambda: site.stats, site.collectors, None,
        lambda: site.clock.utc, lambda: site.clock.ticks, close_s=0.05,
    )  # fmt: skip
    site.clock.wait(60)
    recorder.start()
    assert hangs.wait(10)
    recorder.close()
    answers.set()
    assert "the last 1 minutes are lost" in caplog.text
    assert recorder.status().lost_minutes == 1


def test_an_unexpected_error_of_the_database_costs_no_minute() -> None:
    """Each look would take the minute for one that has just ended, and push older ones out."""
    site = Site()
    add = site.store.add

    def broken(start: int, found: Mapping[Series, PeriodSummary]) -> None:
        raise RuntimeError("a defect")

    site.store.add = broken  # type: ignore[method-assign]
    for number in range(1, 200):
        site.clock.wait(2)
        site.stats["gate"] = replace(site.stats["gate"], read=number)
        try:
            site.recorder.look()
        except RuntimeError:
            continue
    site.store.add = add  # type: ignore[method-assign]
    site.recorder.close()
    assert [start % 60 for start, _ in site.store.minutes] == [0] * len(site.store.minutes)
    assert len({start for start, _ in site.store.minutes}) == len(site.store.minutes)
    assert site.recorder.status() == HistoryStatus(lost_minutes=0)


def test_an_end_in_disorder_is_logged_and_over() -> None:
    site = Site()

    def broken(start: int, found: Mapping[Series, PeriodSummary]) -> None:
        raise RuntimeError("a defect")

    site.store.add = broken  # type: ignore[method-assign]
    site.recorder.close()
    assert site.recorder.status().lost_minutes == 1
