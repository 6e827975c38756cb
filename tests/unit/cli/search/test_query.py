"""What a search is asked for, and what is told where nothing was found."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cli.command_runner import run_command

from sightline.cli.main import app
from sightline.cli.search.query import _box, _unknown
from sightline.errors import ConfigError
from sightline.runtime.search.stored import Narrowing


@pytest.mark.parametrize(
    ("text", "box"),
    [(None, None), ("1,2,3,4", (1, 2, 3, 4)), ("1.5, -2, 3e1, 4", (1.5, -2, 30, 4))],
)
def test_boxes(text: str | None, box: Any) -> None:
    assert _box(text) == box


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1;2;3;4", "1,2,3,"])
def test_what_is_no_box(text: str) -> None:
    with pytest.raises(ConfigError, match="--box: it is x1,y1,x2,y2 in pixels, not"):
        _box(text)


@pytest.mark.parametrize(
    ("narrowing", "told"),
    [
        (Narrowing(), ""),
        (Narrowing(("car",), ("gate",)), ""),
        (Narrowing(("carr",)), "nothing of the class 'carr' is indexed; did you mean car?"),
        (
            Narrowing(("car", "zebra")),
            "nothing of the class 'zebra' is indexed; there are car, bus",
        ),
        (Narrowing((), ("gaet",)), "nothing of the stream 'gaet' is indexed; did you mean gate?"),
    ],
)
def test_a_name_that_is_not_indexed(narrowing: Narrowing, told: str) -> None:
    assert _unknown(narrowing, ("car", "bus"), ("gate", "yard")) == told


def test_many_names_are_shortened_and_none_is_said() -> None:
    many = [f"class-{number}" for number in range(100)]
    told = _unknown(Narrowing(("zebra",)), many, ())
    assert told.endswith(", ...")
    assert len(told) < 400
    assert _unknown(Narrowing(("zebra",)), (), ()).endswith("there are none")


@pytest.mark.parametrize("arguments", [[], ["car.jpg", "--track", "gate:17"]])
def test_a_picture_or_a_track(arguments: list[str]) -> None:
    found = run_command(app, "search", "query", *arguments, "--db", "nowhere.db")
    assert str(found.exception) == "give a picture, or --track STREAM:ID"
