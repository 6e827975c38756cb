"""Whose turn it is on a full processor: the thread that answers clients comes before those that compute.

An engine takes all the processor that it can get. When more is asked of it than it can do, the event loop needs its
part to refuse the rest at once; as one thread among many it gets too little, and everybody waits for
seconds. So the other threads of a service's process are a little nicer (nice(2)) than the loop's.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

LOOK_S = 1.0
"""New threads are looked for once in so long."""

_GRPC = ("event_engine", "grpc", "lifeguard", "timer_manager")
"""Names of the threads that gRPC's core makes: they answer clients, too."""
_POLLER = "_poll_wrapper"
"""In the name of the thread by which gRPC wakes the event loop."""


@contextlib.contextmanager
def answering_first(nice: int) -> Iterator[None]:
    """While this is open the process's other threads are nicer than this one, by ``nice``.

    Does nothing with 0, and elsewhere than on Linux, where a thread has no priority of its own.
    """
    if not nice or sys.platform != "linux":
        yield
        return
    over = threading.Event()
    own = threading.get_native_id()

    def look() -> None:
        # What this thread starts, and what others start while they are nicer, inherits that.
        known = {own}
        while not over.is_set():
            known = _step_back(known, nice, own)
            over.wait(LOOK_S)

    watcher = threading.Thread(target=look, name="priorities", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _step_back(known: set[int], nice: int, own: int) -> set[int]:
    """Make threads that are not ``known`` nicer than the thread ``own``. Returns those there are."""
    there = {int(task) for task in os.listdir("/proc/self/task")}  # noqa: PTH208 - names only
    pollers = {t.native_id for t in threading.enumerate() if _POLLER in t.name}
    for thread in there - known - pollers:
        with contextlib.suppress(OSError):  # it has ended meanwhile
            name = Path(f"/proc/self/task/{thread}/comm").read_text()
            if not name.startswith(_GRPC):
                least = os.getpriority(os.PRIO_PROCESS, own) + nice
                if os.getpriority(os.PRIO_PROCESS, thread) < least:
                    os.setpriority(os.PRIO_PROCESS, thread, min(19, least))
    return there
