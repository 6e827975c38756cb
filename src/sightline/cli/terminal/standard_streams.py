"""Standard streams that cannot fail a command: other encodings, closed ones, readers that leave."""

from __future__ import annotations

import io
import os
import stat
import sys
from typing import TextIO


def set_up() -> None:
    """Make the standard streams safe to write to; called once, before anything is written.

    What an encoding lacks is written as an escape (``\\u2026``, which JSON reads as the character). A
    stream that was closed (``>&-``) takes everything and keeps nothing. When whoever reads our messages
    leaves (``2>&1 | head``), the work goes on.
    """
    _fill_closed_descriptors()
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for good
    sys.stdout = _escaping(sys.stdout, 1)
    messages = _escaping(sys.stderr, 2)
    if isinstance(messages, io.TextIOWrapper):
        sys.stderr = _Messages(messages)


def may_be_seen(stream: TextIO) -> bool:
    """Whether what is written may appear on a terminal: at once, or by whoever reads the pipe.

    A file and the null device are seen by nobody.
    """
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):  # no file at all, such as a test's
        return False
    return stream.isatty() or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def flush() -> None:
    """Write what is still in the buffers; a reader that has left is no failure."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            forget(stream)


def forget(stream: TextIO) -> None:
    """The reader of a stream has left: what is in its buffer has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fill_closed_descriptors() -> None:
    """Else the next file that is opened would be number 1, and what a library prints would be in it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one


def _escaping(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        return open(number, "w", encoding="utf-8", closefd=False)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


class _Messages(io.TextIOWrapper):
    """Standard error that nobody need read: what cannot be written is left out."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        raw = open(stream.fileno(), "wb", closefd=False)  # noqa: SIM115 - for good
        super().__init__(raw, stream.encoding, "backslashreplace", line_buffering=True)

    def write(self, text: str) -> int:
        """Write a text; a terminal that is gone is forgotten. Returns the number of characters."""
        try:
            return super().write(text)
        except OSError:
            forget(self)
            return len(text)

    def flush(self) -> None:
        """Flush; a terminal that is gone is forgotten."""
        try:
            super().flush()
        except OSError:
            forget(self)
