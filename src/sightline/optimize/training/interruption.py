"""Ctrl-C and SIGTERM during a training: they wait for the end of a step, so that what is kept is whole."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ONE_PRESS_S = 1.0
"""A press within so long after the first is the same one."""

INTERRUPTED = 130
"""The exit code."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_interrupts() -> Iterator[Callable[[], bool]]:
    """While the block runs, the first Ctrl-C or SIGTERM is only noted; what the block is given tells whether one came.

    One that comes more than a second later raises KeyboardInterrupt at once. In other threads than the main one
    nothing is held, since no signal comes there.
    """
    came: list[float] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        if came and time.monotonic() - came[0] > ONE_PRESS_S:
            raise KeyboardInterrupt
        came.append(time.monotonic())

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


@contextmanager
def told_interrupts() -> Iterator[None]:
    """Around a program: where it was interrupted, it ends with 130 and says how to go on."""
    try:
        yield
    except KeyboardInterrupt as exc:
        raise SystemExit(_end(str(exc))) from exc


def _end(told: str) -> int:
    if told:
        sys.stderr.write(f"interrupted: {told}\n")
    return INTERRUPTED
