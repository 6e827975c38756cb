"""Options of the toolchain's commands that take several values with commas between them."""

from __future__ import annotations

from sightline.cli.options import model_options
from sightline.errors import ConfigError
from sightline.tables import ENGINES

LOCAL = tuple(name for name in ENGINES if name != "triton")
"""Runtimes of this machine."""
ALL_LOCAL = ",".join(LOCAL)
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
_MOST = 16_384


def parts(option: str, text: str) -> list[str]:
    """The values, each once. Raises ConfigError: there is none."""
    found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not found:
        raise ConfigError(f"{option}: it is empty: give values with commas between them")
    return found


def words(option: str, text: str, known: tuple[str, ...]) -> list[str]:
    """The values, which are of ``known``. Raises ConfigError naming the option."""
    found = parts(option, text)
    for part in found:
        if part not in known:
            raise ConfigError(f"{option} {part}: there are {', '.join(known)}")
    return found


def numbers(option: str, text: str, *, least: int) -> list[int]:
    """Whole numbers from ``least`` on. Raises ConfigError naming the option."""
    found = []
    for part in parts(option, text):
        if not (part.isascii() and part.isdecimal() and least <= int(part[:9]) <= _MOST):
            raise ConfigError(f"{option} {part}: a whole number from {least} to {_MOST} is needed")
        found.append(int(part))
    return found


def input_size(option: str, text: str) -> tuple[int, int]:
    """Width and height of ``640x384``, or of a square of ``640``. Raises ConfigError naming the option."""
    try:
        size = model_options("", size=text).size
    except ConfigError as exc:
        raise ConfigError(f"{option} {text}: {str(exc).removeprefix('size: ')}") from exc
    assert size is not None
    width, height = size if isinstance(size, tuple) else (size, size)
    if not (width and height):
        raise ConfigError(f"{option} {text}: a side has at least one pixel")
    return width, height
