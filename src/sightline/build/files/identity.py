"""Whether two paths mean one file, as the file system sees it: links, case and folders followed.

Knows paths, devices and inodes; nothing is opened, and files need not be there.
"""

from __future__ import annotations

import os
import stat
import sys
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

STDOUT = "-"

Key: TypeAlias = tuple[object, ...]


def file_keys(path: str) -> frozenset[Key]:
    """Keys of a file; two paths mean one file where they have a key in common.

    One key is the device and inode of what is there, symbolic links followed, so that hard links
    are seen. The other is the folder that the path leads to and what is written behind it, so that
    files that are not there yet are compared too. ``-`` is what standard output leads to.
    """
    if path == STDOUT:
        found = _stdout()
        return frozenset() if found is None else frozenset({_inode(found)})
    keys: set[Key] = {_place(os.path.realpath(path)), _place(_named(path))}
    found = _stat(path)
    if found is not None:
        keys.add(_inode(found))
    return frozenset(keys)


def folder_keys(path: str) -> frozenset[Key]:
    """Keys of the folders that hold a file: the one that is written, and the one that links lead to."""
    folders = {Path(_named(path)).parent, Path(os.path.realpath(path)).parent}
    return frozenset(key for folder in folders for key in file_keys(str(folder)))


def is_stream(path: str) -> bool:
    """A terminal, a pipe or a device such as /dev/null: several may write to it."""
    found = _stdout() if path == STDOUT else _stat(path)
    if found is None:
        return path == STDOUT
    return not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode))


def local_path(text: str) -> str | None:
    """The file that a path or an address (``sqlite:///``, ``file://``) means; None for another place."""
    if "://" not in text:
        return text
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower().split("+")[0]
    if scheme == "file":
        return unquote(urlsplit(text).path)
    if scheme != "sqlite":
        return None
    # sqlite:///relative, sqlite:////absolute, sqlite:///file:name?mode=rw&uri=true
    rest = rest.partition("/")[2].partition("?")[0]
    if rest.startswith("file:"):
        rest = unquote(rest.removeprefix("file:"))
        rest = "/" + rest.lstrip("/") if rest.startswith("//") else rest
    return rest or None


def _inode(found: os.stat_result) -> Key:
    return ("inode", found.st_dev, found.st_ino)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - a text may hold what a Path would lose
    except (OSError, ValueError):
        return None


def _stdout() -> os.stat_result | None:
    """The status of the file that standard output is redirected to; None for anything else."""
    try:
        found = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _named(path: str) -> str:
    """The path with the links of its folder followed, but not of the file itself."""
    folder, name = os.path.split(path.rstrip("/") or "/")
    if name in {"", ".", ".."}:
        return os.path.realpath(path)
    return str(Path(os.path.realpath(folder or ".")) / name)


def _place(path: str) -> Key:
    """The nearest folder that exists, and what is written behind it as that folder compares names."""
    folder, rest = path, ""
    while (found := _stat(folder)) is None or not rest:
        parent, name = os.path.split(folder)
        if parent == folder:
            break
        folder, rest = parent, f"{name}/{rest}" if rest else name
    if found is None:
        return ("place", 0, 0, rest)
    if rest and _ignores_case(folder):
        rest = unicodedata.normalize("NFC", rest).casefold()
    return ("place", found.st_dev, found.st_ino, rest)


@lru_cache(maxsize=256)
def _ignores_case(folder: str) -> bool:
    """Whether a folder takes ``A`` and ``a`` for one name: asked of a name that is there."""
    try:
        with os.scandir(folder) as entries:
            inside = next((e.path for e in entries if e.name.swapcase() != e.name), None)
    except OSError:
        inside = None
    for path in (inside, *map(str, (Path(folder), *Path(folder).parents))):
        if path is None:
            continue
        one = Path(path)
        if one.name.swapcase() == one.name:
            continue
        try:
            return one.samefile(one.with_name(one.name.swapcase()))
        except OSError:
            return False
    return False
