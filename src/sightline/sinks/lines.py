"""Text outputs: whole lines, each handed to the operating system at once.

A process that is killed leaves whole lines, and a reader that follows the file sees each frame as
soon as it is done. One write to a file costs a few microseconds, so there is nothing to buffer.

A file may be removed, renamed or emptied while it is written, by ``logrotate`` or by hand: a new one
is begun in its place. Files are open for appending, so that one that was emptied has no hole.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import mmap
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from sightline.errors import SinkError
from sightline.sinks.files import file_id
from sightline.whole_files import OutputGuard, is_folder, make_folder, open_output, sink_error

CHECK_S = 0.5
"""A path is compared with the open file once in so long."""

_log = logging.getLogger(__name__)


class LineFile:
    """A text file, or a text stream such as ``sys.stdout``, that takes whole lines.

    Args:
        target: a path, whose folder is made, or an open text stream, which stays open.
        append: go on with a file that is there, after its last whole line; else it is overwritten.
        join: write to a file that others write to as well; nothing in it is cut off.
        header: a line that stands first in the file.
        follow: begin anew where the path leads elsewhere; else whoever writes asks ``moved``.
        guard: says which links are followed, and which files are not written.

    Where the file at the path is no longer the one that is open, a new one is begun
    within ``CHECK_S``. Nothing that is written is lost to that:
    what went to a removed file is written again, what went to a renamed one is in it. Safe to share
    between threads. Raises SinkError.
    """

    def __init__(
        self,
        target: str | Path | TextIO,
        *,
        append: bool = False,
        join: bool = False,
        header: str = "",
        follow: bool = True,
        guard: OutputGuard | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._join = join
        self._follow = follow
        self._guard = guard
        self._header = header.encode()
        self._path: Path | None = None
        self._fd: int | None = None
        self._stream: TextIO | None = None
        self._id: tuple[int, int] | None = None
        self._reopen = False
        self._checked_at = 0.0
        self._recent: list[bytes] = []  # written since the path was looked at
        if isinstance(target, (str, Path)):
            self.name = str(target)
            self._path = Path(target)
            if is_folder(target):
                raise sink_error(target, IsADirectoryError(errno.EISDIR, ""))
            with self._mapped():
                if append:
                    cut_half_line(self._path, guard)
                self._open(0 if append or join else os.O_TRUNC)
        else:
            self.name = str(getattr(target, "name", "the text stream")).strip("<>")
            self._stream = target
            if self._header:
                self.write("")

    def write(self, text: str) -> None:
        """Write ``text``: one or more lines, each ended by a newline. Raises SinkError."""
        with self._lock, self._mapped():
            if self._path is not None:
                self._put(text.encode(errors="backslashreplace"))
            elif self._stream is not None:
                self._stream.write(self._header.decode() + text)
                self._header = b""
                self._stream.flush()
            else:
                raise SinkError(f"cannot write {self.name}: it is closed")

    def reopen(self) -> None:
        """Let go of the file with the next line, and go on with the one at the path. From any thread."""
        self._reopen = True

    def moved(self) -> bool:
        """Whether the file at the path is no longer the one that is open."""
        return self._id is not None and self._path is not None and file_id(self._path) != self._id

    def kept(self) -> bool:
        """Whether the open file still has a name."""
        return self._fd is not None and os.fstat(self._fd).st_nlink > 0

    def close(self) -> None:
        """Close the file; what went to a removed one since it was looked at is written again. Idempotent."""
        with self._lock, self._mapped():
            try:
                if self._recent and self._fd is not None and not self.kept():
                    self._begin_anew()
            finally:
                self._path = self._stream = None
                self._let_go()

    def _put(self, data: bytes) -> None:
        if self._fd is None or self._reopen or (self._follow and self._has_moved()):
            self._begin_anew()
        self._append(data)
        if self._follow and self._id is not None:
            self._recent.append(data)

    def _has_moved(self) -> bool:
        now = time.monotonic()
        if now - self._checked_at < CHECK_S:
            return False
        self._checked_at = now
        moved = self.moved()
        if not moved or self.kept():
            self._recent.clear()  # they are in a file that has a name
        return moved

    def _begin_anew(self) -> None:
        if self._reopen and self.kept():
            self._recent.clear()
        elif not self._reopen:
            _log.warning("%s was removed or renamed: a new file is begun", self.name)
        self._let_go()
        self._open(0)
        self._reopen = False
        for data in self._recent:  # they went to a file that was removed
            self._append(data)
        self._recent.clear()

    def _open(self, flags: int) -> None:
        assert self._path is not None
        make_folder(self._path.parent)
        self._fd = open_output(self._path, flags | os.O_WRONLY | os.O_APPEND, self._guard)
        found = os.fstat(self._fd)
        # A pipe or a device is not replaced.
        self._id = (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
        self._checked_at = time.monotonic()
        if self._header:
            self._append(b"")

    def _append(self, data: bytes) -> None:
        assert self._fd is not None
        with self._alone():
            if self._header and self._id is not None and not os.lseek(self._fd, 0, os.SEEK_END):
                data = self._header + data
            elif self._header and self._id is None:
                data, self._header = self._header + data, b""
            if data:
                _write_whole(self._fd, data)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Held while a line is written to a file that other processes may write to."""
        if not self._join or self._id is None or self._fd is None:
            yield
            return
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _let_go(self) -> None:
        fd, self._fd, self._id = self._fd, None, None
        if fd is not None:
            os.close(fd)

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise sink_error(self.name, error) from error


def begin(path: str | Path, *, append: bool, guard: OutputGuard | None = None) -> None:
    """Make ready a file that several streams will ``join``: empty, or with its whole lines only.

    Raises SinkError.
    """
    LineFile(path, append=append, guard=guard).close()


def cut_half_line(path: Path, guard: OutputGuard | None = None) -> None:
    """Cut off what follows the last newline: a machine that lost its power may leave half a line."""
    if not path.is_file() or not path.stat().st_size:
        return
    with open(open_output(path, os.O_RDWR, guard), "r+b") as file:  # noqa: PTH123 - of a descriptor
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            end = content.rfind(b"\n") + 1
        file.truncate(end)


def _write_whole(fd: int, data: bytes) -> None:
    """Write all of ``data``, or nothing of it: half a line is no line."""
    done = os.write(fd, data)
    if done == len(data):
        return
    try:
        while done < len(data):
            done += os.write(fd, data[done:])
    except OSError:
        with contextlib.suppress(OSError):  # a pipe cannot be cut; the first failure is raised
            os.ftruncate(fd, os.lseek(fd, -done, os.SEEK_CUR))
        raise
