"""Outlines and keypoints of COCO's JSON."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.evaluation.pictures.coco_shapes import all_keypoints, read_keypoints, read_outline

RUNS: dict[str, Any] = {"size": [4, 5], "counts": [5, 2, 13]}


@pytest.mark.parametrize(
    ("told", "outline"),
    [
        pytest.param([[1, 2, 5, 2, 5, 9]], [[1, 2, 5, 2, 5, 9]], id="a polygon"),
        pytest.param([["1", 2, 5, 2, 5, 9]], [[1, 2, 5, 2, 5, 9]], id="text"),
        pytest.param([[1, 2, 5, 9], [1, 2, 5, 2, 5, 9]], [[1, 2, 5, 2, 5, 9]], id="a line is none"),
        pytest.param([[1, 2, 5, 2, 5, None]], None, id="no number"),
        pytest.param([[1, 2, 5, 2, 5, 9, 3]], None, id="an odd number"),
        pytest.param(RUNS, RUNS, id="run lengths"),
        pytest.param(RUNS | {"counts": "52d"}, RUNS | {"counts": "52d"}, id="packed"),
        pytest.param(RUNS | {"counts": []}, None, id="no run lengths"),
        pytest.param(RUNS | {"size": [4]}, None, id="half a size"),
        pytest.param("x", None, id="text alone"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_outlines(told: object, outline: object) -> None:
    assert read_outline({"segmentation": told}) == outline


@pytest.mark.parametrize(
    ("told", "points"),
    [
        ([1, 2, 2, 3, 4, 1], [1, 2, 2, 3, 4, 1]),
        (["1", 2, 2], [1, 2, 2]),
        ([1, 2], None),
        ([], None),
        ([1, 2, None], None),
        ([1, 2, float("nan")], None),
        ("1 2 2", None),
        (None, None),
    ],
)
def test_keypoints(told: object, points: list[float] | None) -> None:
    assert read_keypoints({"keypoints": told}) == points


def test_keypoints_of_all_objects() -> None:
    table = all_keypoints([None, [1, 2, 2, 3, 4, 1], [5, 6, 2]])
    assert table is not None
    assert table.tolist() == [[[0] * 3] * 2, [[1, 2, 2], [3, 4, 1]], [[0] * 3] * 2]
    assert all_keypoints([None, None]) is None
    assert all_keypoints([]) is None
