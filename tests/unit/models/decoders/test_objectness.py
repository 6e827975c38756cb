"""Scores of rows that have an objectness."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.models.decoders.objectness import likely_rows

ROWS = np.zeros((5, 8), np.float32)
ROWS[0, 4:] = 0.8, 0.1, 0.9, 0.2
ROWS[1, 4:] = 0.9, 0.5, 0.4, 0.3  # sure that there is something, of no class
ROWS[2, 4:] = 0.4, 0.9, 0.9, 0.9  # not likely to be anything
ROWS[4, 4:] = 1.0, 0.6, 0.1, 0.1


@pytest.mark.parametrize(
    ("conf", "index", "scores", "classes"),
    [
        pytest.param(0.5, [0, 4], [0.72, 0.6], [1, 0], id="both factors count"),
        pytest.param(0.7, [0], [0.72], [1], id="a higher threshold"),
        pytest.param(0.3, [0, 1, 2, 4], [0.72, 0.45, 0.36, 0.6], [1, 0, 0, 0], id="a lower one"),
        pytest.param(0.8, [], [], [], id="nothing"),
    ],
)
def test_objectness_times_the_best_class(
    conf: float, index: list[int], scores: list[float], classes: list[int]
) -> None:
    found = likely_rows(ROWS, conf)
    assert found[0].tolist() == index
    assert found[1].tolist() == pytest.approx(scores)
    assert found[2].tolist() == classes
