"""Counts that add up, and rates and ages of the last seconds, with a clock of our own."""

from __future__ import annotations

import pytest

from sightline.runtime.streams.record import WINDOW_S, Rate, StreamRecord


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_is_that_of_whole_seconds() -> None:
    clock = Clock()
    rate = Rate(clock)
    for _ in range(5 * 8):
        rate.count()
        clock.now += 1 / 8
    assert rate.per_second() == pytest.approx(8)


def test_a_rate_forgets() -> None:
    clock = Clock()
    rate = Rate(clock)
    for _ in range(50):
        rate.count()
    clock.now += WINDOW_S + 2
    assert rate.per_second() == 0


def test_counts_add_up() -> None:
    record = StreamRecord(Clock())
    for _ in range(10):
        record.took()
    record.drop("still")
    record.drop("stale")
    record.drop("still")
    for _ in range(4):
        record.analyze(0.01)
        record.saw(3)
    counts = record.counts()
    assert (counts.taken, counts.analyzed, counts.objects) == (10, 4, 12)
    assert counts.dropped == {"still": 2, "stale": 1}
    record.end()
    assert record.counts().dropped == {"still": 2, "stale": 1, "stopped": 3}
    record.end()
    assert sum(record.counts().dropped.values()) == 6


def test_ages_are_those_of_the_last_seconds() -> None:
    clock = Clock()
    record = StreamRecord(clock)
    assert record.ages_ms(50, 99) == [0, 0]
    record.analyze(5.0)
    clock.now += WINDOW_S + 1
    for age in range(1, 101):
        record.analyze(age / 1000)
    p50, p99 = record.ages_ms(50, 99)
    assert p50 == pytest.approx(50.5)
    assert p99 == pytest.approx(99.01)
