"""Text files that list sources, one a line: ``train.txt`` of YOLO data sets, ``cameras.streams``."""

from __future__ import annotations

import glob
import os.path
from pathlib import Path

from sightline.errors import ConfigError
from sightline.redaction import redact

LISTS = (".txt", ".streams")
"""Suffixes, in small letters."""

_MOST_BYTES = 64_000_000


def is_list(spec: str) -> bool:
    """Whether a user's word is a text file that lists sources."""
    return spec.lower().endswith(LISTS) and "://" not in spec and os.path.isfile(spec)  # noqa: PTH113 - False for any word


def listed(path: Path) -> list[str]:
    """The sources that a text file lists. Empty lines, and those that begin with ``#``, are left out.

    Paths count from the file's folder, else from the working folder.

    Raises:
        ConfigError: it lists nothing, or a line is neither a file nor an address nor a camera number.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ConfigError(f"{path}: too large for a list of sources")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: no text, so no list of sources: save it as UTF-8") from None
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1)]
    found = [_source(path, n, line) for n, line in lines if line and not line.startswith("#")]
    if not found:
        raise ConfigError(f"{path}: it lists no source: write one a line")
    return found


def _source(path: Path, number: int, line: str) -> str:
    if "://" in line or line.isdecimal():
        return line
    for one in (path.parent / line, Path(line)):
        # A line of prose is longer than a name may be, which `Path.exists` raises for.
        there = os.path.exists(one)  # noqa: PTH110
        if there or (glob.has_magic(line) and glob.glob(str(one))):  # noqa: PTH207 - it may be absolute
            return str(one)
    raise ConfigError(
        f"{path}:{number}: {redact(line[:200])} does not exist. A text file that is given as a source lists "
        "files, addresses or camera numbers, one a line"
    )
