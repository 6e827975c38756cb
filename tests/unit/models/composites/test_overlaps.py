"""Pairs of boxes that overlap, against a comparison of all with all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.models.composites.overlaps import areas, clipped, iou_of_pairs, overlapping_pairs

BOXES = st.lists(
    st.tuples(*[st.integers(-20, 40)] * 4, st.integers(0, 2)), max_size=12
)  # also upside down and without area


def arrays(rows: list[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(rows, np.float64).reshape(-1, 5)
    return table[:, :4], table[:, 4].astype(np.int64)


@settings(max_examples=60)
@given(BOXES)
def test_they_are_those_of_all_pairs(rows: list[tuple[int, ...]]) -> None:
    boxes, kinds = arrays(rows)
    expected = {}
    for i, (a, kind) in enumerate(zip(boxes.tolist(), kinds, strict=True)):
        for j in range(i):
            b = boxes[j].tolist()
            wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            if kind == kinds[j] and wide > 0 and high > 0:
                expected[frozenset((i, j))] = wide * high
    found = overlapping_pairs(boxes, kinds)
    pairs = [frozenset(pair) for pair in zip(found.a.tolist(), found.b.tolist(), strict=True)]
    assert dict(zip(pairs, found.common.tolist(), strict=True)) == expected
    assert len(pairs) == len(expected)
    assert (boxes[found.a, 0] <= boxes[found.b, 0]).all()
    beside = iou_of_pairs(boxes[found.a], boxes[found.b])
    assert found.shares(areas(boxes)) == pytest.approx(beside)


@pytest.mark.parametrize(
    ("a", "b", "share"),
    [
        pytest.param([0, 0, 4, 4], [0, 0, 4, 4], 1, id="the same"),
        pytest.param([0, 0, 4, 4], [2, 0, 6, 4], 8 / 24, id="half of each"),
        pytest.param([0, 0, 4, 4], [1, 1, 3, 3], 4 / 16, id="one in the other"),
        pytest.param([0, 0, 4, 4], [4, 0, 8, 4], 0, id="side by side"),
        pytest.param([0, 0, 0, 4], [0, 0, 0, 4], 0, id="without an area"),
    ],
)
def test_intersection_over_union(a: list[float], b: list[float], share: float) -> None:
    assert iou_of_pairs(np.array([a], float), np.array([b], float)) == pytest.approx([share])


def test_apart_is_never_like_together() -> None:
    far = iou_of_pairs(np.array([[0.0, 0, 4, 4]]), np.array([[9.0, 9, 12, 12]]))
    assert far[0] <= 0


def test_areas_and_clips() -> None:
    boxes = np.array([[0, 0, 4, 5], [3, 3, 1, 9], [-2, -2, 9, 9]], np.float32)
    assert areas(boxes).tolist() == [20, 0, 121]
    within = np.array([[1, 1, 3, 9]] * 3, np.float32)
    assert clipped(boxes, within).tolist() == [[1, 1, 3, 5], [3, 3, 1, 9], [1, 1, 3, 9]]
