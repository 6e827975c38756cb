"""YOLOv8's head by columns and by rows."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.models.decoders.encoded import CANVAS, COUNT

from sightline.models.decoders.yolov8 import YoloV8, YoloV8Rows, likely_columns
from sightline.protocols import Decoder
from sightline.types import Fit, TensorSpec

TINY = 10 * 6 + 5 * 3


@pytest.mark.parametrize(
    ("family", "shapes", "fit"),
    [
        pytest.param(YoloV8(), [(1, 84, COUNT)], Fit((0,), 80), id="columns"),
        pytest.param(YoloV8(), [(1, 84, TINY)], Fit((0,), 80), id="two levels"),
        pytest.param(
            YoloV8(), [(1, 56, COUNT)], Fit((0,), 52, certainty="ask"), id="poses look like it"
        ),
        pytest.param(
            YoloV8(), [(1, 144, 12, 20), (1, 84, COUNT)], Fit((1,), 80), id="behind a raw head"
        ),
        pytest.param(YoloV8(), [(1, 4, COUNT)], None, id="no class"),
        pytest.param(YoloV8(), [(1, None, COUNT)], None, id="open rows"),
        pytest.param(YoloV8(), [(1, 84, COUNT + 1)], None, id="a cell too many"),
        pytest.param(YoloV8(), [(84, COUNT)], None, id="no batch"),
        pytest.param(YoloV8Rows(), [(1, COUNT, 84)], Fit((0,), 80), id="rows"),
        pytest.param(YoloV8Rows(), [(1, TINY, 84)], None, id="rows of two levels may be a list"),
        pytest.param(YoloV8Rows(), [(1, 84, COUNT)], None, id="columns are no rows"),
        pytest.param(YoloV8Rows(), [(COUNT, 84)], None, id="rows without a batch"),
    ],
)
def test_shapes_that_fit(
    family: Decoder, shapes: list[tuple[int | None, ...]], fit: Fit | None
) -> None:
    specs = [TensorSpec(f"output{i}", shape) for i, shape in enumerate(shapes)]
    assert family.fit(specs, CANVAS) == fit


@pytest.mark.parametrize("by_row", [False, True])
def test_boxes_by_centre_and_size(by_row: bool) -> None:
    columns = np.zeros((2, 7, COUNT), np.float32)
    columns[0, :, 9] = 34, 48, 52, 64, 0.1, 0.75, 0.2
    outputs = [columns.transpose(0, 2, 1) if by_row else columns]
    family: Decoder = YoloV8Rows() if by_row else YoloV8()
    found, nothing = family.decode(outputs, CANVAS, 0.5)
    assert found.boxes.tolist() == [[8, 16, 60, 80]]
    assert (found.class_ids.tolist(), found.scores.tolist()) == ([1], [0.75])
    assert len(nothing) == 0


@pytest.mark.parametrize(
    ("conf", "index", "scores", "classes"),
    [
        pytest.param(0.5, [1, 3], [0.75, 0.625], [2, 0], id="the best class of each column"),
        pytest.param(0.625, [1], [0.75], [2], id="as much as the threshold is not above it"),
        pytest.param(0.75, [], [], [], id="nothing"),
    ],
)
def test_likely_columns(
    conf: float, index: list[int], scores: list[float], classes: list[int]
) -> None:
    table = np.array([[0, 0.5, 0.5, 0.625], [0, 0, 0, 0.125], [0, 0.75, 0, 0]], np.float32)
    found = likely_columns(table, conf)
    assert [array.tolist() for array in found] == [index, scores, classes]
