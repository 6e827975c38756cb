"""What may be written over: an older file of the same kind, and never something else that has the name by mistake.

Several files that belong together are put in their places at once, or none of them is.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline.errors import ConfigError
from sightline.whole_files import check_writable, move_into_place, sink_error

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


def place_all(made: Sequence[tuple[Path, Path]]) -> None:
    """Move what was made, each to its place, in this order; the last is what others look for.

    Where one cannot be moved, or the process is interrupted, those before are taken back and the files that they
    replaced are there again. A folder takes no other's place.

    Args:
        made: pairs of a path in a scratch folder and the place on the same file system.

    Raises SinkError.
    """
    placed: list[tuple[Path, Path]] = []
    try:
        for source, target in made:
            before = source.with_name(f"{source.name}.before")
            placed.append((before, target))
            if target.is_file():
                _keep(target, before)
            move_into_place(source, target)
    except BaseException:
        for before, target in reversed(placed):
            _take_back(before, target)
        raise


def _keep(file: Path, copy: Path) -> None:
    try:
        os.link(file, copy)
    except OSError:  # the file system has no hard links
        try:
            shutil.copy2(file, copy)
        except OSError as error:
            raise sink_error(copy, error) from error


def _take_back(before: Path, target: Path) -> None:
    """What is at a place is removed, or is again what it was."""
    with contextlib.suppress(OSError):  # the first failure is raised
        if before.exists():
            before.replace(target)
        elif target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
