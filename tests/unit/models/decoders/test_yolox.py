"""YOLOX with and without its grid decoded."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.models.decoders.encoded import CANVAS, FIRST, batch, check, decoder, yolox

from sightline.errors import ModelError
from sightline.models.decoders.grid import cells
from sightline.models.decoders.yolox import YoloV6, YoloX, YoloXDecoded
from sightline.protocols import Decoder
from sightline.types import Fit, TensorSpec


def test_yolox_says_when_its_cells_do_not_fit() -> None:
    with pytest.raises(ModelError, match="7 cells for an input of 160×96"):
        decoder("yolox").decode([np.zeros((1, 7, 8), np.float32)], CANVAS, 0.5)


@pytest.mark.filterwarnings("error")
def test_a_yolox_box_too_large_for_a_number_is_infinite() -> None:
    outputs = batch(yolox, FIRST)
    outputs[0][0, 3, 2:4] = 100  # e**100 is more than float32 holds
    (found,) = decoder("yolox").decode(outputs, CANVAS, 0.25)
    assert np.isposinf(found.boxes[0, 2:]).all()
    check(found[1:], FIRST[1:])


def test_yolox_that_decoded_its_own_grid() -> None:
    rows = np.zeros((1, cells((64, 64), (8, 16, 32)), 7), np.float32)
    rows[0, 5] = 32, 24, 16, 8, 0.9, 0.1, 0.8
    (found,) = YoloXDecoded().decode([rows], (64, 64), 0.5)
    assert found.boxes.tolist() == [[24, 20, 40, 28]]
    assert found.class_ids.tolist() == [1]
    assert found.scores[0] == pytest.approx(0.72)


OUTPUT = (1, cells(CANVAS, (8, 16, 32)), 8)


@pytest.mark.parametrize(
    ("family", "name", "certainty"),
    [
        pytest.param(YoloX(), "output", "sure", id="YOLOX"),
        pytest.param(YoloXDecoded(), "output", "card", id="a decoded grid has the same shape"),
        pytest.param(YoloV6(), "outputs", "sure", id="YOLOv6 by its name"),
        pytest.param(YoloV6(), "output", "card", id="YOLOv6 under YOLOX's name"),
    ],
)
def test_the_three_families_of_one_shape(family: Decoder, name: str, certainty: str) -> None:
    fit = family.fit([TensorSpec(name, OUTPUT)], CANVAS)
    assert fit == Fit((0,), 3, certainty=certainty)
    assert family.fit([TensorSpec(name, (1, OUTPUT[1] - 1, 8))], CANVAS) is None
    assert family.fit([TensorSpec(name, (1, OUTPUT[1], 5))], CANVAS) is None  # no class


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        pytest.param(2, 40.0, "yolox-decoded", id="boxes beyond every picture"),
        pytest.param(5, -2.0, "nanodet", id="scores below zero"),
    ],
)
def test_numbers_of_another_family_are_said_once(
    column: int, value: float, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows = np.zeros(OUTPUT, np.float32)
    rows[0, 4, 4:] = 0.9
    rows[0, 4, column] = rows[0, 4, column + (column == 2)] = value
    family = YoloX()
    for _ in range(2):
        family.decode([rows], CANVAS, 0.5)
    (message,) = [r.getMessage() for r in caplog.records]
    assert said in message
