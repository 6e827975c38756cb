"""Turns on the processor: few of many threads work at a time, and frames that are decoded already go first.

Every thread that waits for Python's interpreter lock wakes two hundred times a second to ask for it, and
each thread that lets go of it (to decode, to scale) must wait for it again. Beyond a few dozen busy
threads that is most of what the processor does: 100 streams then get a tenth of the frames through
that they get in turns (benchmarks/fleet.py). Who waits for a turn sleeps.
"""

from __future__ import annotations

import os
from collections import deque
from threading import Lock
from types import TracebackType


class CpuLimiter:
    """A context manager that at most ``count`` threads are inside of. Not reentrant.

    Hold one for work of the processor only, never while waiting for the network, a disk or another
    thread's result. Decoders take turns too, but only when nobody waits for another: a decoded frame
    ages while it waits, one that is still encoded does not. Nor do decoders ever have all turns.
    """

    def __init__(self, count: int | None = None) -> None:
        self.cores = len(os.sched_getaffinity(0))
        # One more than cores: some of the work needs no interpreter lock.
        count = count or self.cores + 1
        self._lock = Lock()  # around the counts and queues
        self._free = count
        self._free_to_decode = max(1, count - 1)
        self._waiting: deque[Lock] = deque()
        self._decoders: deque[Lock] = deque()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = _wait_in(self._waiting)
        turn.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._free += 1
            self._hand_on()

    def start_decoding(self) -> None:
        """Wait for a turn to decode."""
        with self._lock:
            if self._free and self._free_to_decode:
                self._free -= 1
                self._free_to_decode -= 1
                return
            turn = _wait_in(self._decoders)
        turn.acquire()

    def end_decoding(self) -> None:
        """Hand the turn on."""
        with self._lock:
            self._free += 1
            self._free_to_decode += 1
            self._hand_on()

    def _hand_on(self) -> None:
        """Give what is free to whoever is next. The lock is held."""
        while self._free and self._waiting:
            self._free -= 1
            self._waiting.popleft().release()
        while self._free and self._free_to_decode and self._decoders:
            self._free -= 1
            self._free_to_decode -= 1
            self._decoders.popleft().release()


def _wait_in(line: deque[Lock]) -> Lock:
    """The last place of a line: a lock that opens when its turn has come."""
    place = Lock()
    place.acquire()
    line.append(place)
    return place
