"""YOLOv5 and YOLOv7 with their grid decoded."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.models.decoders.encoded import CANVAS, COUNT

from sightline.models.decoders.yolov5 import YoloV5
from sightline.types import Fit, TensorSpec

ROWS = (1, 3 * COUNT, 85)
TINY = 3 * (10 * 6 + 5 * 3)


@pytest.mark.parametrize(
    ("shapes", "fit"),
    [
        pytest.param([ROWS], Fit((0,), 80), id="three levels"),
        pytest.param([(1, TINY, 85)], Fit((0,), 80), id="two levels"),
        pytest.param([(1, 3, 12, 20, 85), ROWS], Fit((1,), 80), id="behind a raw head"),
        pytest.param([(1, COUNT, 85)], None, id="one anchor for each cell"),
        pytest.param([(1, 3 * COUNT, 5)], None, id="no class"),
        pytest.param([(1, 3 * COUNT, None)], None, id="open columns"),
        pytest.param([(3 * COUNT, 85)], None, id="no batch"),
        pytest.param([ROWS, ROWS], None, id="two outputs"),
    ],
)
def test_shapes_that_fit(shapes: list[tuple[int | None, ...]], fit: Fit | None) -> None:
    specs = [TensorSpec(f"output{i}", shape) for i, shape in enumerate(shapes)]
    assert YoloV5().fit(specs, CANVAS) == fit


def test_boxes_by_centre_and_size() -> None:
    rows = np.zeros((2, 3 * COUNT, 8), np.float32)
    rows[0, 9] = 34, 48, 52, 64, 0.8, 0.1, 0.9, 0.2
    found, nothing = YoloV5().decode([rows], CANVAS, 0.5)
    assert found.boxes.tolist() == [[8, 16, 60, 80]]
    assert (found.class_ids.tolist(), found.scores.tolist()) == ([1], [pytest.approx(0.72)])
    assert len(nothing) == 0
