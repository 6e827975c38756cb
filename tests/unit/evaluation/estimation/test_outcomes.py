"""Right, wrong, or on what does not count."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.evaluation.estimation.outcomes import RIGHT, UNCOUNTED, WRONG, outcomes
from sightline.types import Detections

CASES = {
    "on the object": ([(0, 0, 10, 10)], [0.9], [RIGHT]),
    "the surer of two": ([(0, 0, 10, 9), (0, 0, 10, 10)], [0.5, 0.9], [WRONG, RIGHT]),
    "beside it": ([(30, 30, 40, 40)], [0.9], [WRONG]),
    "on what does not count": ([(50, 50, 60, 60)], [0.9], [UNCOUNTED]),
    "within what does not count": (
        [(52, 52, 55, 55), (51, 51, 54, 54)],
        [0.9, 0.8],
        [UNCOUNTED] * 2,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    boxes, scores, told = CASES[name]
    found = Detections(
        np.array(boxes, np.float32), np.array(scores, np.float32), np.zeros(len(boxes), np.int64)
    )
    true = Detections(
        np.array([(0, 0, 10, 10), (50, 50, 60, 60)], np.float32),
        np.ones(2, np.float32),
        np.zeros(2, np.int64),
    )
    assert outcomes(found, true, np.array([False, True])).tolist() == told


def test_of_another_class_it_is_wrong() -> None:
    box = np.array([(0, 0, 10, 10)], np.float32)
    found = Detections(box, np.ones(1, np.float32), np.array([1]))
    assert outcomes(
        found, Detections(box, np.ones(1, np.float32), np.array([0])), np.zeros(1, bool)
    ) == [WRONG]
