"""Rows of box, score and class id, after the model's own NMS."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.models.decoders.encoded import CANVAS

from sightline.models.decoders.end_to_end import EndToEnd
from sightline.types import Fit, TensorSpec


@pytest.mark.parametrize(
    ("shapes", "fit"),
    [
        pytest.param([(1, 300, 6)], Fit((0,)), id="a batch"),
        pytest.param([(None, None, 6)], Fit((0,)), id="an open batch"),
        pytest.param([(300, 6)], Fit((0,), flat=True, certainty="ask"), id="one picture"),
        pytest.param([(1, 300, None)], Fit((0,), certainty="card"), id="open columns"),
        pytest.param([(300, None)], None, id="open columns of one picture"),
        pytest.param([(1, 1, 300, 6)], None, id="four axes"),
        pytest.param([(1, 300, 7)], None, id="seven columns"),
        pytest.param([(1, 300, 6), (1, 300, 6)], None, id="two outputs"),
        pytest.param([()], None, id="an unknown shape"),
        pytest.param([], None, id="no output"),
    ],
)
def test_shapes_that_fit(shapes: list[tuple[int | None, ...]], fit: Fit | None) -> None:
    specs = [TensorSpec(f"output{i}", shape) for i, shape in enumerate(shapes)]
    assert EndToEnd().fit(specs, CANVAS) == fit


@pytest.mark.parametrize("flat", [False, True])
def test_rows_above_the_threshold(flat: bool) -> None:
    rows = np.zeros((3, 6), np.float32)
    rows[0] = 1, 2, 3, 4, 0.9, 2
    rows[1] = 5, 6, 7, 8, 0.5, 1
    (found,) = EndToEnd().decode([rows if flat else rows[None]], CANVAS, 0.5)
    assert found.boxes.tolist() == [[1, 2, 3, 4]]
    assert found.class_ids.tolist() == [2]
    assert found.scores.tolist() == pytest.approx([0.9])
