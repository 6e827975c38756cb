"""SIGHUP: outputs go on in new files, as logrotate asks for; where the terminal has gone, the run ends."""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def reopen_on_hangup(reopen: Callable[[], None]) -> Iterator[None]:
    """Call ``reopen`` in a thread on SIGHUP while the block runs.

    A terminal that is closed sends the same signal. The run ends then, as SIGTERM ends it, unless it
    was started with ``nohup``.
    """
    before = signal.getsignal(signal.SIGHUP)
    terminal = _terminal() if before is not signal.SIG_IGN else None

    def hang_up(_number: int, _frame: FrameType | None) -> None:
        if terminal is not None and _is_gone(terminal):
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            # Workers are asked one after another, and a signal must not wait.
            threading.Thread(target=reopen, name="reopen", daemon=True).start()

    signal.signal(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _terminal() -> int | None:
    """The descriptor of the terminal that this runs in, if it does."""
    for stream in (sys.stderr, sys.stdin):
        try:
            if stream.isatty():
                return stream.fileno()
        except (AttributeError, OSError, ValueError):
            continue
    return None


def _is_gone(terminal: int) -> bool:
    try:
        termios.tcgetattr(terminal)
    except termios.error:
        return True
    return False
