"""Which boxes are averaged, against the plainest program that goes through them one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightline.models.composites.box_clusters import clusters


def overlap(a: list[float], b: list[float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (areas - width * height)


def plainly(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    class_ids: NDArray[np.int64],
    iou: float,
) -> list[int]:
    members: dict[int, list[int]] = {}
    first_of = []
    for row, box in enumerate(boxes.tolist()):
        shares = {
            first: overlap(box, (scores[rows] @ boxes[rows] / scores[rows].sum()).tolist())
            for first, rows in members.items()
            if class_ids[first] == class_ids[row]
        }
        near = {first: share for first, share in shares.items() if share > iou}
        first = max(near, key=lambda f: near[f], default=row)
        members.setdefault(first, []).append(row)
        first_of.append(first)
    return first_of


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(0, 20), st.sampled_from([100, 250, 1000]),
    st.sampled_from([0.1, 0.4, 0.55, 0.8]),
)  # fmt: skip
def test_as_one_by_one(seed: int, objects: int, width: int, iou: float) -> None:
    """Objects that stand close, or apart, or both; each is found up to four times."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, width, (objects, 2))
    whole = np.concatenate((corners, corners + rng.uniform(10, 90, (objects, 2))), axis=1)
    rows = rng.permutation(np.repeat(np.arange(objects), 4))[: 3 * objects]
    boxes = whole[rows] + rng.normal(0, 4, (len(rows), 4))
    scores = np.sort(rng.uniform(0.05, 1, len(rows)))[::-1]
    class_ids = (rows % 2) * 10**9
    found = clusters(boxes, scores, class_ids, iou)
    assert found.tolist() == plainly(boxes, scores, class_ids, iou)


@pytest.mark.parametrize("scores", [[0.0, 0.0], [0.5, 0.0]], ids=["none", "one"])
def test_boxes_without_a_score_are_of_one_object(scores: list[float]) -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 11]], np.float64)
    assert clusters(boxes, np.array(scores), np.zeros(2, np.int64), 0.5).tolist() == [0, 0]


def test_boxes_that_chain_are_not_all_of_one_object() -> None:
    """Each overlaps the next one by two thirds: the third does not overlap the mean of both before it."""
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [4, 0, 14, 10]], np.float64)
    found = clusters(boxes, np.array([0.9, 0.8, 0.7]), np.zeros(3, np.int64), 0.6)
    assert found.tolist() == [0, 0, 2]


def test_a_box_joins_the_mean_of_boxes_that_it_overlaps_less() -> None:
    boxes = np.array([[2, -4, 18, 16], [2, -3, 18, 25], [6, -3, 16, 20]], np.float64)
    found = clusters(boxes, np.array([0.72, 0.36, 0.23]), np.zeros(3, np.int64), 0.55)
    assert overlap(boxes[0].tolist(), boxes[2].tolist()) < 0.55
    assert overlap(boxes[1].tolist(), boxes[2].tolist()) < 0.55
    assert found.tolist() == [0, 0, 0]


def test_nothing() -> None:
    assert not len(clusters(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64), 0.5))
