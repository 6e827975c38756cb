"""Configurations read from text, and what is said of wrong ones."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic import BaseModel

from sightline.config import Configuration
from sightline.config import file as config_file
from sightline.config.schema import schema
from sightline.errors import ConfigError

MODELS = "models: {m: {model: street}}\n"


FILE = Path("/etc/sightline/site.yaml")


SCHEMA = schema()


def read(text: str, **environment: str) -> Configuration:
    return config_file.parse(dedent(text), FILE, environment).configuration


def complaints(text: str, **environment: str) -> list[str]:
    """What is wrong, each as ``line:column: key: message``."""
    with pytest.raises(ConfigError) as caught:
        read(text, **environment)
    lines = str(caught.value).splitlines()
    head = f"{FILE}:"
    assert all(line.startswith(head) for line in lines if "mistakes" not in line), lines
    return [line.removeprefix(head) for line in lines if line.startswith(head)]


def fields(kind: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every field of a class of options, however deep: ``streams/*/source``, and its type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            yield f"{at}{name}", info
            yield from fields(info.annotation, f"{at}{name}/")
    star = typing.get_origin(kind) in {dict, tuple}
    for inner in typing.get_args(kind):
        yield from fields(inner, f"{at}*/" if star else at)
