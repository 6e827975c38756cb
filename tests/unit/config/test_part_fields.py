"""Options of parts as fields of the configuration."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import create_model
from tests.unit.config.refused import refusal

from sightline.config.options import Options, checked
from sightline.config.part_fields import option_field
from sightline.config.paths import path_fields
from sightline.tables.entries import Option


def made(option: Option) -> type[Options]:
    fields: dict[str, Any] = {"it": option_field(option)}
    return create_model("Made", __base__=Options, **fields)


def test_a_number_with_limits() -> None:
    options = made(Option(float, "a share", default=0.5, least=0, most=1))
    assert checked(options).it == 0.5  # type: ignore[attr-defined]
    assert refusal(options, it=2) == "it: it must be 1 or less, not 2"
    assert refusal(options, it=None).startswith("it: it must be a number")


def test_what_has_no_default_may_be_none() -> None:
    options = made(Option(int, "frames", unset="as many as there are"))
    assert checked(options, it=None).it is None  # type: ignore[attr-defined]
    described = options.model_fields["it"].description
    assert described == "frames; none: as many as there are"


@pytest.mark.parametrize("word", ["a", "b"])
def test_choices(word: str) -> None:
    options = made(Option(str, "which", default="a", choices=("a", "b")))
    assert checked(options, it=word).it == word  # type: ignore[attr-defined]
    assert refusal(options, it="c") == "it: it must be 'a' or 'b', not 'c'"


def test_a_model_is_marked_as_a_path() -> None:
    marked = path_fields(made(Option(str, "an embedder", is_model=True)))
    assert [(name, mark.use) for name, mark in marked.items()] == [("it", "model")]
