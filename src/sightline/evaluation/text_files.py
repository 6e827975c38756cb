"""Text files that people hand in, and what is said about them when they are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from sightline.errors import ConfigError


def read_text(path: Path) -> str:
    """The text of a file. Raises ConfigError where it cannot be read or is no text."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}: check the path") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path} is no text file: check the path ({exc.reason})") from exc


def refuse(path: Path, place: int | str, what: str) -> NoReturn:
    """Raise ConfigError about a line (a number) or another place of a file."""
    raise ConfigError(f"{path}:{place}: {what}")
