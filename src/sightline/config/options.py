"""What every set of options has in common, and how one is made from keyword arguments."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from sightline.config.value_errors import in_words
from sightline.errors import ConfigError
from sightline.redaction import redacted

Loc: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a tree of options: ``("streams", "gate", "fps")``."""


class Options(BaseModel):
    """What every set of options has in common: unknown keys are errors, nothing changes later."""

    # Validators are built when a set of options is first made: most commands need few of them.
    # What was given may hold secrets, and tracebacks show pydantic's own message.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        defer_build=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    @model_validator(mode="after")
    def _without_nul(self) -> Self:
        refuse_inconsistent(_texts_with_nul(self))
        return self


SomeOptions = TypeVar("SomeOptions", bound=Options)


def checked(options: type[SomeOptions], **values: object) -> SomeOptions:
    """Make a set of options; what is wrong with one becomes a ConfigError that names it."""
    try:
        return options(**values)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        place, kind = _resolved(options, first["loc"])
        if first["type"] == "inconsistent":  # raised by refuse_inconsistent
            said = [(_dotted((*place, *at)), what) for at, what in first["ctx"]["problems"]]
            raise ConfigError("; ".join(f"{at}: {what}" for at, what in said)) from exc
        at, value = _dotted(place), first["input"]
        message = in_words(first["type"], first.get("ctx", {}), first["msg"])
        if first["type"] == "extra_forbidden":
            raise ConfigError(
                f"{at}: there is no such option{_nearest(str(place[-1]), kind)}"
            ) from exc
        message = message.removeprefix("Value error, ")
        text = f"{at}: {message}" if at else message
        # A whole section is nothing to read and may hold secrets; our own validators say it all.
        if not isinstance(value, (Mapping, list)) and first["type"] != "value_error":
            text += f", not {redacted({at: value})[at]!r}"
        raise ConfigError(text) from exc


def _dotted(place: Loc) -> str:
    return ".".join(map(str, place))


_MEMBER = re.compile(r"int|float|str|bool|(tuple|list|dict)\[.*\]")
"""What pydantic puts behind an option that may be of several types: the one that it tried."""


def _resolved(options: type[BaseModel], loc: Loc) -> tuple[Loc, type[BaseModel] | None]:
    """The place of a value, without the kinds and types that pydantic puts in between, and the options it stands in.

    The options are None where the value stands in a list or a dictionary.
    """
    place: Loc = ()
    inside: type[BaseModel] | None = options
    kinds: list[type[BaseModel]] = [options]
    for part in loc:
        chosen = [
            k for k in kinds if "kind" in k.model_fields and k.model_fields["kind"].default == part
        ]
        if chosen and len(kinds) > 1:
            kinds = chosen
            continue
        if place and isinstance(part, str) and _MEMBER.fullmatch(part):
            continue
        inside = kinds[0] if kinds else None
        known = inside.model_fields if inside is not None else {}
        if part in known:
            kinds = list(_options_in(known[part].annotation))
        elif not isinstance(part, int):  # the entries of a list are what the list is of
            kinds = []
        place = (*place, part)
    return place, inside


def _options_in(kind: object) -> Iterator[type[BaseModel]]:
    """The options that a value of a type may be, or that its entries may be where it is a list."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    elif typing.get_origin(kind) in {typing.Annotated, typing.Union, types.UnionType, tuple}:
        for inner in typing.get_args(kind):
            yield from _options_in(inner)


def _nearest(name: str, kind: type[BaseModel] | None) -> str:
    """A half sentence that names the option that was probably meant."""
    if kind is None:
        return ""
    for section, info in kind.model_fields.items():
        if any(name in inner.model_fields for inner in _options_in(info.annotation)):
            return f"; it stands under {section}"
    near = get_close_matches(name, kind.model_fields, 1)
    return f"; did you mean {near[0]}?" if near else ""


Inconsistency: TypeAlias = tuple[Loc, str]
"""The place of a value within a set of options, and why it does not go with the others."""


def refuse_inconsistent(found: Iterable[Inconsistency]) -> None:
    """For validators: raise a PydanticCustomError that ``inconsistencies`` takes apart, where there are any."""
    problems = tuple(found)
    if problems:
        text = "; ".join(f"{'.'.join(map(str, at))}: {what}" for at, what in problems)
        raise PydanticCustomError("inconsistent", "{text}", {"text": text, "problems": problems})


def inconsistencies(error: Mapping[str, Any]) -> Sequence[Inconsistency]:
    """What ``refuse_inconsistent`` was given, of one of pydantic's errors; nothing of any other error.

    Places are within the set of options that the error's own place, ``loc``, names.
    """
    found: Sequence[Inconsistency] = ()
    if error["type"] == "inconsistent":
        found = error["ctx"]["problems"]
    return found


def _texts_with_nul(options: Options) -> Iterator[Inconsistency]:
    """Texts that the system ends at their NUL: no file, address or name can be called so."""
    for name in options.model_fields_set:
        value = getattr(options, name)
        parts = value if isinstance(value, tuple | list) else (value,)
        if any(isinstance(part, str | Path) and "\0" in str(part) for part in parts):
            yield (name,), r"it holds the character NUL (\0): leave it out"


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""Names of models and streams stand in URLs, file names and metrics."""
