"""Options that name files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import pytest
from tests.unit.config.read_text import fields
from tests.unit.config.refused import refusal

from sightline.config import Configuration, ModelOptions, StreamOptions
from sightline.config.options import Options
from sightline.config.paths import PathField, path_patterns, paths_in, possible_path


def test_the_table_knows_every_path() -> None:
    paths = {
        at for at, info in fields(Configuration) if re.search(r"\bPath\b", str(info.annotation))
    }
    known = {"/".join(pattern).removesuffix("/*") for pattern in path_patterns(Configuration)}
    assert paths <= known
    assert {"streams/*/source", "streams/*/outputs/csv", "models/*/model"} <= known
    assert known <= dict(fields(Configuration)).keys()


class Part(Options):
    file: Annotated[Path, PathField("output")]
    other: str = "x"


class Whole(Options):
    model: Annotated[str, PathField("model")]
    folders: Annotated[tuple[Path, ...], PathField("folder")] = ()
    parts: tuple[Part, ...] = ()
    named: dict[str, Part] = {}  # noqa: RUF012 - pydantic copies it
    one: Part | None = None
    none: Annotated[Path | None, PathField("reference")] = None


def test_paths_are_found_in_sections_lists_and_unions() -> None:
    whole = Whole(
        model="m.onnx",
        folders=(Path("a"), Path("b")),
        parts=(Part(file=Path("c")),),
        named={"n": Part(file=Path("d"))},
        one=Part(file=Path("e")),
    )
    assert [(at, path, mark.use) for at, path, mark in paths_in(whole)] == [
        (("model",), "m.onnx", "model"),
        (("folders", 0), "a", "folder"),
        (("folders", 1), "b", "folder"),
        (("parts", 0, "file"), "c", "output"),
        (("named", "n", "file"), "d", "output"),
        (("one", "file"), "e", "output"),
    ]


def test_places_where_paths_may_stand() -> None:
    assert set(path_patterns(Whole)) == {
        ("model",),
        ("folders", "*"),
        ("parts", "*", "file"),
        ("named", "*", "file"),
        ("one", "file"),
        ("none",),
    }


@pytest.mark.parametrize(
    "text", ["m.onnx", "", "a/" * 2000, "x" * 255, "http://h/" + "x" * 3000, "ä" * 127]
)
def test_what_can_be_a_path(text: str) -> None:
    assert possible_path(text) == text


@pytest.mark.parametrize("text", ["x" * 256, "a/" + "x" * 256 + "/b", "a/" * 2048, "ä" * 128])
def test_what_no_file_system_takes(text: str) -> None:
    with pytest.raises(ValueError, match="too long for a file: a name has 255 bytes") as caught:
        possible_path(text)
    assert len(str(caught.value)) < 200
    for options, field in ((ModelOptions, "model"), (StreamOptions, "source")):
        assert refusal(options, **{field: text}).startswith(f"{field}: ")


def test_bytes_of_a_name_that_is_no_utf_8_count_once() -> None:
    name = os.fsdecode(b"\xff" * 250)
    assert possible_path(name) == name
    with pytest.raises(ValueError, match="too long for a file"):
        possible_path(os.fsdecode(b"\xff" * 256))
