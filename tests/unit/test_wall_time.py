"""Wall-clock time as people write it and as results have it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sightline.wall_time import ClockWatch, read_moment, utc_text

EIGHT = datetime(2026, 11, 28, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-28T08:00:00Z",
        "2026-11-28 08:00Z",
        " 2026-11-28T08:00:00.000000+00:00",
        "2026-11-28T09:00:00+01:00",
        "2026-11-28T03:00:00-05:00",
        "20261128T080000Z",
        EIGHT,
    ],
)
def test_a_moment_with_its_zone_is_read(text: str | datetime) -> None:
    assert read_moment(text) == EIGHT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-11-28T08:00:00", "2026-11-28T08:00:00Z in UTC"),
        (datetime(2026, 11, 28, 8), "needs its zone"),  # noqa: DTZ001 - that is the fault
        ("2026-11-28", "needs its zone"),
        ("yesterday", "is written 2026-11-28T08:00:00Z"),
        ("28.11.2026 08:00Z", "is written"),
        ("2026-02-30T08:00:00Z", "is written"),
        ("9999-12-31T23:00:00-05:00", "years 1 to 9999"),
        ("0001-01-01T00:00:00+14:00", "years 1 to 9999"),
        (1795880400, "is a text"),
        ("", "is written"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(text: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_moment(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (EIGHT.timestamp() + 0.48, "2026-11-28T08:00:00.480Z"),
        (EIGHT.timestamp() + 0.9996, "2026-11-28T08:00:01.000Z"),
        (EIGHT.timestamp() - 0.0004, "2026-11-28T08:00:00.000Z"),
        (EIGHT.timestamp() - 0.001, "2026-11-28T07:59:59.999Z"),
    ],
)
def test_text_has_milliseconds(seconds: float, text: str) -> None:
    assert utc_text(seconds) == text


def test_a_clock_is_believed_when_nobody_has_set_it_for_ten_minutes() -> None:
    now, ticks = 1e9, 0.0
    watch = ClockWatch(lambda: now, lambda: ticks)
    assert not watch.steady
    for passed, moved, jumped, steady in [
        (599.0, 599.0, False, False),
        (1.0, 1.0, False, True),
        (60.0, 3660.0, True, False),
        (60.0, -3540.0, True, False),
        (600.0, 610.0, False, True),
    ]:
        now, ticks = now + moved, ticks + passed
        assert watch.look() is jumped
        assert watch.steady is steady
        assert (watch.now, watch.ticks) == (now, ticks)
