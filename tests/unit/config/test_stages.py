"""Further models of a stream, from Python, from YAML and from the command line."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest
from tests.unit.config.refused import refusal

from sightline.config import StreamOptions
from sightline.config.options import checked
from sightline.config.stages import (
    MOST_CORNERS,
    Classify,
    ClassifyOptions,
    Detect,
    Embed,
    EmbedOptions,
    Segment,
    stage_options,
)
from sightline.errors import ConfigError

TRIANGLE = ((0.0, 0.0), (1.0, 0.0), (0.5, 1.0))


@pytest.mark.parametrize(
    ("stage", "kind", "crops"),
    [
        (Classify("m", of=["car", 2], every=2), "classify", None),
        (Embed("m", of=["car", 2], every=2), "embed", None),
        (Segment("m", of=["car", 2], every=2), "segment", False),
        (Detect("m", of=["car", 2], every=2), "detect", True),
    ],
    ids=["classify", "embed", "segment", "detect"],
)
def test_stages_of_python(stage: Any, kind: str, crops: bool | None) -> None:
    assert (stage.kind, stage.model, stage.of, stage.every) == (kind, "m", ("car", "2"), 2)
    assert getattr(stage, "crops", None) is crops


def test_a_path_is_as_good_as_text() -> None:
    assert Classify(Path("models") / "colour.onnx").model == "models/colour.onnx"


@pytest.mark.parametrize("make", [Classify, Embed, Segment, Detect])
def test_an_option_that_is_nearly_right(make: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"min_sizes: there is no such option; did you mean min_size"
    ):
        make("m", min_sizes=3)


@pytest.mark.parametrize(
    ("text", "model", "of"),
    [
        ("colour.onnx", "colour.onnx", ()),
        ("colour.onnx:car", "colour.onnx", ("car",)),
        ("colour.onnx:car, bus", "colour.onnx", ("car", "bus")),
        ("a:b:car", "a:b", ("car",)),
    ],
)
def test_a_stage_in_a_word(text: str, model: str, of: tuple[str, ...]) -> None:
    for kind in (ClassifyOptions, EmbedOptions):
        made = stage_options(kind, text)
        assert (made.model, made.of) == (model, of)


def test_the_first_kind_need_not_be_named() -> None:
    made = checked(StreamOptions, source="a", stages=[{"model": "m"}, Segment("s")])
    assert [(stage.kind, stage.model) for stage in made.stages] == [
        ("classify", "m"),
        ("segment", "s"),
    ]


@pytest.mark.parametrize("kind", ["classify", "detect"])
@pytest.mark.parametrize("corners", [TRIANGLE, [list(corner) for corner in TRIANGLE]])
def test_corners_as_lists_and_tuples(kind: str, corners: object) -> None:
    stages = [{"kind": kind, "model": "m", "only_in": corners}]
    assert checked(StreamOptions, source="a", stages=stages).stages[0].only_in == TRIANGLE


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        ([[0, 0], [1, 0]], "only_in: it must have at least 3 items"),
        ([[0, 0], [1, 0], [1, 2]], "only_in.2.1: it must be 1 or less, not 2"),
        ([[0, 0], [1, 0], [1]], "only_in.2.1: it is missing"),
        ([[0, 0], [1, 0], 1], "only_in.2: it must be a list"),
    ],
)
def test_what_is_no_polygon(corners: object, message: str) -> None:
    assert refusal(ClassifyOptions, model="m", only_in=corners).startswith(message)


SQUARE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
CROSS = "cross: give the corners in the order"


@pytest.mark.parametrize(
    "corners",
    [
        pytest.param(SQUARE, id="square"),
        pytest.param(SQUARE[::-1], id="the other way round"),
        pytest.param([*SQUARE, SQUARE[0]], id="closed"),
        pytest.param([SQUARE[0], *SQUARE], id="a corner twice"),
        pytest.param([(0, 0), (1, 0), (1, 1), (0.5, 0.2), (0, 1)], id="dented"),
        pytest.param([(0, 0), (0.5, 0), (1, 0), (1, 1)], id="a corner on a side"),
    ],
)
def test_a_polygon_with_an_inside(corners: list[tuple[float, float]]) -> None:
    assert checked(ClassifyOptions, model="m", only_in=corners).only_in == tuple(corners)


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        pytest.param([(0, 0), (1, 1), (1, 0), (0, 1)], CROSS, id="hourglass"),
        pytest.param([(0, 0), (1, 0), (0.5, 0), (0.5, 1), (0, 1)], CROSS, id="there and back"),
        pytest.param([(0, 0), (1, 0), (0.5, 1), (0.5, 0), (0, 1)], CROSS, id="touches a side"),
        pytest.param([(0, 0), (0.5, 0.5), (1, 1)], "on one line", id="line"),
        pytest.param([(0, 0), (0, 0), (0, 0)], "on one line", id="point"),
        pytest.param([(0, 0), (1, 0), (1, 0), (0, 0)], "on one line", id="two points"),
    ],
)
def test_a_polygon_without(corners: list[tuple[float, float]], said: str) -> None:
    assert said in refusal(ClassifyOptions, model="m", only_in=corners)


def test_a_polygon_of_many_corners_takes_no_time() -> None:
    turns = [a / MOST_CORNERS * 2 * math.pi for a in range(MOST_CORNERS)]
    circle = [(0.5 + math.cos(a) / 2, 0.5 + math.sin(a) / 2) for a in turns]
    began = time.process_time()
    assert checked(ClassifyOptions, model="m", only_in=circle).only_in is not None
    assert time.process_time() - began < 5
    assert "1000" in refusal(ClassifyOptions, model="m", only_in=[*circle, (0.5, 0.5)])
