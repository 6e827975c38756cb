"""What a stream has done: counts that add up, rates of the last seconds, and the age of results."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

WINDOW_S = 10.0
"""Rates and ages are those of so many seconds."""
_AGES = 1024
"""At most so many ages are kept: those of the last seconds, of a fast stream fewer."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the frames that a source handed on."""

    taken: int
    analyzed: int
    objects: int
    dropped: Mapping[str, int]


class Rate:
    """Events per second over the last ``WINDOW_S`` seconds, counted in buckets of one second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = clock()
        self._buckets: deque[tuple[int, int]] = deque(maxlen=int(WINDOW_S) + 1)

    def count(self) -> None:
        """One more event."""
        second = int(self._clock())
        if self._buckets and self._buckets[-1][0] == second:
            self._buckets[-1] = (second, self._buckets[-1][1] + 1)
        else:
            self._buckets.append((second, 1))

    def per_second(self) -> float:
        """Events per second of the last seconds; 0 in the first one."""
        # The second that is running is left out: it is not over.
        now = self._clock()
        seconds = min(WINDOW_S, now - self._started)
        if seconds < 1:
            return 0.0
        last = int(now)
        total = sum(n for second, n in self._buckets if last - seconds <= second < last)
        return total / max(1.0, int(seconds))


class StreamRecord:
    """Counts what happens to the frames of a stream. Told by two threads, read by any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._taken = self._analyzed = self._objects = 0
        self._dropped: Counter[str] = Counter()
        self._rate_in, self._rate_out = Rate(clock), Rate(clock)
        self._ages: deque[tuple[float, float]] = deque(maxlen=_AGES)
        self.on_analyzed: Callable[[float], None] | None = None
        """Told of the age of each frame that was analysed."""

    def took(self) -> None:
        """The source handed a frame on."""
        with self._lock:
            self._taken += 1
            self._rate_in.count()

    def drop(self, reason: str) -> None:
        """That frame will not be analysed."""
        with self._lock:
            self._dropped[reason] += 1

    def saw(self, objects: int) -> None:
        """So many objects of a frame were handed to the outputs."""
        with self._lock:
            self._objects += objects

    def analyze(self, age_s: float) -> None:
        """A frame was analysed, ``age_s`` after it was decoded."""
        with self._lock:
            self._analyzed += 1
            self._rate_out.count()
            self._ages.append((self._clock(), age_s))
        if self.on_analyzed is not None:
            self.on_analyzed(age_s)

    def counts(self) -> Counts:
        """What became of all frames by now."""
        with self._lock:
            return Counts(self._taken, self._analyzed, self._objects, dict(self._dropped))

    def rates(self) -> tuple[float, float]:
        """Frames per second: taken, analysed."""
        with self._lock:
            return self._rate_in.per_second(), self._rate_out.per_second()

    def end(self) -> None:
        """The stream is over: what is still being analysed will not be waited for."""
        with self._lock:
            left = self._taken - self._analyzed - self._dropped.total()
            if left:
                self._dropped["stopped"] += left

    def ages_s(self, window_s: float = WINDOW_S) -> list[float]:
        """The ages of the frames that were analysed in the last ``window_s`` seconds."""
        with self._lock:
            since = self._clock() - window_s
            return [age for at, age in self._ages if at >= since]

    def ages_ms(self, *percentiles: float, window_s: float = WINDOW_S) -> list[float]:
        """Percentiles of those ages; zeros where there were none."""
        ages = self.ages_s(window_s)
        if not ages:
            return [0.0] * len(percentiles)
        return [float(p) * 1e3 for p in np.percentile(ages, percentiles)]
