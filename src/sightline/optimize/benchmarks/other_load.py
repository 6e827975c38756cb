"""How much of the processor other programs have taken while something was measured (Linux)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

NOTABLE = 0.1
"""From this part of the processor on, what others take falsifies times."""

_STAT = Path("/proc/stat")


class OtherLoad:
    """Counts from its making, or from the last ``share``.

    Args:
        stat: the file that tells the processor's times.
        own_s: processor seconds of this process.
        clock: seconds.
    """

    def __init__(
        self,
        stat: Path = _STAT,
        own_s: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stat, self._own_s, self._clock = stat, own_s, clock
        self._last = self._now()

    def share(self) -> float | None:
        """The part of all cores that others took, between 0 and 1; None where the system does not tell."""
        before, self._last = self._last, self._now()
        if before[0] is None or self._last[0] is None:
            return None
        others = (self._last[0] - before[0]) - (self._last[1] - before[1])
        room = (self._last[2] - before[2]) * (os.cpu_count() or 1)
        return min(1.0, max(0.0, others / room)) if room > 0 else None

    def _now(self) -> tuple[float | None, float, float]:
        """Seconds that the processors were busy, those of this process, and the time."""
        try:
            fields = self._stat.read_text(encoding="ascii").split("\n", 1)[0].split()
            user, nice, system, _idle, _wait, irq, softirq, steal = map(int, fields[1:9])
        except (OSError, ValueError):
            return None, self._own_s(), self._clock()
        busy = user + nice + system + irq + softirq + steal
        return busy / os.sysconf("SC_CLK_TCK"), self._own_s(), self._clock()
