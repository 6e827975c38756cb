"""Arguments of Python calls that no set of options holds, checked: what is wrong is a ConfigError that names it."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Sequence
from typing import Any

from sightline.errors import ConfigError


def whole_number(name: str, value: Any) -> int:
    """A whole number, 1 or more. Raises ConfigError."""
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ConfigError(f"{name}: it must be a whole number, 1 or more, not {value!r:.200}")
    return number


def positive(name: str, value: Any, most: float = math.inf) -> float:
    """A finite number above 0, at most ``most``. Raises ConfigError."""
    try:
        number = math.nan if isinstance(value, str | bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number) and 0 < number <= most:
        return number
    end = "" if most == math.inf else f", {most:g} at most"
    raise ConfigError(f"{name}: it must be a number above 0{end}, not {value!r:.200}")


def names(name: str, value: object, parted_by: str | None = None) -> tuple[str, ...]:
    """Names in a tuple. One need not stand in a list, and ``parted_by`` parts several in one text.

    Raises ConfigError.
    """
    if isinstance(value, str):
        found = value.split(parted_by) if parted_by else [value]
        return tuple(one.strip() for one in found if one.strip())
    if not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
        raise ConfigError(f"{name}: give names in a list, not {value!r:.200}")
    return tuple(value)


def track_key(value: object) -> tuple[str, int]:
    """The name of a stream and the id of a track. Raises ConfigError."""
    if isinstance(value, Sequence) and len(value) == 2 and isinstance(value[0], str):
        stream, number = value
        with contextlib.suppress(TypeError):  # told below
            if not isinstance(number, bool):
                return stream, operator.index(number)
    raise ConfigError(
        f"track: it is the name of a stream and an id, ('gate', 17), not {value!r:.200}"
    )
