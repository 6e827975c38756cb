"""What is wrong with a configuration, in words for who wrote it: where, what is wanted instead.

Knows pydantic's errors and the fields of the options; knows no file.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import SecretStr, ValidationError

from sightline.config import Configuration, Options
from sightline.config.options import Loc, inconsistencies
from sightline.redaction import redact, redact_address
from sightline.vocabulary.foreign_words import ours

_NAME = "letters, digits, `_`, `.` and `-`, 64 at most, a letter or digit first"
_WORDS = {str: "text", Path: "a path", SecretStr: "text", bool: "true or false"}
_NUMBERS = {int: "a whole number", float: "a number"}
_MOST_TEXT = 60


@dataclass(frozen=True, slots=True)
class Mistake:
    """``message`` is of the value at ``at``; of its key where ``key``; ``node`` stands elsewhere."""

    at: Loc
    message: str
    node: yaml.Node | None = None
    key: bool = False


def mistakes(error: ValidationError, nodes: Mapping[Loc, yaml.Node]) -> list[Mistake]:
    """What a ValidationError of ``Configuration`` says of the values that ``nodes`` are."""
    found: dict[Mistake, bool] = {}
    for item in error.errors():
        for mistake in _of(item, nodes):
            found[mistake] = item["type"].endswith(("_type", "_parsing", "too_short"))
    deep = {m.at for m in found}
    # A union, and a list whose entries are wrong, complain of the whole and of its parts: the parts are enough.
    return [m for m, kind in found.items() if not (kind and any(_inside(at, m.at) for at in deep))]


def _inside(at: Loc, other: Loc) -> bool:
    return len(at) > len(other) and at[: len(other)] == other


def _of(item: Any, nodes: Mapping[Loc, yaml.Node]) -> Iterator[Mistake]:
    kind, context = item["type"], item.get("ctx", {})
    at = _real(item["loc"], nodes)
    if problems := inconsistencies(item):
        for inner, text in problems:
            yield Mistake(_real((*item["loc"], *inner), nodes), text)
    elif "[key]" in item["loc"]:
        yield Mistake(at, f"cannot be a name: {_NAME}", key=True)
    elif kind == "extra_forbidden":
        keys = _keys(at[:-1], item["loc"][-2:-1])
        word = str(at[-1])
        hint = _blank_missing(word, keys) or _hint(word, at[:-1], keys)
        yield Mistake(at, f"there is no such key{hint}", key=True)
    elif kind == "union_tag_invalid":
        choices = re.findall("'([^']*)'", context["expected_tags"])
        text = f"cannot be {context['tag']}{_nearest(context['tag'], choices)}"
        yield Mistake(_real((*at, "kind"), nodes), text)
    elif kind == "missing":
        name = str(item["loc"][-1])
        parent = _real(item["loc"][:-1], nodes)
        yield Mistake(parent, f"`{name}` is missing{_meaning((*parent, name))}")
    elif kind == "value_error":
        yield Mistake(at, str(context["error"]))
    elif kind == "too_short" and at in {(), ("models",)}:
        yield Mistake(at, "at least one model is wanted: name: {model: ...}")
    elif kind == "too_short" and context["field_type"] == "Value":  # a secret
        yield Mistake(at, f"it must have {context['min_length']} characters or more")
    elif kind == "too_short":
        yield Mistake(at, f"wants {context['min_length']} or more, not {context['actual_length']}")
    else:
        yield Mistake(at, _misvalued(item, at, nodes.get(at)))


def _misvalued(item: Any, at: Loc, node: yaml.Node | None) -> str:
    kind, annotation = item["type"], _annotation(at)
    shown = _shown(node, secret=_holds(annotation, SecretStr))
    if kind == "literal_error" and isinstance(node, yaml.ScalarNode):
        # The only key of a section may be given as one word: its choices are pydantic's to tell.
        choices = [str(c) for c in _choices(annotation)] or re.findall(
            "'([^']*)'", str(item["ctx"]["expected"])
        )
        return f"cannot be {shown}{_nearest(node.value, choices)}"
    if kind == "string_pattern_mismatch":
        return f"{shown} cannot be a name: {_NAME}"
    if kind.endswith(("_type", "_parsing", "_from_float")) or "list" in shown or "keys" in shown:
        hint = "; put it in quotes" if kind == "string_type" and _is_word(node) else ""
        return f"wants {_wanted(annotation)}, not {shown}{hint or _section_hint(annotation, node, shown)}"
    message = str(item["msg"]).replace("Input should", "must").replace("Value should", "must")
    return f"{message}, not {shown}"


def _section_hint(annotation: object, node: yaml.Node | None, shown: str) -> str:
    """What to write instead, where a section was wanted and its only required value was given: ``{model: street}``."""
    if isinstance(node, yaml.SequenceNode) and typing.get_origin(annotation) is dict:
        return "; each has a name: `NAME: {...}`"
    sections = [kind for kind in _members(annotation) if _is_options(kind)]
    if (
        not sections
        or not isinstance(node, yaml.ScalarNode)
        or node.tag.endswith((":bool", ":null"))
    ):
        return ""
    fields = sections[0].model_fields  # where there are several kinds, the usual one
    required = [name for name, info in fields.items() if info.is_required()]
    hint = _blank_missing(node.value, list(fields))
    return hint or (f"; write {{{required[0]}: {shown}}}" if len(required) == 1 else "")


def _blank_missing(word: str, keys: list[str]) -> str:
    """``model:street`` is one word for YAML."""
    key, colon, value = word.partition(":")
    if not colon or not value or key not in keys:
        return ""
    return f"; a blank goes behind the colon: `{key}: ...`"


def _is_word(node: yaml.Node | None) -> bool:
    """A scalar that YAML takes for something else than text: ``no``, ``12``."""
    return isinstance(node, yaml.ScalarNode) and bool(node.value)


def _real(loc: Loc, nodes: Mapping[Loc, yaml.Node]) -> Loc:
    """The place in the file: pydantic puts names of union members in between."""
    at: Loc = ()
    for part in loc:
        if (*at, part) in nodes:
            at = (*at, part)
    return at


def _annotation(at: Loc) -> Any:
    """The type of the value at a place; None where nothing is known of it."""
    kind: object = Configuration
    for part in at:
        kind = _inner(kind, part)
    return kind


def _inner(kind: object, part: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, Options):
        info = kind.model_fields.get(str(part))
        return info.annotation if info else None
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _inner(inner[0], part)
    if origin in {typing.Union, types.UnionType}:
        return next((found for k in inner if (found := _inner(k, part)) is not None), None)
    if origin is dict:
        return inner[1]
    return inner[0] if origin is tuple and isinstance(part, int) else None


def _keys(at: Loc, tag: Loc = ()) -> list[str]:
    """The keys of a section; where it has several kinds, those of the one that ``tag`` names, or the first."""
    kinds = [k for k in _members(_annotation(at)) if _is_options(k)]
    named = [k for k in kinds if "kind" in k.model_fields and k.model_fields["kind"].default in tag]
    return next((list(k.model_fields) for k in named or kinds), [])


def _members(kind: object) -> Iterator[Any]:
    """The types that a value may have: a union's, without what annotates them."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        yield from _members(inner[0])
    elif origin in {typing.Union, types.UnionType}:
        for one in inner:
            yield from _members(one)
    else:
        yield kind


def _is_options(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Options)


def _holds(kind: object, wanted: type) -> bool:
    return kind is wanted or any(_holds(k, wanted) for k in typing.get_args(kind))


def _choices(kind: object) -> list[Any]:
    return [
        value
        for k in _members(kind)
        if typing.get_origin(k) is Literal
        for value in typing.get_args(k)
    ]


def _wanted(kind: object) -> str:
    """What a value may be, in words."""
    words = [_word(k) for k in _members(kind) if k is not None]
    return " or ".join(dict.fromkeys(words)) or "something else"


def _word(kind: Any) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is types.NoneType:
        return "null"
    if origin is Literal:
        return ", ".join(str(value) for value in inner)
    if origin is tuple:
        number = "" if inner[-1] is ... else f"{len(inner)} × "
        return f"a list of {number}{_wanted(inner[0])}"
    if origin is dict or _is_options(kind):
        return "keys and values"
    return {**_WORDS, **_NUMBERS}.get(kind, "something else")


def _shown(node: yaml.Node | None, *, secret: bool) -> str:
    """A value as it stands in the file; a variable is not replaced, a secret is not shown."""
    if isinstance(node, yaml.ScalarNode):
        if secret:
            return "what is given"
        text = redact(redact_address(node.value))
        if not text and node.style is None:
            return "nothing"
        text = text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "…"
        return text if node.style is None else repr(text)
    return "a list" if isinstance(node, yaml.SequenceNode) else "keys and values"


def _hint(word: str, parent: Loc, keys: list[str]) -> str:
    """A half sentence on where a key that is not known here belongs, or what was probably meant.

    Words of other programs come before similar spelling: nothing of ``cameras`` looks like ``streams``.
    """
    word = word.replace("-", "_")
    meant = (word, *ours(word))
    for name in meant:
        if name in keys:
            return f"; did you mean {name}?"
    for name in meant:
        for section in keys:
            if name in _keys((*parent, section)):
                return f"; it stands under {section}: {{{name}: ...}}"
    if "class_names" in meant:
        return "; class names stand in the model's card, a .yaml beside the model, as class_names"
    if get_close_matches(word, keys, 1, 0.8):
        return _nearest(word, keys)
    for name in meant:
        for place in _places(Configuration, ""):
            if place.rpartition(".")[2] == name:
                return f"; it stands elsewhere: {place}"
    return _nearest(word, keys)


def _places(options: type[Options], prefix: str) -> Iterator[str]:
    """Every key of a configuration: ``models.NAME.conf``. Those of outer sections come first."""
    inner: list[tuple[type[Options], str]] = []
    for name, info in options.model_fields.items():
        yield prefix + name
        kind, place = info.annotation, f"{prefix}{name}."
        if typing.get_origin(kind) is dict:
            kind, place = typing.get_args(kind)[1], f"{place}NAME."
        inner += [(k, place) for k in _members(kind) if _is_options(k)]
    for kind, place in inner:
        yield from _places(kind, place)


def _nearest(word: str, known: list[str]) -> str:
    """A half sentence that names what was probably meant."""
    found = get_close_matches(word, known, 1, 0.6)
    if found:
        return f"; did you mean {found[0]}?"
    return f"; there are {', '.join(known)}" if known else ""


def _meaning(at: Loc) -> str:
    parent = next((k for k in _members(_annotation(at[:-1])) if _is_options(k)), None)
    info = parent.model_fields.get(str(at[-1])) if parent else None
    return f": {info.description}" if info and info.description else ""
