"""HOTA against values that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.evaluation.track_frames import FAR, A, B, N, frame, still

from sightline.evaluation.comparison import compare
from sightline.evaluation.hota import ALPHAS, HotaCounts, count_hota
from sightline.types import Detections


def scores(truth: list[Detections], found: list[Detections]) -> dict[str, float]:
    counts = count_hota(compare(truth, found))
    return {name: getattr(counts, name) for name in ("hota", "deta", "assa", "loca")}


def test_thresholds() -> None:
    assert len(ALPHAS) == 19
    assert (ALPHAS[0], ALPHAS[-1]) == pytest.approx((0.05, 0.95))


def test_all_is_found() -> None:
    assert scores(still(), still(ids=(7, 9))) == {"hota": 1, "deta": 1, "assa": 1, "loca": 1}


def test_nothing_is_found() -> None:
    empty = [frame([], [])] * N
    assert scores(still(), empty) == {"hota": 0, "deta": 0, "assa": 0, "loca": 1}
    assert scores(empty, still()) == {"hota": 0, "deta": 0, "assa": 0, "loca": 1}


def test_no_footage() -> None:
    counts = count_hota(compare([], []))
    assert (counts.hota, counts.loca) == (0, 1)
    assert counts.hits.tolist() == [0] * 19


def test_one_of_two_objects() -> None:
    found = scores(still(), [frame([1], [A])] * N)
    assert found == pytest.approx({"hota": 0.5**0.5, "deta": 0.5, "assa": 1, "loca": 1})


def test_an_object_that_is_not_there() -> None:
    found = scores([frame([1], [A])] * N, [frame([1, 2], [A, FAR])] * N)
    assert found == pytest.approx({"hota": 0.5**0.5, "deta": 0.5, "assa": 1, "loca": 1})


def test_a_track_that_breaks_in_the_middle() -> None:
    found = [frame([1], [A])] * 5 + [frame([2], [A])] * 5
    assert scores([frame([1], [A])] * N, found) == pytest.approx(
        {"hota": 0.5**0.5, "deta": 1, "assa": 0.5, "loca": 1}
    )


def test_two_tracks_that_swap_their_ids() -> None:
    found = [frame([1, 2], [A, B])] * 5 + [frame([2, 1], [A, B])] * 5
    # Each pair is together in 5 of the 15 frames in which either is there.
    assert scores(still(), found) == pytest.approx(
        {"hota": 3**-0.5, "deta": 1, "assa": 1 / 3, "loca": 1}
    )


@pytest.mark.parametrize(("height", "overlap"), [(5.0, 0.5), (6.2, 0.62), (0.4, 0.04)])
def test_a_box_that_is_not_quite_right(height: float, overlap: float) -> None:
    """Up to its overlap it is a match, above that a miss and a false positive."""
    found = scores([frame([1], [A])] * N, [frame([1], [[0, 0, 10, height]])] * N)
    matches = int((overlap + 1e-9 >= ALPHAS).sum())
    assert found["deta"] == found["assa"] == found["hota"] == pytest.approx(matches / 19)
    assert found["loca"] == pytest.approx((matches * overlap + 19 - matches) / 19, abs=1e-6)


def test_counts_of_two_stretches_add_up() -> None:
    one = count_hota(compare(still(), still()))
    other = count_hota(compare(still(), [frame([], [])] * N))
    both = one + other
    assert both.hits.tolist() == [2 * N] * 19
    assert both.misses.tolist() == [2 * N] * 19
    assert (both.deta, both.assa) == (0.5, 1.0)
    assert isinstance(both, HotaCounts)


def test_matches_favour_tracks_that_belong_together() -> None:
    """In one frame another track lies a little better: the pair that lasts is kept."""
    better, worse = A, [0, 0, 10, 9.0]
    found = [frame([1, 2], [worse, FAR])] * (N - 1) + [frame([1, 2], [worse, better])]
    counts = count_hota(compare([frame([1], [A])] * N, found))
    at_half = int(np.argmin(abs(ALPHAS - 0.5)))
    assert counts.hits[at_half] == N
    assert counts.association[at_half] / N == pytest.approx(1.0)
