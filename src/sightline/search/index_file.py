"""The file of an approximate index, beside its database. A copy: what is lost of it can be made anew.

It is written whole: a kill leaves the file before, or the new one. Its first line says what it is of and what its
content must hash to, so that nothing damaged reaches the library that reads it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import UTC, datetime
from pathlib import Path

from sightline.errors import SearchError, SinkError
from sightline.types import EmbedderInfo
from sightline.whole_files import write_whole

_MAGIC = "sightline-index"
_VERSION = 1
_LONGEST_HEAD = 1000

_log = logging.getLogger(__name__)


class IndexFile:
    """The file of one embedder's index: ``NAME.db.4f0a1b2c.index``.

    Args:
        database: the SQLite file.
        embedder: whose vectors are in the index.
    """

    def __init__(self, database: Path, embedder: EmbedderInfo) -> None:
        self.path = database.with_name(f"{database.name}.{embedder.digest[:8]}.index")
        self._embedder = embedder

    def read(self) -> bytes | None:
        """The content; None where there is no file, or a damaged one, which is set aside and logged. Raises SearchError: it cannot be read."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SearchError(f"cannot read {self.path}: {error.strerror}") from error
        head, _, content = data.partition(b"\n")
        try:
            said = json.loads(head[:_LONGEST_HEAD])
            kind, version, digest = said["file"], said["version"], said["embedder"]
            sound = said["sha256"] == hashlib.sha256(content).hexdigest()
        except (ValueError, TypeError, KeyError, RecursionError):
            kind, version, digest, sound = "", 0, "", False
        if kind != _MAGIC or not sound:
            self.set_aside("it is damaged")
        elif version != _VERSION:
            self.set_aside("another version of Sightline has written it")
        elif digest != self._embedder.digest:
            self.set_aside("its vectors are of another embedder")
        else:
            return content
        return None

    def write(self, content: bytes) -> None:
        """Write the file, whole. Raises SearchError."""
        head = {
            "file": _MAGIC,
            "version": _VERSION,
            "embedder": self._embedder.digest,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        try:
            write_whole(self.path, json.dumps(head).encode() + b"\n" + content)
        except SinkError as error:
            raise SearchError(f"the index cannot be kept: {error}") from error

    def set_aside(self, why: str) -> None:
        """Rename the file, and say so. Raises SearchError."""
        aside = self.path.with_name(f"{self.path.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        try:
            self.path.rename(aside)
        except OSError as error:
            raise SearchError(f"cannot rename {self.path}: {error.strerror}") from error
        _log.warning(
            "%s cannot be used: %s. It was set aside as %s and is made anew from the database",
            self.path, why, aside.name,
        )  # fmt: skip
