"""What may be written over: an older file of the same kind, and never something else that has the name by mistake."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sightline.errors import ConfigError
from sightline.whole_files import check_writable, sink_error

_HEAD = 4096
"""Bytes in which a file says what it is."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file that is written: its name for messages, and how its bytes begin."""

    name: str
    beginning: re.Pattern[bytes]


PAGE = FileKind("an HTML page", re.compile(rb".{0,200}?<html", re.DOTALL | re.IGNORECASE))


def check_replaced(path: Path, what: str, kind: FileKind) -> None:
    """Refuse to write where a file is that was not written for this. Empty files, and none at all, are no loss.

    Args:
        path: the place.
        what: what errors call it: ``--output``.
        kind: what is going to be written.

    Raises:
        ConfigError: a file of another kind is there.
        SinkError: nothing can be written there, or it cannot be told what is there.
    """
    check_writable(path)
    try:
        with path.open("rb") as there:
            head = there.read(_HEAD)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise sink_error(path, exc) from exc
    if head.strip() and not kind.beginning.match(head):
        raise ConfigError(
            f"{what} {path}: a file of another kind is there, not {kind.name}: write to another place, or move it away"
        )


def is_binary(path: Path) -> bool:
    """Whether a file is there that is no text: a database, a picture, a video, a model."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as there:
            return b"\0" in there.read(_HEAD)
    except OSError:  # there is none, or whoever opens it says what is wrong
        return False
