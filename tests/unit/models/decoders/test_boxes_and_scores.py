"""Decoded boxes and class scores of every cell, in two outputs or one."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.models.decoders.encoded import CANVAS, COUNT

from sightline.models.decoders.boxes_and_scores import BoxesAndScores, DamoYolo, PpYoloeRows
from sightline.protocols import Decoder
from sightline.types import Fit, TensorSpec

BOXES, SCORES = (1, COUNT, 4), (1, COUNT, 80)


@pytest.mark.parametrize(
    ("family", "outputs", "fit"),
    [
        pytest.param(
            BoxesAndScores(), {"a": BOXES, "b": SCORES}, Fit((0, 1), 80), id="boxes first"
        ),
        pytest.param(
            BoxesAndScores(), {"a": SCORES, "b": BOXES}, Fit((1, 0), 80), id="scores first"
        ),
        pytest.param(
            BoxesAndScores(), {"a": BOXES, "b": (1, 80, COUNT)}, Fit((0, 1), 80), id="by class"
        ),
        pytest.param(
            BoxesAndScores(),
            {"scores": BOXES, "boxes": BOXES},
            Fit((1, 0), 4),
            id="four classes: the name tells",
        ),
        pytest.param(BoxesAndScores(), {"a": BOXES}, None, id="one output"),
        pytest.param(
            BoxesAndScores(), {"a": (1, 77, 4), "b": (1, 77, 80)}, None, id="not the grid's cells"
        ),
        pytest.param(
            BoxesAndScores(), {"a": BOXES, "b": (1, 77, 80)}, None, id="scores of other cells"
        ),
        pytest.param(BoxesAndScores(), {"a": SCORES, "b": SCORES}, None, id="no boxes"),
        pytest.param(
            DamoYolo(), {"output": SCORES, "b2414": BOXES}, Fit((1, 0), 80), id="DAMO-YOLO by name"
        ),
        pytest.param(
            DamoYolo(),
            {"scores": SCORES, "boxes": BOXES},
            Fit((1, 0), 80, certainty="card"),
            id="DAMO-YOLO without its name",
        ),
        pytest.param(
            PpYoloeRows(), {"a": (1, COUNT, 84)}, Fit((0,), 80, certainty="card"), id="rows"
        ),
        pytest.param(PpYoloeRows(), {"a": (1, COUNT, 4)}, None, id="rows without a class"),
        pytest.param(PpYoloeRows(), {"a": (1, 77, 84)}, None, id="rows of other cells"),
    ],
)
def test_shapes_and_names_that_fit(
    family: Decoder, outputs: dict[str, tuple[int, ...]], fit: Fit | None
) -> None:
    specs = [TensorSpec(name, shape) for name, shape in outputs.items()]
    assert family.fit(specs, CANVAS) == fit


@pytest.mark.parametrize("by_class", [False, True])
def test_the_best_class_of_each_cell_counts(by_class: bool) -> None:
    boxes, scores = np.zeros((2, COUNT, 4), np.float32), np.zeros((2, COUNT, 3), np.float32)
    boxes[0, 7], scores[0, 7] = (8, 16, 60, 80), (0.3, 0.9, 0.6)
    scores[0, 8] = 0.5  # as much as the threshold is not above it
    boxes[1, 9], scores[1, 9] = (1, 2, 3, 4), (0, 0, 0.75)
    given = scores.transpose(0, 2, 1) if by_class else scores
    first, second = BoxesAndScores().decode([boxes, given], CANVAS, 0.5)
    assert first.boxes.tolist() == [[8, 16, 60, 80]]
    assert first.scores.tolist() == pytest.approx([0.9])
    assert (first.class_ids.tolist(), second.class_ids.tolist()) == ([1], [2])


def test_one_output_of_boxes_and_scores() -> None:
    rows = np.zeros((1, COUNT, 7), np.float32)
    rows[0, 5] = 8, 16, 60, 80, 0.1, 0.2, 0.8
    (found,) = PpYoloeRows().decode([rows], CANVAS, 0.5)
    assert found.boxes.tolist() == [[8, 16, 60, 80]]
    assert found.class_ids.tolist() == [2]
