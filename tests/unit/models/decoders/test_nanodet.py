"""Boxes as distributions over the distance to each side."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.models.decoders.nanodet import (
    NanoDet,
    NanoDetEleven,
    NanoDetHeads,
    PicoDetHeads,
    cells,
)
from sightline.protocols import Decoder
from sightline.types import Fit, TensorSpec

CANVAS = (100, 60)  # no multiple of the strides: grids are rounded up
LEVELS = {8: 13 * 8, 16: 7 * 4, 32: 4 * 2, 64: 2 * 1}
PLUS, THREE = sum(LEVELS.values()), sum(LEVELS.values()) - LEVELS[64]


@pytest.mark.parametrize(
    ("family", "shape", "fit"),
    [
        pytest.param(NanoDet(), (1, PLUS, 80 + 32), Fit((0,), 80), id="four levels"),
        pytest.param(
            NanoDet(), (1, THREE, 80 + 32), Fit((0,), 80, certainty="ask"), id="three levels"
        ),
        pytest.param(
            NanoDetEleven(), (1, PLUS, 80 + 44), Fit((0,), 80, certainty="ask"), id="eleven bins"
        ),
        pytest.param(NanoDet(), (1, PLUS - 1, 112), None, id="a cell too few"),
        pytest.param(NanoDet(), (1, PLUS, 32), None, id="no class"),
        pytest.param(NanoDet(), (1, PLUS, None), None, id="open columns"),
        pytest.param(NanoDet(), (PLUS, 112), None, id="no batch"),
    ],
)
def test_shapes_of_one_output(
    family: Decoder, shape: tuple[int | None, ...], fit: Fit | None
) -> None:
    assert family.fit([TensorSpec("output", shape)], CANVAS) == fit


def heads(
    scores: int | None, logits: int, names: tuple[str, str] = ("a", "b"), *, swapped: bool = False
) -> list[TensorSpec]:
    """Scores and logits of three levels, the largest stride first."""
    outputs = []
    for stride in (32, 16, 8):
        pair = [
            TensorSpec(f"{names[0]}{stride}", (1, LEVELS[stride], scores)),
            TensorSpec(f"{names[1]}{stride}", (1, LEVELS[stride], logits)),
        ]
        outputs += pair[::-1] if swapped else pair
    return outputs


IN_ORDER = (4, 5, 2, 3, 0, 1)
SWAPPED = (5, 4, 3, 2, 1, 0)


@pytest.mark.parametrize(
    ("outputs", "fit"),
    [
        pytest.param(heads(80, 32), Fit(IN_ORDER, 80), id="scores first"),
        pytest.param(heads(80, 32, swapped=True), Fit(SWAPPED, 80), id="logits first"),
        pytest.param(heads(32, 32), Fit(IN_ORDER, 32), id="as many classes: scores come first"),
        pytest.param(
            heads(32, 32, ("cls", "dis"), swapped=True), Fit(SWAPPED, 32), id="or names tell"
        ),
        pytest.param(heads(80, 36), None, id="no usual number of bins"),
        pytest.param(heads(None, 32), None, id="open columns"),
        pytest.param(heads(80, 32)[:-1], None, id="an output is missing"),
        pytest.param([*heads(80, 32), TensorSpec("x", (1, 3, 3))], None, id="an output too many"),
        pytest.param([*heads(80, 32)[:4], *heads(81, 32)[4:]], None, id="other classes in a level"),
    ],
)
def test_shapes_of_heads(outputs: list[TensorSpec], fit: Fit | None) -> None:
    assert NanoDetHeads().fit(outputs, CANVAS) == fit


def test_picodet_has_a_fourth_level() -> None:
    outputs = [TensorSpec("s64", (1, 2, 80)), TensorSpec("d64", (1, 2, 32)), *heads(80, 32)]
    assert PicoDetHeads().fit(outputs, CANVAS) == Fit((6, 7, 4, 5, 2, 3, 0, 1), 80)
    assert PicoDetHeads().fit(heads(80, 32), CANVAS) is None


def test_cells_begin_in_their_corner_or_middle() -> None:
    assert cells((64, 32), (16, 32))[[0, 1, 4, 8, 9]].tolist() == [
        [0, 0, 16], [16, 0, 16], [0, 16, 16], [0, 0, 32], [32, 0, 32],
    ]  # fmt: skip
    assert cells((64, 32), (32,), 0.5).tolist() == [[16, 16, 32], [48, 16, 32]]


def sides(*bins: float, count: int = 8) -> list[float]:
    """Logits that are sure of a bin for each side, or torn between the two beside it."""
    logits = np.full((4, count), -50.0)
    for side, at in zip(logits, bins, strict=True):
        side[int(np.floor(at))] = side[int(np.ceil(at))] = 50
    return logits.ravel().tolist()


@pytest.mark.parametrize(
    ("count", "shift"),
    [pytest.param(PLUS, 0, id="four levels"), pytest.param(THREE, 4, id="three: from the middle")],
)
def test_distances_are_measured_in_strides(count: int, shift: int) -> None:
    rows = np.full((1, count, 2 + 32), -9.0, np.float32)
    rows[0, 13 * 2 + 5] = 0.1, 0.8, *sides(1, 1.5, 2, 3)  # cell (5, 2) of stride 8
    (found,) = NanoDet().decode([rows], CANVAS, 0.5)
    expected = [40 - 8, 16 - 12, 40 + 16, 16 + 24]
    assert found.boxes == pytest.approx(np.array([expected]) + shift)
    assert (found.class_ids.tolist(), found.scores.tolist()) == ([1], [pytest.approx(0.8)])


def test_heads_are_joined_by_level() -> None:
    outputs = []
    for stride in (8, 16, 32):
        outputs += [np.zeros((1, LEVELS[stride], 3)), np.zeros((1, LEVELS[stride], 32))]
    outputs[2][0, 8, 2] = 0.9  # cell (1, 1) of stride 16, whose middle is at 24
    outputs[3][0, 8] = sides(1, 1, 1, 1)
    (found,) = NanoDetHeads().decode([o.astype(np.float32) for o in outputs], CANVAS, 0.5)
    assert found.boxes == pytest.approx(np.array([[8, 8, 40, 40]]))
    assert found.class_ids.tolist() == [2]
