"""CLEAR scores: matches are kept while they can be."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.evaluation.track_frames import A, N, frame, numbers

from sightline.evaluation.tracking import score_tracks

INTRUDER = (
    [frame([1], [A])] * N,
    [*[frame([1], [A])] * (N - 1), frame([1, 2], [[0, 0, 10, 6.2], A])],
)
"""In the last frame a newcomer lies better on the object than the track that it has had."""


def test_the_track_so_far_is_preferred() -> None:
    scores = numbers(score_tracks(*INTRUDER))
    assert (scores["switches"], scores["false_positives"]) == (0, 1)
    assert scores["mota"] == pytest.approx(0.9)
    assert scores["idf1"] == pytest.approx(20 / 21)
    # The last match holds up to an overlap of 0.6: twelve alphas of nineteen.
    assert scores["assa"] == pytest.approx((12 + 7 * 9 / 11) / 19)
    assert scores["deta"] == pytest.approx((12 * 10 / 11 + 7 * 9 / 12) / 19)
    assert scores["hota"] == pytest.approx(
        (12 * np.sqrt(10 / 11) + 7 * np.sqrt(9 / 12 * 9 / 11)) / 19
    )
