"""Whether a stream takes more text now. A pipe that nobody reads holds up whoever writes into it."""

from __future__ import annotations

import fcntl
import os
import select
import stat
import struct
import termios
import time
from typing import TextIO

PATIENCE_S = 1.0
"""A reader that is slow is waited for so long, once; one that reads nothing is not waited for again."""

_LOOK_S = 0.01
_PIPE_SIZE = getattr(fcntl, "F_GETPIPE_SZ", None)


class Outlet:
    """Says whether a stream can be written to without waiting for its reader.

    Regular files, and streams that are none of the system's, always can.

    Args:
        stream: that is written to.
        patience_s: seconds that a slow reader is waited for.
    """

    def __init__(self, stream: TextIO, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._blocked = False
        self._descriptor = _descriptor(stream)
        self._size = _pipe_size(self._descriptor)

    def takes_more(self) -> bool:
        """Whether a line can be written now. Waits for a slow reader, where it read until now."""
        if self._descriptor is None or self._has_room(self._descriptor):
            self._blocked = False
            return True
        if self._blocked:
            return False
        deadline = time.monotonic() + self._patience_s
        while time.monotonic() < deadline:
            time.sleep(_LOOK_S)
            if self._has_room(self._descriptor):
                return True
        self._blocked = True
        return False

    def _has_room(self, descriptor: int) -> bool:
        try:
            if self._size is not None:
                # A long line must fit as well: half of the pipe, 32 kB, is enough for any.
                unread = fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))
                return bool(struct.unpack("i", unread)[0] <= self._size // 2)
            return bool(select.select([], [descriptor], [], 0)[1])
        except (OSError, ValueError):
            return True  # the write itself tells what is wrong


def _descriptor(stream: TextIO) -> int | None:
    """The descriptor of a pipe, socket or terminal; None for anything else."""
    try:
        descriptor = stream.fileno()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError, AttributeError):
        return None
    waits = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)
    # select knows descriptors below 1024 only; a log is one of the first that a process has.
    return descriptor if waits and descriptor < 1024 else None


def _pipe_size(descriptor: int | None) -> int | None:
    if descriptor is None or _PIPE_SIZE is None:
        return None
    try:
        return fcntl.fcntl(descriptor, _PIPE_SIZE)
    except OSError:  # it is no pipe
        return None
