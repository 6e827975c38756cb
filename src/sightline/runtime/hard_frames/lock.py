"""The lock of a folder that one program at a time collects into."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sightline.errors import SinkError


class FolderLock:
    """Held from ``take`` to ``release``. The system lets go of the lock of a process that was killed.

    It is a file, which stays: not every network share has locks of folders. Where files have none either, nobody
    can tell who else is there, and nobody is kept out.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock, also where this object has that of a file which was moved away.

        Raises:
            SinkError: another program, or another part of this one, has it.
            OSError: the file cannot be made.
        """
        self.release()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._file, flags, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise SinkError(
                f"cannot write {self._file.parent}: another program collects hard frames into it: "
                "end that program, or choose another folder"
            ) from None
        except OSError:
            pass
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of it. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
