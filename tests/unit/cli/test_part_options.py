"""Flags of the parts in the tables, and the options that they mean."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from sightline.cli.part_options import (
    OUTPUT_FLAGS,
    STAGE_FLAGS,
    TILE_FLAGS,
    TRACKER_FLAGS,
    further_stages,
    output_options,
    set_flags,
    tile_options,
    tracker_options,
)
from sightline.config import OutputOptions
from sightline.errors import ConfigError
from sightline.tables import SINKS, TRACKERS

EVERY = {**OUTPUT_FLAGS, **TRACKER_FLAGS, **TILE_FLAGS, **STAGE_FLAGS}


def given(**values: Any) -> dict[str, Any]:
    """The flags of a command line, of which these were given."""
    return {name: flag.default for name, flag in EVERY.items()} | values


def test_each_part_of_the_tables_has_its_flags() -> None:
    assert set(SINKS) <= set(OUTPUT_FLAGS)
    for entry in SINKS.values():
        assert set(entry.options) <= set(OUTPUT_FLAGS)
    for tracker in TRACKERS.values():
        assert set(tracker.options) <= set(TRACKER_FLAGS)
    assert len(EVERY) == sum(map(len, (OUTPUT_FLAGS, TRACKER_FLAGS, TILE_FLAGS, STAGE_FLAGS)))


def test_a_command_gets_them_behind_its_own() -> None:
    def command(source: str, every: int = 1, **flags: Any) -> None: ...

    set_flags(command, tracked=False)
    names = list(inspect.signature(command).parameters)
    assert names[:2] == ["source", "every"]
    assert set(names[2:]) == {*TILE_FLAGS, *OUTPUT_FLAGS}


@pytest.mark.parametrize(
    ("flags", "lines"),
    [
        ({}, "-"),
        ({"json_lines": "a.jsonl"}, "a.jsonl"),
        ({"csv": "a.csv"}, None),
        ({"show": True}, None),
        ({"csv": "a.csv", "json_lines": "-"}, "-"),
    ],
)
def test_results_go_to_standard_output_where_nothing_else_is_wanted(
    flags: dict[str, Any], lines: str | None
) -> None:
    assert output_options(given(**flags)).json_lines == lines


def test_the_default_tracker_and_options_of_another() -> None:
    first = next(iter(TRACKERS))
    assert tracker_options(given()).kind == first
    found = tracker_options(given(tracker="ocsort", momentum=0.5, high_threshold=0.6))
    assert (found.kind, found.momentum, found.high_threshold) == ("ocsort", 0.5, 0.6)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"tracker": "bytetrak"}, "tracker"),
        ({"tracker": "bytetrack", "momentum": 0.5}, "momentum"),
        ({"high_threshold": 1.5}, "high_threshold: it must be 1 or less"),
    ],
)
def test_what_a_tracker_does_not_take(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tracker_options(given(**flags))


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ({}, None),
        ({"tiles": True}, {}),
        ({"smallest": 32}, {"smallest": 32}),
        ({"tiles": True, "overlap": 0.0}, {"overlap": 0.0}),
    ],
)
def test_tiles(flags: dict[str, Any], options: dict[str, Any] | None) -> None:
    assert tile_options(given(**flags)) == options


def test_further_models_in_their_order() -> None:
    outputs = OutputOptions(database="a.db")
    stages = further_stages(
        given(classify=["colours", "kinds:car,bus"], embed=["looks"], segment=["masks:person"]),
        outputs,
    )
    assert [(one.kind, one.model) for one in stages] == [
        ("classify", "colours"), ("classify", "kinds"), ("embed", "looks"), ("segment", "masks"),
    ]  # fmt: skip
    assert further_stages(given(), outputs) == ()


def test_vectors_need_a_database() -> None:
    with pytest.raises(ConfigError, match="--embed: its vectors are kept in a database: give --db"):
        further_stages(given(embed=["looks"]), OutputOptions())
