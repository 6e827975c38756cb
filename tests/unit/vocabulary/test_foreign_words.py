"""The table of other programs' words leads to options and commands that there are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.main import get_command

from sightline.cli.main import app
from sightline.config import Configuration
from sightline.config.mistakes import _places
from sightline.models.model_card import ModelCard
from sightline.vocabulary.foreign_words import COMMANDS, OPTIONS, named_here, ours


def options() -> Iterator[str]:
    yield from (place.rpartition(".")[2] for place in _places(Configuration, ""))
    yield from ModelCard.model_fields
    for command in get_command(app).commands.values():  # type: ignore[attr-defined]
        yield from (param.name for param in command.params)


def test_every_word_of_ours_is_an_option() -> None:
    known = set(options()) | {"stream", "image"}  # `image` is Python's own
    assert {name for names in OPTIONS.values() for name in names} <= known


def test_words_are_written_as_they_are_looked_up() -> None:
    for word in OPTIONS:
        assert word == word.lower().replace("-", "_")
        assert ours(f"--{word.replace('_', '-').upper()}") == OPTIONS[word]


def test_every_command_of_ours_is_one() -> None:
    root = get_command(app)
    for theirs, mine in COMMANDS.items():
        assert theirs not in root.commands  # type: ignore[attr-defined]
        command = root
        for word in mine.split() if not mine.startswith("-") else ():
            command = command.commands[word]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("word", "known", "name"),
    [
        ("imgsz", {"size", "conf"}, "size"),
        ("path", {"model", "conf"}, "model"),
        ("path", {"source", "model"}, "source"),
        ("imgsz", {"conf"}, None),
        ("nothing", {"conf"}, None),
    ],
)
def test_the_place_decides_what_is_meant(word: str, known: set[str], name: str | None) -> None:
    assert named_here(word, known) == name
