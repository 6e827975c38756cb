"""Masks as sums of prototypes."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.models.decoders.encoded import CANVAS, COUNT

from sightline.models.decoders.prototypes import EndToEndSegment, YoloV5Segment, YoloV8Segment
from sightline.protocols import Decoder
from sightline.types import Fit, TensorSpec

QUARTER = (1, 32, 24, 40)
V8 = (1, 4 + 80 + 32, COUNT)


@pytest.mark.parametrize(
    ("family", "shapes", "fit"),
    [
        pytest.param(YoloV8Segment(), [V8, QUARTER], Fit((0, 1), 80, task="segment"), id="YOLOv8"),
        pytest.param(
            YoloV8Segment(), [QUARTER, V8], Fit((1, 0), 80, task="segment"), id="prototypes first"
        ),
        pytest.param(
            YoloV8Segment(),
            [V8, (1, 32, None, None)],
            Fit((0, 1), 80, task="segment"),
            id="prototypes of open size",
        ),
        pytest.param(
            YoloV8Segment(),
            [V8, (1, 32, 48, 80)],
            Fit((0, 1), 80, task="segment"),
            id="prototypes at half the size",
        ),
        pytest.param(YoloV8Segment(), [V8, (1, 32, 25, 40)], None, id="of another size"),
        pytest.param(YoloV8Segment(), [V8, (1, None, 24, 40)], None, id="of an open number"),
        pytest.param(YoloV8Segment(), [(1, 36, COUNT), QUARTER], None, id="no class is left"),
        pytest.param(YoloV8Segment(), [(1, 32, COUNT), QUARTER], None, id="not even a box"),
        pytest.param(YoloV8Segment(), [V8], None, id="no prototypes"),
        pytest.param(YoloV8Segment(), [V8, V8, QUARTER], None, id="two lists"),
        pytest.param(YoloV8Segment(), [], Fit((), task="segment"), id="unknown outputs"),
        pytest.param(
            YoloV5Segment(),
            [(1, 3 * COUNT, 5 + 80 + 32), QUARTER],
            Fit((0, 1), 80, task="segment"),
            id="YOLOv5",
        ),
        pytest.param(
            EndToEndSegment(),
            [(1, 300, 6 + 32), QUARTER],
            Fit((0, 1), task="segment"),
            id="after NMS",
        ),
    ],
)
def test_shapes_that_fit(
    family: Decoder, shapes: list[tuple[int | None, ...]], fit: Fit | None
) -> None:
    specs = [TensorSpec(f"output{i}", shape) for i, shape in enumerate(shapes)]
    assert family.fit(specs, CANVAS) == fit


COEFFICIENTS = [2.0, -1.0]


def column() -> np.ndarray:
    out = np.zeros((1, 4 + 3 + 2, COUNT), np.float32)
    out[0, :, 7] = 40, 40, 64, 64, 0, 0.25, 0.75, *COEFFICIENTS
    return out


def row() -> np.ndarray:
    out = np.zeros((1, 3 * COUNT, 5 + 3 + 2), np.float32)
    out[0, 7] = 40, 40, 64, 64, 1.0, 0, 0.25, 0.75, *COEFFICIENTS
    return out


def after_nms() -> np.ndarray:
    out = np.zeros((1, 300, 6 + 2), np.float32)
    out[0, 7] = 8, 8, 72, 72, 0.75, 2, *COEFFICIENTS
    return out


CASES = [(YoloV8Segment(), column()), (YoloV5Segment(), row()), (EndToEndSegment(), after_nms())]
each = pytest.mark.parametrize(("family", "candidates"), CASES, ids=["YOLOv8", "YOLOv5", "NMS"])


@each
def test_a_mask_is_the_sum_of_prototypes_within_its_box(
    family: Decoder, candidates: np.ndarray
) -> None:
    prototypes = np.zeros((1, 2, 24, 40), np.float32)
    prototypes[0, 0, :, :] = 1.0
    prototypes[0, 1, :, 10:] = 5.0  # from pixel 40 on its weight, below 0, wins
    (found,) = family.decode([candidates, prototypes], CANVAS, 0.5)
    assert found.boxes.tolist() == [[8, 8, 72, 72]]
    assert (found.class_ids.tolist(), found.scores.tolist()) == ([2], [0.75])
    assert found.masks is not None
    rows, columns = np.nonzero(found.masks[0])
    assert (rows.min(), rows.max(), columns.min()) == (8, 71, 8)
    assert columns.max() == pytest.approx(38, abs=2)


@each
def test_a_picture_of_nothing_has_no_masks(family: Decoder, candidates: np.ndarray) -> None:
    (found,) = family.decode([candidates, np.zeros((1, 2, 24, 40), np.float32)], CANVAS, 0.8)
    assert len(found) == 0
