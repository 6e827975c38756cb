"""Ctrl-C and SIGTERM, heard once, and never in the middle of an import."""

from __future__ import annotations

import signal
import time
from types import FrameType

ONE_PRESS_S = 1.0
AGAIN_S = 0.05

_IMPORTING = "<frozen importlib._bootstrap>"


class Interrupts:
    """Raises KeyboardInterrupt on Ctrl-C or SIGTERM, so that a command closes its outputs and leaves nothing half-written.

    One press often arrives twice (from the terminal and from whoever started the command), and the second would cut off
    what makes the outputs valid: another within a second is not heard. After that second it ends the command at once.

    Libraries catch whatever fails while they look for others (``try: import torch``, ``except:``), go on without, or fail
    later in strange ways. So while something is imported, the first press waits for that.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        """The number of the signal that came first; None: none has come."""
        self._pressed_at = 0.0

    def listen(self) -> None:
        """From now on. In the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._pressed)
        signal.signal(signal.SIGALRM, self._raise)

    def end(self) -> None:
        """What comes from now on is not heard: the command is over."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)

    def _pressed(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.first is None:
            self.first, self._pressed_at = number, now
            self._raise(number, frame)
        elif now - self._pressed_at > ONE_PRESS_S:
            raise KeyboardInterrupt

    def _raise(self, _number: int, frame: FrameType | None) -> None:
        if _imports(frame):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        else:
            raise KeyboardInterrupt


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False
