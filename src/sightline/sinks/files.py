"""Where outputs go: their names, their folders, and what to say when they cannot be written.

Knows paths and operating-system errors; knows nothing of formats.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from sightline.errors import SinkError

_LONGEST = 150  # bytes of a file's name; the limit of most file systems is 255

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space or write elsewhere",
    errno.EDQUOT: "the disk quota is used up: free some space or write elsewhere",
    errno.EFBIG: "the file-size limit is reached: raise it (ulimit -f) or write elsewhere",
    errno.EACCES: "permission denied: choose a place that you may write to",
    errno.EPERM: "permission denied: choose a place that you may write to",
    errno.EROFS: "the file system is read-only: choose another place",
    errno.EISDIR: "it is a folder: give the name of a file",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another place",
    errno.EEXIST: "a file of that name is in the way: choose another place",
    errno.EPIPE: "its reader has gone away",
}


def sink_error(target: str | Path, error: OSError) -> SinkError:
    """What to raise (``from error``) when ``target`` cannot be written: its name and the remedy."""
    remedy = _REMEDIES.get(error.errno or 0) or error.strerror or str(error)
    return SinkError(f"cannot write {target}: {remedy}")


def safe_name(stream: str) -> str:
    """A stream's name as one plain file name: no separator, no leading dot, not too long.

    Two different streams get two different names: where something had to be replaced, a short
    hash of the full name is added.
    """
    plain = re.sub(r"[^\w.+=@-]+", "_", stream).lstrip(".")
    plain = plain.encode()[:_LONGEST].decode(errors="ignore")
    if plain and plain == stream:
        return plain
    digest = hashlib.sha256(stream.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{plain.strip('_.') or 'stream'}-{digest}"


def is_folder(path: str | Path) -> bool:
    """Whether a path means a folder: it ends with a slash, or a folder is there already."""
    return str(path).endswith("/") or Path(path).is_dir()


def is_picture(path: str | Path) -> bool:
    """Whether a path is named like one annotated picture."""
    return Path(path).suffix.lower() in {".jpg", ".jpeg", ".png"}


def make_folder(folder: Path) -> Path:
    """The folder, made with its parents where it is missing. Raises SinkError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise sink_error(folder, error) from error
    return folder


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
