"""How fast a queue gets shorter."""

from __future__ import annotations

import math

import pytest

from sightline.runtime.scheduling.pace import (
    LEAST_PICTURES,
    LONGEST_STEP_S,
    MEMORY_S,
    Pace,
    RecentRate,
)


def leave(pace: Pace, each_s: float, count: int, pictures: int = 1, begin: float = 0.0) -> float:
    """So many batches leave; the moment of the last."""
    for number in range(1, count + 1):
        pace.left(pictures, begin + number * each_s)
    return begin + count * each_s


@pytest.mark.parametrize(
    ("each_s", "pictures"), [(0.01, 1), (0.02, 4), (0.1, 8)], ids=["one", "four", "eight"]
)
def test_seconds_for_each_picture_that_leaves(each_s: float, pictures: int) -> None:
    pace = Pace()
    leave(pace, each_s, 200, pictures)
    assert pace.cost == pytest.approx(each_s / pictures, rel=1e-6)


def test_a_few_pictures_tell_nothing() -> None:
    pace = Pace()
    leave(pace, 0.001, LEAST_PICTURES)  # what is remembered of eight is a little less
    assert pace.cost == 0
    pace.left(1, 0.009)
    assert pace.cost == pytest.approx(0.001)


def test_a_change_is_known_after_about_the_memory() -> None:
    pace = Pace()
    end = leave(pace, 0.01, 200)
    leave(pace, 0.04, round(2 * MEMORY_S / 0.04), begin=end)
    assert 0.02 < pace.cost < 0.04


def test_a_hiccup_counts_as_a_short_pause() -> None:
    pace = Pace()
    end = leave(pace, 0.01, 200)
    before = pace.cost
    pace.left(1, end + 60)
    kept = math.exp(-LONGEST_STEP_S / MEMORY_S)
    memory = before / (1 - math.exp(-0.01 / MEMORY_S)) * kept
    assert pace.cost < (memory + LONGEST_STEP_S) / (LEAST_PICTURES + 1)
    assert pace.cost < 0.05


def test_what_begins_to_wait_begins_anew() -> None:
    pace = Pace()
    leave(pace, 0.01, 200)
    pace.begin(100.0)
    assert pace.cost == 0
    leave(pace, 0.03, 100, begin=100.0)
    assert pace.cost == pytest.approx(0.03)


def test_a_rate_of_the_last_second() -> None:
    rate = RecentRate()
    assert rate.value(5.0) == 0
    for number in range(1000):
        rate.add(2, number / 50)
    assert rate.value(999 / 50) == pytest.approx(100, rel=0.02)
    assert rate.value(999 / 50 + 1) == pytest.approx(100 / math.e, rel=0.02)
