"""How fast a queue gets shorter, as seen from the queue itself."""

from __future__ import annotations

import math

MEMORY_S = 0.5
"""What was longer ago than about this counts no more."""
LONGEST_STEP_S = 0.25
"""A longer pause is a hiccup: a network is compiled, or the machine did something else."""
LEAST_PICTURES = 8
"""Fewer have left by chance."""


class Pace:
    """Seconds for each picture that leaves while others wait behind it.

    An engine's own speed leaves out what happens between its batches: other clients' turns, more
    pressing items, and a machine that is busy with something else. This has all of it.
    """

    __slots__ = ("_at", "_pictures", "_seconds")

    def __init__(self) -> None:
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """Something begins to wait where nothing did."""
        self._at, self._seconds, self._pictures = now, 0.0, 0.0

    def left(self, pictures: int, now: float) -> None:
        """So many pictures wait no more: they are run."""
        step = min(now - self._at, LONGEST_STEP_S)
        keep = math.exp(-step / MEMORY_S)
        self._at = now
        self._seconds = self._seconds * keep + step
        self._pictures = self._pictures * keep + pictures

    @property
    def cost(self) -> float:
        """Seconds for a picture; 0 where nothing is known yet."""
        return self._seconds / self._pictures if self._pictures >= LEAST_PICTURES else 0.0


class RecentRate:
    """Events per second, of about the last second."""

    __slots__ = ("_at", "_value")

    def __init__(self) -> None:
        self._value = self._at = 0.0

    def add(self, count: int, now: float) -> None:
        """Count so many at a time in seconds."""
        self._value = self.value(now) + count
        self._at = now

    def value(self, now: float) -> float:
        """How many of late: each counts less with every second."""
        return self._value * math.exp(self._at - now) if self._value else 0.0
