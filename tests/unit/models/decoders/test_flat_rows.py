"""Rows of the objects of all pictures of a batch, one after another."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.models.decoders.encoded import CANVAS

from sightline.models.decoders.flat_rows import (
    Paddle,
    Ssd,
    YoloNasFlat,
    Yolov7EndToEnd,
    by_picture,
)
from sightline.protocols import Decoder
from sightline.types import Fit, TensorSpec


def spec(name: str, shape: tuple[int | None, ...], dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name, shape, dtype)


FLAT = Fit((0,), flat=True)


@pytest.mark.parametrize(
    ("family", "outputs", "fit"),
    [
        pytest.param(Yolov7EndToEnd(), [spec("output", (None, 7))], FLAT, id="YOLOv7"),
        pytest.param(Yolov7EndToEnd(), [spec("output", (None, 6))], None, id="six columns"),
        pytest.param(Yolov7EndToEnd(), [spec("output", (1, 9, 7))], None, id="three axes"),
        pytest.param(YoloNasFlat(), [spec("graph2_flat_predictions", (9, 7))], FLAT, id="YOLO-NAS"),
        pytest.param(
            YoloNasFlat(),
            [spec("output", (9, 7))],
            Fit((0,), flat=True, certainty="card"),
            id="YOLO-NAS without its name",
        ),
        pytest.param(Ssd(), [spec("out", (1, 1, 200, 7))], FLAT, id="SSD"),
        pytest.param(
            Ssd(),
            [spec("x", (1, 3)), spec("y", (1, 1, 9, 7))],
            Fit((1,), flat=True),
            id="SSD, second",
        ),
        pytest.param(Ssd(), [spec("out", (1, 2, 200, 7))], None, id="SSD of two planes"),
        pytest.param(Ssd(), [spec("out", (1, 1, 200, 6))], None, id="SSD of six columns"),
        pytest.param(
            Paddle(),
            [spec("rows", (9, 6)), spec("count", (1,), "int32")],
            Fit((0, 1), flat=True),
            id="Paddle",
        ),
        pytest.param(
            Paddle(),
            [spec("count", (1,), "int32"), spec("rows", (9, 7))],
            Fit((1, 0), flat=True),
            id="PP-DocLayout, the count first",
        ),
        pytest.param(
            Paddle(),
            [spec("rows", (9, 6))],
            Fit((0,), flat=True, certainty="ask"),
            id="Paddle without a count",
        ),
        pytest.param(Paddle(), [spec("rows", (9, 7))], None, id="seven columns without a count"),
        pytest.param(
            Paddle(), [spec("rows", (9, 6)), spec("count", (1,))], None, id="a count of floats"
        ),
        pytest.param(Paddle(), [spec("rows", (9, 5))], None, id="Paddle of five columns"),
    ],
)
def test_shapes_and_names_that_fit(
    family: Decoder, outputs: list[TensorSpec], fit: Fit | None
) -> None:
    assert family.fit(outputs, CANVAS) == fit


@pytest.mark.parametrize("family", [Yolov7EndToEnd(), YoloNasFlat(), Ssd(), Paddle()])
def test_a_program_that_tells_no_outputs_may_be_of_these_families(family: Decoder) -> None:
    assert family.fit([], CANVAS) == Fit((), flat=True)


@pytest.mark.parametrize(
    ("family", "class_at", "score_at"), [(Yolov7EndToEnd(), 5, 6), (YoloNasFlat(), 6, 5)]
)
def test_rows_name_their_picture(family: Decoder, class_at: int, score_at: int) -> None:
    rows = np.zeros((3, 7), np.float32)
    rows[:, 0] = 0, 2, 2
    rows[:, 1:5] = (1, 2, 3, 4), (5, 6, 7, 8), (9, 9, 9, 9)
    rows[:, class_at], rows[:, score_at] = (0, 1, 2), (0.75, 0.875, 0.5)
    first, none, third = family.decode([rows], CANVAS, 0.5)
    assert (first.boxes.tolist(), first.class_ids.tolist()) == ([[1, 2, 3, 4]], [0])
    assert len(none) == 0
    assert (third.boxes.tolist(), third.scores.tolist()) == ([[5, 6, 7, 8]], [0.875])


def test_ssd_ends_at_the_first_row_of_no_picture() -> None:
    rows = np.zeros((1, 1, 4, 7), np.float32)
    rows[0, 0, 0] = 0, 3, 0.75, 0.25, 0.5, 0.5, 1
    rows[0, 0, 1] = 0, 3, 0.25, 0, 0, 1, 1  # below the threshold
    rows[0, 0, 2, 0] = -1
    rows[0, 0, 3] = 0, 3, 0.75, 0, 0, 1, 1  # what an earlier inference left here
    (found,) = Ssd().decode([rows], CANVAS, 0.5)
    assert found.boxes.tolist() == [[40, 48, 80, 96]]
    assert found.class_ids.tolist() == [3]


@pytest.mark.parametrize(
    ("counts", "classes"),
    [
        pytest.param([np.array([1, 2])], [[4], [5]], id="counted by picture"),
        pytest.param([np.array([1, 9])], [[4], [5]], id="a count beyond the rows"),
        pytest.param([np.array([1])], [[4]], id="rows beyond the count"),
        pytest.param([], [[4, 5]], id="no count: one picture"),
    ],
)
def test_paddle_counts_its_rows(counts: list[np.ndarray], classes: list[list[int]]) -> None:
    rows = np.zeros((3, 6), np.float32)
    rows[0], rows[1] = (4, 0.75, 1, 2, 3, 4), (5, 0.875, 5, 6, 7, 8)
    rows[2] = -1, 0.99, 0, 0, 0, 0  # no object
    found = Paddle().decode([rows, *counts], CANVAS, 0.5)
    assert [f.class_ids.tolist() for f in found] == classes
    assert found[0].boxes[0].tolist() == [1, 2, 3, 4]


def test_no_rows_are_no_pictures() -> None:
    empty = np.zeros((0,), np.float32)
    assert by_picture(empty, np.zeros((0, 4), np.float32), empty, empty) == []
