"""Wall-clock time: as text (ISO 8601 in UTC, as results, files and messages have it), and whether it can be believed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

_JUMP_S = 30.0
"""Wall clock and monotonic clock differ by so much between two looks where somebody has set the clock."""
_STEADY_S = 600.0
"""A clock that nobody has set for so long can be believed."""


def utc_text(seconds: float) -> str:
    """Unix time in seconds as ``2026-11-28T08:00:00.480Z``, rounded to milliseconds."""
    moment = datetime.fromtimestamp(round(seconds, 3), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{round(moment.microsecond / 1000):03d}Z"


def read_moment(value: object) -> datetime:
    """A moment that a user has written, such as ``2026-11-28T08:00:00Z``.

    Args:
        value: ISO 8601 text with its zone (``Z`` or ``+01:00``), or a datetime that knows its zone.

    Raises:
        ValueError: it is something else, or it does not say its zone.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(
                "a moment is written 2026-11-28T08:00:00Z, or with another zone "
                "2026-11-28T09:00:00+01:00"
            ) from None
    elif isinstance(value, datetime):
        moment = value
    else:
        raise ValueError(  # noqa: TRY004 - validators of options turn ValueErrors into messages
            "a moment is a text such as 2026-11-28T08:00:00Z"
        )
    if moment.utcoffset() is None:
        raise ValueError(
            f"a moment needs its zone: {moment.isoformat()}Z in UTC, or {moment.isoformat()}+01:00"
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC, a moment lies in one of the years 1 to 9999") from None


class ClockWatch:
    """Watches whether somebody sets the wall clock: what is old by a clock that is wrong must not be removed.

    Args:
        clock: Unix seconds.
        monotonic: seconds that nobody sets.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._monotonic = clock, monotonic
        self.now, self.ticks = clock(), monotonic()
        """Both clocks at the last look."""
        self._steady_since = self.ticks

    def look(self) -> bool:
        """Read both clocks; whether the wall clock was set since the last look."""
        now, ticks = self._clock(), self._monotonic()
        jumped = abs(now - self.now - (ticks - self.ticks)) > _JUMP_S
        self.now, self.ticks = now, ticks
        if jumped:
            self._steady_since = ticks
        return jumped

    @property
    def steady(self) -> bool:
        """Whether nobody has set the clock for long enough to believe it."""
        return self.ticks - self._steady_since >= _STEADY_S
