"""Numbers and times as a person reads them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sightline.monitoring.reports import words


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (119, "1 min"), (3599, "59 min"), (3600, "1 h 0 min"),
        (7800, "2 h 10 min"), (86_399, "23 h 59 min"), (86_400, "1 d 0 h"), (3 * 86_400 + 4 * 3600 + 3599, "3 d 4 h"),
    ],
)  # fmt: skip
def test_durations(seconds: float, told: str) -> None:
    assert words.duration(seconds) == told


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0, "0 %"), (0.005, "0.50 %"), (0.00994, "0.99 %"), (0.01, "1 %"), (0.555, "56 %"), (0.99, "99 %"),
        (0.9912, "99.12 %"), (1, "100 %"), (0.999999, "99.99 %"), (0.000001, "0.01 %"), (1.5, "150 %"),
    ],
)  # fmt: skip
def test_percentages(share: float, told: str) -> None:
    assert words.percent(share) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "–"), (0.04, "0.0 ms"), (9.94, "9.9 ms"), (12.6, "13 ms"), (1234.5, "1 234 ms")],
)
def test_latencies(value: float | None, told: str) -> None:
    assert words.milliseconds(value) == told


def test_groups_of_thousands() -> None:
    told = words.whole(1_234_567.4)
    assert told == "1 234 567"


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("utc")
def test_times() -> None:
    noon = 1_796_040_000.0  # 30 November 2026, 12:00
    assert words.local(noon) == "Mon 30 Nov, 12:00"
    assert words.local(noon, 86_400) == "Mon 30 Nov"
    assert words.period(noon, noon + 3600) == "Mon 30 Nov, 12:00 to Mon 30 Nov, 13:00"
    assert (
        words.period(noon, noon + 40 * 86_400) == "Mon 30 Nov 2026, 12:00 to Sat 09 Jan 2027, 12:00"
    )
