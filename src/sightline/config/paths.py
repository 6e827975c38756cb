"""Options that name files: what each is for stands in its type, and everything else follows from it.

Knows how options say that they are paths, and finds them; what may not be the same file is said in
``build.files.conflicts``.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from sightline.config.options import Loc

_LONGEST_NAME, _LONGEST_PATH = 255, 4095
"""Bytes of a file's name, and of its path, on Linux and most other systems."""


@dataclass(frozen=True)
class PathField:
    """Stands in the type of an option that names a file or a folder: what happens to the file.

    Which files an output writes, the table of sinks tells.
    """

    use: Literal["model", "source", "folder", "output", "reference"]


def possible_path(text: str) -> str:
    """The text, which may be a file's path, an address or a name.

    Raises ValueError: no file system has such a long name; asking it is an error, not a no.
    """
    # A byte of a name that is no UTF-8 is one character of the text.
    path = text.encode("utf-8", "replace")
    longest = max(len(part) for part in path.split(b"/"))
    if "://" not in text and (longest > _LONGEST_NAME or len(path) > _LONGEST_PATH):
        raise ValueError(
            f"{text[:40]}… is too long for a file: a name has {_LONGEST_NAME} bytes at most, a path "
            f"{_LONGEST_PATH}"
        )
    return text


def path_fields(options: type[BaseModel]) -> dict[str, PathField]:
    """The options of one set that name files, by name."""
    found: dict[str, PathField] = {}
    for name, field in options.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, PathField):
                found[name] = mark
    return found


def path_patterns(options: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """Where paths stand in a tree of options; ``*`` stands for a name or a number."""
    marked = path_fields(options)
    for name, field in options.model_fields.items():
        for more, kind in _inner(field.annotation):
            if name in marked:
                yield (name, *more)
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from ((name, *more, *rest) for rest in path_patterns(kind))


def paths_in(options: BaseModel, at: Loc = ()) -> Iterator[tuple[Loc, str, PathField]]:
    """Every path of a tree of options that is given: its place, its text and what it is for."""
    marked = path_fields(type(options))
    for name in type(options).model_fields:
        yield from _paths((*at, name), getattr(options, name), marked.get(name))


def _paths(at: Loc, value: object, mark: PathField | None) -> Iterator[tuple[Loc, str, PathField]]:
    if isinstance(value, BaseModel):
        yield from paths_in(value, at)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _paths((*at, key), item, mark)
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _paths((*at, number), item, mark)
    elif mark is not None and value is not None:
        yield at, str(value), mark


def _inner(annotation: object) -> Iterator[tuple[tuple[str, ...], object]]:
    """The types inside of a type, each with the stars that lead to it."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        yield from _inner(inner[0])
    elif origin is dict:
        yield from ((("*", *more), kind) for more, kind in _inner(inner[1]))
    elif origin is tuple and inner[1:] == (...,):
        yield from ((("*", *more), kind) for more, kind in _inner(inner[0]))
    elif origin in {typing.Union, types.UnionType}:
        for kind in inner:
            if kind is not type(None):
                yield from _inner(kind)
    else:
        yield (), annotation
