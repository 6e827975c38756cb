"""Turns: few of many threads work at a time.

Every thread that waits for Python's interpreter lock wakes two hundred times a second to ask for it, and
each thread that lets go of it (to decode, to scale) must wait for it again. Beyond a few dozen busy
threads that is most of what the processor does: 100 streams then get a tenth of the frames through
that they get in turns (benchmarks/fleet.py). Who waits for a turn sleeps.
"""

from __future__ import annotations

import os
import queue
from types import TracebackType


class Turns:
    """A context manager that at most ``count`` threads are inside of. Not reentrant.

    Hold one for work of the processor only, never while waiting for the network, a disk or another
    thread's result.
    """

    def __init__(self, count: int | None = None) -> None:
        # One more than cores: some of the work needs no interpreter lock. A SimpleQueue costs a
        # fifth of what a Semaphore does.
        self._free: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(count or len(os.sched_getaffinity(0)) + 1):
            self._free.put(None)

    def __enter__(self) -> None:
        self._free.get()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._free.put(None)
