"""What must be seen to when the interpreter ends, and in a child that a process forks.

A thread that runs native code while the interpreter is taken down takes the whole process with it
("terminate called without an active exception", exit code 134). So whatever runs threads ends them
first, newest first: streams before the engines that they use.

A child of ``fork`` has none of its parent's threads, and a lock that one of them held stays held. So
whatever runs threads learns there that it is a copy, and answers at once instead of waiting.
"""

from __future__ import annotations

import atexit
import itertools
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `import sightline` reads this module, and stays light
    from sightline.protocols import RunsThreads

PATIENCE_S = 10.0
"""All threads together have so long to end: an inference that hangs must not keep the process."""

_POLL_S = 0.002
_PACKAGE = os.path.dirname(__file__) + os.sep  # noqa: PTH120 - frames carry paths as text
_WAITS_IN = (threading.__file__, "<frozen importlib")

_numbers = itertools.count()
_watched: dict[int, weakref.ref[RunsThreads]] = {}


class _Process:
    """This process: whether it is on its way out, and how many forks lie behind it."""

    ending = False
    forks = 0


class _Memory:
    """Whether freed memory is to be given back, and somebody who does it."""

    wanted = False
    giving_back = threading.Lock()


def watch(thing: RunsThreads) -> None:
    """End a thing's threads with the interpreter, and tell it of a fork; it may be forgotten before."""
    number = next(_numbers)
    _watched[number] = weakref.ref(thing, lambda _: _watched.pop(number, None))


def ending() -> bool:
    """Whether the interpreter is on its way out: what runs threads takes no more work."""
    return _Process.ending


def stop_if_ending() -> None:
    """Never returns in a daemon thread while the interpreter ends: its work is cut off there anyway.

    Any other thread, the one that runs the exit handlers for example, goes on.
    """
    if _Process.ending and threading.current_thread().daemon:
        _stop_here()


def forks() -> int:
    """How many forks lie between the first process and this one."""
    return _Process.forks


def abandon(thing: object) -> None:
    """Never free an object that was inherited through a fork.

    Freeing it would wait for threads that exist in the parent only.
    """
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def give_back_memory() -> None:
    """Return freed memory to the system: after a model or a stream, where much of it is freed at once.

    glibc keeps what was freed in pieces; elsewhere this does nothing. It takes milliseconds, in which
    nobody can allocate: what many threads ask for at once is done once.
    """
    import ctypes

    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_trim"):
        return
    _Memory.wanted = True
    while _Memory.wanted and _Memory.giving_back.acquire(blocking=False):
        try:
            _Memory.wanted = False
            library.malloc_trim(0)
        finally:
            _Memory.giving_back.release()


def _things() -> Iterator[RunsThreads]:
    """Everything that runs threads, newest first."""
    for _, reference in sorted(_watched.items(), reverse=True):
        thing = reference()
        if thing is not None:
            yield thing


def _end_threads() -> None:
    """The exit handler. Nothing may escape it: the interpreter would print it and go on."""
    _Process.ending = True
    deadline = time.monotonic() + PATIENCE_S
    with _deaf_to_interrupts():
        for thing in _things():
            try:
                thing.end_threads(deadline)
            except Exception as exc:  # noqa: BLE001 - the others must end too
                sys.stderr.write(f"sightline: {type(exc).__name__} while exiting: {exc}\n")
        while _busy_daemons() and time.monotonic() < deadline:
            time.sleep(_POLL_S)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ctrl-C has been heard by now: another one must not cut short what takes a moment anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _busy_daemons() -> bool:
    """Whether a daemon thread runs code of this package, and does not merely wait in it."""
    daemons = {thread.ident for thread in threading.enumerate() if thread.daemon}
    return any(
        ident in daemons and _is_busy(frame)
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - documented
    )


def _is_busy(innermost: FrameType) -> bool:
    if innermost.f_code is _stop_here.__code__ or innermost.f_code.co_filename in _WAITS_IN:
        return False
    frame: FrameType | None = innermost
    while frame is not None:
        if frame.f_code.co_filename.startswith(_PACKAGE):
            return True
        frame = frame.f_back
    return False


def _stop_here() -> None:
    while True:
        time.sleep(3600)


def _tell_of_fork() -> None:
    _Process.forks += 1
    things = list(_things())
    for thing in things:
        thing.after_fork()
    if things:
        _skip_native_destructors()


def _skip_native_destructors() -> None:
    """Let this process leave as soon as Python has finished, with the same exit code.

    The destructors of inherited native libraries would wait for threads of the parent.
    """
    import ctypes

    library = ctypes.CDLL(None)
    if hasattr(library, "on_exit"):  # glibc's
        library.on_exit(library["_exit"], None)


atexit.register(_end_threads)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tell_of_fork)
