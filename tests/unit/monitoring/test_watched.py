"""What the alert rules are given to watch, against what was done, in virtual time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sightline.monitoring.metrics import PrometheusMeter
from sightline.monitoring.watched import WINDOW_S, WatchedValues
from sightline.types import AccuracyStatus, ClassFigures


class World:
    """A meter, streams and a clock that a test moves."""

    def __init__(self, *expected: str) -> None:
        self.now = 0.0
        self.streams: dict[str, Any] = {}
        self.meter = PrometheusMeter(hardware=False)
        self.rollouts: dict[str, Any] = {}
        self.values = WatchedValues(
            self.meter, lambda: self.streams, frozenset(expected), lambda: self.now,
            lambda: self.rollouts,
        )  # fmt: skip

    def stream(self, name: str, state: str, fps: float = 0.0, age_ms: float = 0.0) -> None:
        self.streams[name] = SimpleNamespace(
            state=state, fps_analyzed=fps, age_p99_ms=age_ms, drift=None, accuracy=None
        )

    def read(self, after_s: float = 0.0) -> dict[str, float]:
        self.now += after_s
        return {f"{r.metric} {r.kind} {r.name}": r.value for r in self.values()}


def test_a_model_over_the_window() -> None:
    world = World()
    for _ in range(90):
        world.meter.inferred("m", 2, 0.015, None)
        world.meter.queued("m", "normal", 0.0005)
    world.meter.inferred("m", 10, 0.5, "InferenceError")
    world.meter.inferred("idle", 0, 0.01, None)
    for reason in ("overloaded", "deadline", "stale", "cancelled"):
        for _ in range(5):
            world.meter.refused("m", "normal", reason)
    found = world.read(10)
    assert found["throughput_fps model m"] == 18
    # 10 failed and 10 were refused; what a stream drops or a client leaves is no error.
    assert found["error_rate model m"] == pytest.approx(20 / 200)
    # Linear inside of the buckets: 10 to 20 ms, and 0 to 1 ms.
    assert found["latency_p99_ms model m"] == pytest.approx(19.9 + 0.99)
    assert found["throughput_fps model idle"] == 0
    assert "error_rate model idle" not in found
    assert "latency_p99_ms model idle" not in found


def test_agreement_of_two_models_over_the_window() -> None:
    world = World()

    def compared(confident: int, agreed: int) -> None:
        half = ClassFigures(confident // 2, agreed // 2, 0, 0)
        world.rollouts["m"] = SimpleNamespace(per_class={"car": half, "bus": half})

    compared(10, 10)
    assert "agreement model m" not in world.read(1)  # too few
    compared(100, 90)
    assert world.read(1)["agreement model m"] == 0.9
    compared(200, 110)
    assert world.read(WINDOW_S)["agreement model m"] == pytest.approx(0.2)
    compared(20, 20)  # begun anew
    assert world.read(1)["agreement model m"] == 1.0
    del world.rollouts["m"]
    assert "agreement model m" not in world.read(1)


def test_what_is_older_than_the_window_does_not_count() -> None:
    world = World()
    world.meter.inferred("m", 1, 5.0, None)
    world.meter.inferred("m", 1, 5.0, "InferenceError")
    assert world.read(1)["error_rate model m"] == 0.5
    world.meter.inferred("m", 60, 0.015, None)
    assert world.read(1)["latency_p99_ms model m"] > 2000
    for _ in range(int(WINDOW_S)):
        found = world.read(1)
    assert found == {"throughput_fps model m": 0}


def test_what_was_counted_before_is_not_new() -> None:
    meter, now = PrometheusMeter(hardware=False), 0.0
    meter.inferred("m", 100, 0.01, None)
    values = WatchedValues(meter, dict, clock=lambda: now)
    now = 1.0
    assert [(r.metric, r.value) for r in values()] == [("throughput_fps", 0)]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param([0.0005] * 100, 0.99, id="all in the first bucket"),
        pytest.param([0.04] * 98 + [0.4] * 2, 400, id="the slow ones decide"),
        pytest.param([0.0005] * 200 + [0.4], 1, id="one in two hundred does not"),
        pytest.param([99.0] * 10, 10_000, id="beyond the last limit"),
    ],
)
def test_p99(seconds: list[float], expected: float) -> None:
    world = World()
    for second in seconds:
        world.meter.inferred("m", 1, second, None)
    assert world.read(1)["latency_p99_ms model m"] == pytest.approx(expected, rel=0.03)


def test_streams_as_they_are() -> None:
    world = World()
    world.stream("gate", "running", 12.5, 87)
    world.stream("file", "ended")
    world.stream("yard", "paused")
    assert world.read(1) == {
        "stream_down_s stream gate": 0,
        "throughput_fps stream gate": 12.5,
        "latency_p99_ms stream gate": 87,
    }


def test_for_how_long_a_stream_is_down() -> None:
    world = World()
    world.stream("gate", "connecting")
    assert world.read()["stream_down_s stream gate"] == 0
    assert world.read(3)["stream_down_s stream gate"] == 3
    world.stream("gate", "running")
    assert world.read(1)["stream_down_s stream gate"] == 0
    world.stream("gate", "reconnecting")
    assert world.read(2)["stream_down_s stream gate"] == 2
    world.stream("gate", "failed")
    assert world.read(2)["stream_down_s stream gate"] == 4
    world.stream("gate", "paused")
    assert world.read(1) == {}
    world.stream("gate", "connecting")
    assert world.read(1)["stream_down_s stream gate"] == 1
    del world.streams["gate"]
    assert world.read(1) == {}
    world.stream("gate", "connecting")
    assert world.read(9)["stream_down_s stream gate"] == 0


def test_a_stream_that_should_be_there_and_has_not_come() -> None:
    world = World("gate")
    assert world.read(5)["stream_down_s stream gate"] == 0
    assert world.read(5)["stream_down_s stream gate"] == 5
    world.stream("gate", "running")
    assert world.read(1)["stream_down_s stream gate"] == 0
    del world.streams["gate"]
    assert world.read(4) == {}, "it was removed on purpose"


def test_a_worker_that_starts_again_takes_no_value_away() -> None:
    world = World()
    world.stream("gate", "running", 12.5, 870)
    world.stream("new", "connecting")
    assert world.read(1)["latency_p99_ms stream gate"] == 870
    for state in ("restarting", "connecting"):
        world.stream("gate", state, 0, 0)
        found = world.read(1)
        assert found["latency_p99_ms stream gate"] == 870
        assert found["throughput_fps stream gate"] == 0
    assert found["stream_down_s stream gate"] == 2
    assert "throughput_fps stream new" not in found
    world.stream("gate", "running", 12.5, 30)
    assert world.read(1)["latency_p99_ms stream gate"] == 30
    world.stream("gate", "reconnecting")
    assert world.read(1).keys() == {"stream_down_s stream gate", "stream_down_s stream new"}


def test_an_estimated_accuracy_is_watched_while_there_is_one() -> None:
    world = World()
    world.stream("gate", "running")
    world.stream("yard", "running")
    world.streams["gate"].accuracy = AccuracyStatus("estimated", 0.6, 0.5, 0.7)
    world.streams["yard"].accuracy = AccuracyStatus("waiting")
    found = world.read()
    assert found["accuracy stream gate"] == 0.6
    assert "accuracy stream yard" not in found
