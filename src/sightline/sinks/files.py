"""Where outputs go: their names, their folders, and what to say when they cannot be written.

Knows paths and operating-system errors; knows nothing of formats.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from sightline.errors import ConfigError
from sightline.types import OutputRequest
from sightline.whole_files import is_folder, make_folder, safe_name

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
"""Suffixes of annotated pictures that can be written."""


def is_picture(path: str | Path) -> bool:
    """Whether a path is named like one annotated picture."""
    return Path(path).suffix.lower() in PICTURE_SUFFIXES


def file_suffix(path: str | Path) -> str:
    """The suffix, in lower case, of a path that means a file; "" of a folder, or of a name without one.

    A date in a name (``2026.11.28``) is no suffix.
    """
    suffix = "" if is_folder(path) else Path(path).suffix.lower()
    return suffix if any(c.isalpha() for c in suffix) else ""


def stream_file(path: str | Path, stream: str, suffix: str) -> Path:
    """The file for one stream: ``path`` itself, or ``NAME.suffix`` in it where it is a folder."""
    return Path(path) / f"{safe_name(stream)}{suffix}" if is_folder(path) else Path(path)


def output_path(path: str | Path, stream: str, suffix: str) -> Path:
    """As ``stream_file``; makes the folder that the file goes to. Raises SinkError."""
    file = stream_file(path, stream, suffix)
    make_folder(file.parent)
    return file


def file_id(path: str | Path) -> tuple[int, int] | None:
    """Device and inode of the file that a path leads to; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - quicker than Path.stat, and asked for often
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Held by one process and thread at a time, where the file system knows such locks."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:  # who may write there may not always read it
        yield
        return
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def free_path(path: Path) -> Path:
    """The path, or where there is such a file the first of ``NAME-2``, ``NAME-3`` that is free."""
    later = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], later) if not one.exists())


def new_file(request: OutputRequest, suffix: str) -> Path:
    """A file beside those of the only stream that are there: their format cannot be gone on with."""
    (only,) = request.streams
    return free_path(stream_file(request.path, only.name, suffix))


def check_folder(path: str, flag: str) -> None:
    """Refuse a file's name for an output that is a folder. Raises ConfigError."""
    if file_suffix(path):
        raise ConfigError(
            f"{flag} {path}: it is a folder with many files: give {Path(path).with_suffix('')}/, or "
            f"{path}/ for a folder of that very name"
        )
