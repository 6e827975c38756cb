"""YAML from elsewhere as plain values: whatever is wrong with it is one error."""

from __future__ import annotations

MOST_VALUES = 200_000
"""Values of one text, each alias counted as what it stands for: a bomb is a few lines long."""

_MOST_BITS = 10_000
"""Longest number: Python prints none of more than 4,300 digits."""


class YamlTextError(ValueError):
    """It is no YAML of plain values. The text says why, in one line.

    Args:
        line: where, counted from 1; None: it is not known.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def read_yaml(text: str, *, typed: bool = True) -> object:
    """The plain values in a YAML text; None of an empty one.

    Args:
        text: the whole of it. No tag makes an object.
        typed: ``1`` is a number and ``yes`` is True; else every scalar is text.

    Raises:
        YamlTextError: it is no YAML, is nested too deeply, holds a value that is not what its tag says, or more than
            ``MOST_VALUES``, aliases counted in full.
    """
    import yaml  # only what has such a file pays for it

    try:
        value: object = yaml.load(text, yaml.SafeLoader if typed else yaml.BaseLoader)  # noqa: S506
        _count(value, {})
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise YamlTextError(" ".join(str(exc).split()), line) from exc
    except RecursionError as exc:
        raise YamlTextError("it is nested too deeply") from exc
    except YamlTextError:
        raise
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as exc:
        # PyYAML makes dates, numbers and truth values of whatever is tagged or looks like one.
        raise YamlTextError(f"a value is not what it is written as: {exc}") from exc
    return value


def _count(value: object, known: dict[int, int | None]) -> int:
    """How many values there are, aliases in full; ``known`` has those that were counted, None while they are."""
    if not isinstance(value, dict | list | tuple | set):
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise YamlTextError("a number has thousands of digits")
        return 1
    if id(value) in known:
        count = known[id(value)]
        if count is None:
            raise YamlTextError("an alias stands inside of what it names")
        return count
    known[id(value)] = None
    parts: list[object] = [*value, *(value.values() if isinstance(value, dict) else ())]
    count = 1 + sum(_count(part, known) for part in parts)
    if count > MOST_VALUES:
        raise YamlTextError(f"it holds more than {MOST_VALUES} values, each alias counted in full")
    known[id(value)] = count
    return count
