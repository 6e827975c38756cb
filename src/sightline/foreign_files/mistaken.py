"""What a file holds that came in place of the one that was wanted, told from its first bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

HEAD_BYTES = 4096
"""So many first bytes of a file are enough."""

_KINDS: tuple[tuple[bytes, str], ...] = (
    (rb"version https://git-lfs", "a pointer of Git LFS: `git lfs pull` fetches the file itself"),
    (
        rb"<!doctype html|<html|<head",
        "a web page: it came in place of the file, of which the address or the login is wrong",
    ),
    (rb"\{|\[\s*[{\"]", "JSON: an answer of a program in place of the file, perhaps its error"),
    (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!", "an archive: unpack it"),
    (rb"\0{64}", "only zeros: its copy was never finished, so copy it again"),
)


def mistaken_for(head: bytes, more: Sequence[tuple[bytes, str]] = ()) -> str | None:
    """What a file is that was taken for another one, and the remedy; None: it may be what was wanted.

    Args:
        head: its first bytes, ``HEAD_BYTES`` are enough.
        more: further kinds: a regular expression of what they begin with, and what to say of them.
    """
    if not head:
        return "empty: copy it again from where it came from"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    for magic, kind in (*more, *_KINDS):
        if re.match(magic, head, re.DOTALL) or re.match(magic, text, re.DOTALL):
            return kind
    return None


def file_mistaken_for(path: Path) -> str | None:
    """As ``mistaken_for``, of a file; None also where it cannot be read: who opens it says why."""
    try:
        with path.open("rb") as file:
            return mistaken_for(file.read(HEAD_BYTES))
    except OSError:
        return None
