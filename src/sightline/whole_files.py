"""Files that are written whole or not at all, their names, and what to say when one cannot be written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import re
import tempfile
from pathlib import Path

from sightline.errors import SinkError

_NUMBERS = itertools.count()
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
    errno.ELOOP: "a link is in the way: remove it or choose another place",
    errno.ENAMETOOLONG: "its name is too long: choose a shorter one",
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


def make_folder(folder: Path) -> Path:
    """The folder, made with its parents where it is missing. Raises SinkError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise sink_error(folder, error) from error
    return folder


def writable_folder(folder: Path) -> Path:
    """As ``make_folder``; also raises SinkError where no file can be written there."""
    make_folder(folder)
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise sink_error(folder, error) from error
    return folder


def write_whole(path: Path, data: bytes, mode: int | None = None) -> None:
    """Write a file beside its place, then move it there. Its folder is made where it is missing.

    Args:
        mode: permissions of the file, instead of those that the process's umask leaves.

    Raises SinkError; nothing is left then.
    """
    part = _part(path)
    try:
        try:
            _write(part, data)
        except FileNotFoundError:  # the folder is not there (any more)
            make_folder(part.parent)
            _write(part, data)
        if mode is not None:
            part.chmod(mode)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # the first failure is raised
            part.unlink(missing_ok=True)
        raise sink_error(path, error) from error


def _part(path: Path) -> Path:
    """What a file is called until it is whole; its own name may fill what a file system takes.

    Others may write the same file at the same moment: each has a name of its own.
    """
    name = path.name
    if len(os.fsencode(name)) > _LONGEST:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return path.with_name(f".{name}.{os.getpid()}-{next(_NUMBERS)}.part")


def _write(path: Path, data: bytes) -> None:
    # Somebody who may write there too could have laid a link to another file at this name.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o666), "wb") as file:  # noqa: PTH123 - of a descriptor
        file.write(data)
