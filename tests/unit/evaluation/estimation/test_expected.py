"""Expected AP is COCO's where nothing is doubtful."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.evaluation.detection import score_detections
from sightline.evaluation.estimation.expected import expected_average_precision
from sightline.types import Detections


@pytest.mark.parametrize("seed", range(5))
def test_it_is_that_of_coco_where_all_is_certain(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = np.stack([np.arange(40) * 20.0, np.zeros(40)], axis=1)
    boxes = np.hstack([corners, corners + 10]).astype(np.float32)
    scores, classes = rng.random(40).astype(np.float32), np.zeros(40, np.int64)
    right = rng.random(40) < 0.6
    there = right | (rng.random(40) < 0.2)
    found = Detections(boxes, scores, classes)[right | ~there]
    true = Detections(boxes, np.ones(40, np.float32), classes)[there]
    of_coco = score_detections([true], [found], ("car",)).map50
    shares = right[right | ~there].astype(np.float64)
    assert expected_average_precision(
        shares, found.scores.astype(np.float64), there.sum()
    ) == pytest.approx(of_coco, abs=1e-6)


def test_nothing_has_no_precision() -> None:
    assert expected_average_precision(np.empty(0), np.empty(0), 5) == 0
    assert expected_average_precision(np.ones(2), np.ones(2), 0) == 0
