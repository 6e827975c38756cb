"""IDF1, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.evaluation.comparison import compare
from sightline.evaluation.identity import IdentityCounts, count_identity
from sightline.types import Detections

PLACES = {"left": [0, 0, 10, 10], "right": [50, 0, 60, 10], "near left": [6, 0, 16, 10]}


def frame(**tracks: int) -> Detections:
    """The track at each place."""
    names = [name.replace("_", " ") for name in tracks]
    return Detections(
        np.array([PLACES[name] for name in names], np.float32).reshape(-1, 4),
        np.ones(len(names), np.float32),
        np.zeros(len(names), np.int64),
        np.array(list(tracks.values()), np.int64),
    )


TRUTH = [frame(left=1, right=2)] * 4


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        pytest.param(
            [frame(left=7, right=8)] * 4, (8, 8, 8), id="all, whatever the ids are called"
        ),
        pytest.param(
            [*[frame(left=7, right=8)] * 3, frame(left=8, right=7)],
            (6, 8, 8),
            id="exchanged at the end",
        ),
        pytest.param([frame(left=i) for i in range(4)], (1, 8, 4), id="a new id each time"),
        pytest.param([frame(near_left=7)] * 4, (0, 8, 4), id="too far away"),
        pytest.param([frame()] * 4, (0, 8, 0), id="nothing"),
    ],
)
def test_hits_under_the_right_identity(
    found: list[Detections], counts: tuple[int, int, int]
) -> None:
    made = count_identity(compare(TRUTH, found))
    assert (made.hits, made.truth, made.found) == counts


def test_scores_of_counts_that_add_up() -> None:
    both = IdentityCounts(6, 8, 8) + IdentityCounts(2, 8, 4)
    assert (both.hits, both.truth, both.found) == (8, 16, 12)
    assert (both.idf1, both.idp, both.idr) == pytest.approx((16 / 28, 8 / 12, 8 / 16))
    assert IdentityCounts().idf1 == 0
