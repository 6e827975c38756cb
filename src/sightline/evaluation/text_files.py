"""Text files that people hand in, and what is said about them when they are wrong."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any, NoReturn

from sightline.errors import ConfigError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks. That of UTF-32 begins with that of UTF-16, so it comes first."""

_MOSTLY = 0.7
_LONGEST = 1000
"""Characters of what is said about a place: it may quote a line of megabytes."""


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16, UTF-32 or, for want of these, Windows-1252.

    Raises ConfigError where it cannot be read or is no text.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}: check the path") from exc
    try:
        return content.decode(_encoding(content))
    except UnicodeDecodeError as exc:
        text = _windows_text(content)
        if text is None:
            raise ConfigError(f"{path} is no text file: check the path ({exc.reason})") from exc
        return text


def _encoding(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    # Digits and letters in UTF-16 without a mark: every second byte is 0.
    head = content[:200]
    if len(head) >= 4 and not any(head[1::2]):
        return "utf-16-le"
    if len(head) >= 4 and not any(head[::2]):
        return "utf-16-be"
    return "utf-8"


def _windows_text(content: bytes) -> str | None:
    """The text in Windows-1252, where nearly all of it is plain ASCII without control codes."""
    plain = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in content)
    high = sum(byte > 127 for byte in content)
    if plain + high < len(content) or plain < _MOSTLY * len(content):
        return None
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return None


def read_number(word: str) -> float:
    """A number as other programs read it. Raises ValueError.

    Python takes ``1_0`` for ten, and the digits of every script: nobody who writes labels means that.
    """
    return float(_plain(word))


def read_whole(word: str) -> int:
    """A whole number, as ``read_number``. Raises ValueError."""
    return int(_plain(word))


def _plain(word: str) -> str:
    if "_" in word or not word.isascii():
        raise ValueError(f"could not convert string to a number: {word!r}")
    return word


def parse_json(text: str) -> Any:
    """The content of a JSON text.

    Raises json.JSONDecodeError, also where it is nested too deeply or has a number of thousands of
    digits, of which ``json.loads`` raises other errors.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise json.JSONDecodeError("it is nested too deeply", text, 0) from None
    except ValueError:
        raise json.JSONDecodeError("a number has thousands of digits", text, 0) from None


def refuse(path: Path, place: int | str, what: str) -> NoReturn:
    """Raise ConfigError about a line (a number) or another place of a file."""
    shown = what if len(what) <= _LONGEST else f"{what[:_LONGEST]}…"
    raise ConfigError(f"{path}:{place}: {shown}")
