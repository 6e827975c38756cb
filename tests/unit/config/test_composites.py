"""Tiles and ensembles."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.config.read_text import complaints, read
from tests.unit.config.refused import refusal

from sightline.config import EnsembleModelOptions, TileOptions
from sightline.config.composites import named_members
from sightline.config.options import checked

ENSEMBLE = """
    models:
      large: {model: yolo11x, conf: 0.4, warm_up: false}
      both: {kind: ensemble, of: [large, {model: yolo11n, weight: 2}]}
"""


def test_a_member_that_is_named_has_the_options_of_the_entry() -> None:
    both = read(ENSEMBLE).models["both"]
    assert isinstance(both, EnsembleModelOptions)
    first, second = both.of
    assert (first.model, first.conf, first.weight) == ("yolo11x", 0.4, 1.0)
    assert (second.model, second.conf, second.weight) == ("yolo11n", None, 2.0)
    assert both.files == both.of


def test_the_files_of_an_ensemble_are_changed_one_by_one() -> None:
    both = checked(EnsembleModelOptions, kind="ensemble", of=["a", {"model": "b", "weight": 2}])
    changed = both.with_files(lambda given: {"model": given["model"].upper()})
    assert [(m.model, m.weight) for m in changed.of] == [("A", 1.0), ("B", 2.0)]
    assert [m.model for m in both.of] == ["a", "b"]


@pytest.mark.parametrize(
    ("models", "members"),
    [
        pytest.param(
            {"a": {"model": "x", "conf": 0.1}, "e": {"kind": "ensemble", "of": ["a", "b"]}},
            [{"model": "x", "conf": 0.1}, {"model": "b"}],
            id="an entry, and a file",
        ),
        pytest.param(
            {"a": {"model": "x", "fallback": []}, "e": {"of": ["a", {"model": "y"}]}},
            [{"model": "x"}, {"model": "y"}],
            id="without what only served models have",
        ),
        pytest.param(
            {"t": {"kind": "tiles", "model": "x"}, "e": {"of": ["t", 3]}},
            [{"model": "t"}, 3],
            id="tiles are no file; what is wrong stays for the validator",
        ),
    ],
)
def test_members_by_name(models: dict[str, Any], members: list[object]) -> None:
    assert named_members(models)["e"]["of"] == members


@pytest.mark.parametrize("models", [None, [], "street", {"m": "street"}, {"m": {"of": "a"}}])
def test_what_is_no_ensemble_is_left_as_it_is(models: object) -> None:
    assert named_members(models) == models


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"of": ["a"]}, "of: it must have at least 2 items"),
        ({"of": ["a", "b"], "votes": 3}, "votes: 3: there are 2 models"),
        ({"of": ["a", "b"], "votes": 0}, "votes: it must be 1 or more, not 0"),
        ({"of": ["a", {"model": "b", "weight": 0}]}, "of.1.weight: it must be more than 0, not 0"),
    ],
)
def test_ensembles_that_cannot_be(values: dict[str, object], message: str) -> None:
    assert refusal(EnsembleModelOptions, kind="ensemble", **values).startswith(message)


@pytest.mark.parametrize("tile", [15, "16x15", [640, 8]])
def test_tiles_have_pixels(tile: object) -> None:
    said = refusal(TileOptions, tile=tile)
    assert said == "tile: a tile has 16 pixels or more on each side"


def test_the_kind_of_an_entry_is_told_where_it_is_wrong() -> None:
    (line,) = complaints("models: {m: {kind: tile, model: a}}")
    assert line.endswith("m.kind: cannot be tile; did you mean tiles?")
