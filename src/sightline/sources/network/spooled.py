"""A file behind HTTP that is kept in a temporary file while it is read, so that one can go back in it.

An MP4 may have its index (``moov``) at its end. A server that sends parts of a file (ranges) is asked
for the index first; of one that does not, everything before it has to be kept.
"""

from __future__ import annotations

import errno
import io
import tempfile
from collections.abc import Callable

from sightline.errors import SourceError
from sightline.sources.network.web import WebFile

_PIECE = 1 << 18
_FIRST_BOXES = 1 << 16
_BEFORE = (b"ftyp", b"free", b"uuid", b"skip", b"wide", b"pdin")
"""Boxes of an MP4 that may stand before its index or its pictures."""


class SpooledDownload:
    """What FFmpeg needs of a file: ``read``, ``seek``, ``tell``. Used by one thread.

    Args:
        file: of which nothing was read but by ``peek``.
        limit_bytes: of the file; longer ones are refused.
        label: names the source in errors.
        alive: called whenever something has come.
    """

    def __init__(
        self,
        file: WebFile,
        limit_bytes: int,
        label: str,
        alive: Callable[[], None],
    ) -> None:
        self._file = file
        self._limit = limit_bytes
        self._label = label
        self._alive = alive
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - close() does
        self._have = self._at = 0
        self._ended = False
        self.length = file.length
        self._check(self.length or 0)

    def read(self, size: int = -1) -> bytes:
        """Raises SourceError where the file is too long, OSError where the connection fails."""
        self._load(None if size < 0 else self._at + size)
        self._spool.seek(self._at)
        data = self._spool.read(size)
        if not data and size and self._at < (self.length or 0):
            raise OSError(errno.EIO, "the download broke off")
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of a file; from the end, all of it is loaded where its length is not known. Raises OSError."""
        if whence == io.SEEK_CUR:
            offset += self._at
        elif whence == io.SEEK_END:
            if self.length is None:
                self._load(None)
            offset += self._have if self.length is None else self.length
        self._at = max(0, offset)
        return self._at

    def tell(self) -> int:
        """The place in the file, bytes."""
        return self._at

    def close(self) -> None:
        """Idempotent."""
        self._file.close()
        self._spool.close()

    def _load(self, end: int | None) -> None:
        """Load the file up to a place, or all of it."""
        while not self._ended and (end is None or self._have < end):
            piece = self._file.read(_PIECE)
            if not piece:
                self._ended = True
                break
            self._spool.seek(self._have)
            self._spool.write(piece)
            self._have += len(piece)
            self._check(self._have)
            self._alive()

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise SourceError(
                f"{self._label}: its index is at its end, the server sends no parts of files, and it "
                f"has more than {self._limit // 1_000_000} MB: write it with its index first "
                "(ffmpeg -movflags +faststart), take another server, or raise live.download_mb"
            )


def is_mp4(peek: Callable[[int], bytes]) -> bool:
    """Whether a file is an MP4 or a QuickTime movie of today; ``peek`` as in ``index_is_last``."""
    return peek(8)[4:8] == b"ftyp"


def index_is_last(peek: Callable[[int], bytes]) -> bool:
    """Whether an MP4 begins with its pictures, so that nothing can be read before its end has come.

    Args:
        peek: the first bytes of the file, so many or fewer. Its exceptions are not caught.
    """
    if not is_mp4(peek):
        return False
    at = 0
    while at < _FIRST_BOXES:
        head = peek(at + 8)[at : at + 8]
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind not in _BEFORE or size < 8:
            return kind in (b"mdat", b"wide", b"skip")
        at += size
    return False
