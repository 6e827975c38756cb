"""Vectors for the detections that a tracker looks at."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.tracking.appearance import carrying, wanted
from sightline.types import Detections


def found(*boxes: tuple[float, float, float, float], score: float = 0.5) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32), np.full(count, score, np.float32), np.arange(count)
    )


@pytest.mark.parametrize(
    ("box", "score", "is_wanted"),
    [
        pytest.param((0, 0, 5, 5), 0.5, True, id="as much as the least"),
        pytest.param((0, 0, 5, 5), 0.49, False, id="a lower score"),
        pytest.param((0, 0, 0, 5), 0.9, False, id="no width"),
        pytest.param((0, 5, 5, 0), 0.9, False, id="upside down"),
        pytest.param((0, 0, np.inf, 5), 0.9, False, id="without end"),
        pytest.param((np.nan, 0, 5, 5), 0.9, False, id="no number"),
        pytest.param((-5, -5, 5, 5), 0.9, True, id="beyond the edge"),
    ],
)
def test_which_are_looked_at(
    box: tuple[float, float, float, float], score: float, is_wanted: bool
) -> None:
    assert wanted(found(box, score=score), 0.5).tolist() == [is_wanted]


def test_the_others_carry_zeros() -> None:
    detections = found((0, 0, 5, 5), (0, 0, 0, 5), (1, 1, 5, 5))
    rows = wanted(detections, 0.5)
    made = carrying(detections, rows, np.array([[1, 2], [3, 4]], np.float32))
    assert made.embeddings is not None
    assert made.embeddings.tolist() == [[1, 2], [0, 0], [3, 4]]
    assert made.class_ids.tolist() == [0, 1, 2]
