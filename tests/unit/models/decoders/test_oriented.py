"""Turned boxes."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.models.decoders.encoded import CANVAS, COUNT

from sightline.models.decoders.oriented import EndToEndObb, YoloV8Obb
from sightline.protocols import Decoder
from sightline.types import Fit, TensorSpec

CARD = Fit((0,), certainty="card", task="obb")


@pytest.mark.parametrize(
    ("family", "shapes", "fit"),
    [
        pytest.param(
            YoloV8Obb(),
            [(1, 4 + 15 + 1, COUNT)],
            Fit((0,), 15, certainty="card", task="obb"),
            id="the angle is no class",
        ),
        pytest.param(YoloV8Obb(), [(1, 5, COUNT)], None, id="an angle and no class"),
        pytest.param(YoloV8Obb(), [(1, 20, COUNT - 1)], None, id="a cell too few"),
        pytest.param(YoloV8Obb(), [], Fit((), task="obb"), id="unknown outputs"),
        pytest.param(EndToEndObb(), [(1, 300, 7)], CARD, id="after NMS"),
        pytest.param(EndToEndObb(), [(1, 300, None)], CARD, id="after NMS, open columns"),
        pytest.param(EndToEndObb(), [(1, 300, 6)], None, id="after NMS without an angle"),
        pytest.param(EndToEndObb(), [(300, 7)], None, id="after NMS, no batch"),
        pytest.param(EndToEndObb(), [], Fit((), task="obb"), id="after NMS, unknown outputs"),
    ],
)
def test_shapes_that_fit(
    family: Decoder, shapes: list[tuple[int | None, ...]], fit: Fit | None
) -> None:
    specs = [TensorSpec(f"output{i}", shape) for i, shape in enumerate(shapes)]
    assert family.fit(specs, CANVAS) == fit


def test_candidates_by_centre_size_and_angle() -> None:
    columns = np.zeros((2, 4 + 2 + 1, COUNT), np.float32)
    columns[0, :, 9] = 34, 48, 52, 64, 0.25, 0.75, -0.5
    found, nothing = YoloV8Obb().decode([columns], CANVAS, 0.5)
    assert found.boxes.tolist() == [[8, 16, 60, 80]]
    assert found.angles is not None
    assert (found.angles.tolist(), found.class_ids.tolist()) == ([-0.5], [1])
    assert len(nothing) == 0


def test_objects_by_centre_size_and_angle() -> None:
    rows = np.zeros((1, 5, 7), np.float32)
    rows[0, 2] = 34, 48, 52, 64, 0.75, 3, 1.25
    (found,) = EndToEndObb().decode([rows], CANVAS, 0.5)
    assert found.boxes.tolist() == [[8, 16, 60, 80]]
    assert found.angles is not None
    assert (found.angles.tolist(), found.class_ids.tolist()) == ([1.25], [3])
