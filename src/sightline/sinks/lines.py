"""Text outputs: whole lines, each handed to the operating system at once.

A process that is killed leaves whole lines, and a reader that follows the file sees each frame as
soon as it is done. One write to a file costs a few microseconds, so there is nothing to buffer.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import threading
from pathlib import Path
from typing import IO, TextIO

from sightline.errors import SinkError
from sightline.sinks.files import make_folder, sink_error


class LineFile:
    """A text file, or a text stream such as ``sys.stdout``, that takes whole lines.

    A path is overwritten, or with ``append`` gone on with, after its last whole line; its folder is
    made. A stream stays open after ``close``. Safe to share between threads. Raises SinkError.
    """

    def __init__(self, target: str | Path | TextIO, *, append: bool = False) -> None:
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._stream: TextIO | None = None
        if isinstance(target, (str, Path)):
            self.name = str(target)
            make_folder(Path(target).parent)
            try:
                if append:
                    _cut_half_line(Path(target))
                mode = "ab" if append else "wb"
                self._file = Path(target).open(mode, buffering=0)  # noqa: SIM115 - close() does
            except OSError as error:
                raise sink_error(target, error) from error
        else:
            self.name = str(getattr(target, "name", "the text stream")).strip("<>")
            self._stream = target

    @property
    def empty(self) -> bool:
        """There is nothing in the file; of a stream nobody knows, so it is taken for empty."""
        return self._file is None or not os.fstat(self._file.fileno()).st_size

    def write(self, text: str) -> None:
        """Write ``text``: one or more lines, each ended by a newline."""
        with self._lock:
            try:
                if self._file is not None:
                    _write_whole(self._file, text.encode(errors="backslashreplace"))
                elif self._stream is not None:
                    self._stream.write(text)
                    self._stream.flush()
                else:
                    raise SinkError(f"cannot write {self.name}: it is closed")
            except OSError as error:
                raise sink_error(self.name, error) from error

    def close(self) -> None:
        """Close the file. Idempotent."""
        with self._lock:
            file, self._file, self._stream = self._file, None, None
            if file is not None:
                try:
                    file.close()
                except OSError as error:
                    raise sink_error(self.name, error) from error


def _cut_half_line(path: Path) -> None:
    """What a machine that lost its power wrote last may end in the middle."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            end = content.rfind(b"\n") + 1
        file.truncate(end)


def _write_whole(file: IO[bytes], data: bytes) -> None:
    """Write all of ``data``, or nothing of it: half a line is no line."""
    done = file.write(data)
    if done == len(data):
        return
    try:
        while done < len(data):
            done += file.write(data[done:])
    except OSError:
        with contextlib.suppress(OSError):  # a pipe cannot be cut; the first failure is raised
            os.ftruncate(file.fileno(), os.lseek(file.fileno(), -done, os.SEEK_CUR))
        raise
