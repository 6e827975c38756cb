"""True and found tracks, brought together."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.evaluation.track_frames import A, B, Frames, N, frame, still

from sightline.evaluation.comparison import overlaps
from sightline.evaluation.tracking import score_tracks
from sightline.types import Detections


@pytest.mark.parametrize(
    ("found", "message"),
    [
        pytest.param(still(3), "10 frames, what was found has 3", id="lengths"),
        pytest.param([frame([1, 1], [A, B])] * N, "holds track 1 twice", id="twice"),
        pytest.param(
            [Detections.empty()[:0], *still(9)][:N], "frame 0 of what was found", id="no ids"
        ),
    ],
)
def test_bad_input(found: Frames, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_tracks(still(), found)


@pytest.mark.parametrize(
    ("other", "iou"),
    [
        pytest.param([0, 0, 10, 10], 1, id="the same"),
        pytest.param([5, 0, 15, 10], 1 / 3, id="half beside"),
        pytest.param([2, 2, 7, 7], 0.25, id="within"),
        pytest.param([10, 0, 20, 10], 0, id="side by side"),
        pytest.param([5, 5, 5, 9], 0, id="without area"),
        pytest.param([9, 9, 1, 1], 0, id="inside out"),
    ],
)
def test_overlaps(other: list[float], iou: float) -> None:
    one = np.array([[0, 0, 10, 10]], np.float64)
    assert overlaps(one, np.array([other], np.float64)).tolist() == [[pytest.approx(iou)]]
    assert overlaps(one, np.zeros((0, 4))).shape == (1, 0)
