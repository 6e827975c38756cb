"""YOLO's label lines, with values worked out by hand, and outlines joined to one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.sinks.yolo_shapes import one_outline, yolo_lines
from sightline.types import Detections, Ints, Masks

WIDTH, HEIGHT = 100, 50
NAN, INF = float("nan"), float("inf")


def one(box: tuple[float, ...] = (10, 10, 30, 20), **fields: Any) -> Detections:
    made = Detections(np.array([box], np.float32), np.array([0.9], np.float32), np.array([1]))
    return replace(made, track_ids=np.array([7]), **fields)


def mask(rows: int, columns: int, x: int = 10, y: int = 10) -> Masks:
    crop = np.ones((rows, columns), np.bool_)
    return Masks((crop,), np.array([[x, y]], np.int64), (WIDTH, HEIGHT))


POINTS = np.array([[[20, 15, 0.9], [10, 45, 0.3], [-5, 15, 0.8], [NAN, 1, 1], [100, 50, 0.5]]])


@pytest.mark.parametrize(
    ("found", "line"),
    [
        pytest.param(one(), "1 0.200000 0.300000 0.200000 0.200000", id="a box"),
        pytest.param(
            one((-20, 10, 20, 70)), "1 0.100000 0.600000 0.200000 0.800000", id="cut by the picture"
        ),
        pytest.param(
            one(masks=mask(10, 20)),
            "1 0.100000 0.200000 0.100000 0.380000 0.290000 0.380000 0.290000 0.200000", id="a mask",
        ),
        pytest.param(
            one(masks=mask(0, 0, 0, 0)),
            "1 0.100000 0.200000 0.300000 0.200000 0.300000 0.400000 0.100000 0.400000",
            id="a mask without pixels is its box",
        ),
        pytest.param(
            one(masks=mask(1, 2)),
            "1 0.100000 0.200000 0.300000 0.200000 0.300000 0.400000 0.100000 0.400000",
            id="a mask without an area is its box",
        ),
        pytest.param(
            one(keypoints=POINTS.astype(np.float32)),
            "1 0.200000 0.300000 0.200000 0.200000 0.200000 0.300000 2 0.100000 0.900000 1 0 0 0 0 0 0 "
            "1.000000 1.000000 2",
            id="keypoints",
        ),
        # A quarter turn: the upper left corner comes to the upper right.
        pytest.param(
            one(angles=np.array([math.pi / 2], np.float32)),
            "1 0.250000 0.100000 0.250000 0.500000 0.150000 0.500000 0.150000 0.100000",
            id="a turned box",
        ),
    ],
)  # fmt: skip
def test_lines_are_those_of_ultralytics(found: Detections, line: str) -> None:
    assert yolo_lines(found, WIDTH, HEIGHT, scores=False) == [f"{line}\n"]
    assert yolo_lines(found, WIDTH, HEIGHT, scores=True) == [f"{line} 0.900000 7\n"]


def test_an_object_without_a_track_has_no_id() -> None:
    for ids in (None, np.array([-1])):
        (line,) = yolo_lines(replace(one(), track_ids=ids), WIDTH, HEIGHT, scores=True)
        assert line.split() == ["1", "0.200000", "0.300000", "0.200000", "0.200000", "0.900000"]


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((30, 10, 30, 20), id="no width"),
        pytest.param((30, 10, 20, 20), id="upside down"),
        pytest.param((-20, 10, 0, 20), id="beyond the left side"),
        pytest.param((10, 50, 30, 60), id="below the picture"),
        pytest.param((10, 10, 10.00001, 20), id="less than six decimals show"),
        pytest.param((NAN, 10, 30, 20), id="no number"),
        pytest.param((10, 10, INF, 20), id="without an end"),
    ],
)
def test_what_has_no_area_in_the_picture_is_left_out(box: tuple[float, ...]) -> None:
    assert yolo_lines(one(box), WIDTH, HEIGHT, scores=False) == []


@settings(max_examples=20)
@given(
    st.tuples(*[st.floats(-200, 300, width=32)] * 4),
    st.tuples(st.integers(1, 200), st.integers(1, 200)),
)
def test_boxes_stay_in_the_picture(box: tuple[float, ...], size: tuple[int, int]) -> None:
    for line in yolo_lines(one(box), *size, scores=False):
        cx, cy, w, h = map(float, line.split()[1:])
        for centre, side in ((cx, w), (cy, h)):
            assert 0 < side <= 1
            assert centre - side / 2 >= -1e-6
            assert centre + side / 2 <= 1 + 1e-6


def area(outline: Ints) -> float:
    """The shoelace formula."""
    x, y = outline.T.astype(float)
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def rectangle(x: int, y: int, width: int, height: int) -> Ints:
    return np.array([[x, y], [x, y + height], [x + width, y + height], [x + width, y]])


@settings(max_examples=20)
@given(
    st.lists(
        st.builds(
            rectangle, st.integers(0, 50), st.integers(0, 50), st.integers(1, 9), st.integers(1, 9)
        ),
        min_size=1,
        max_size=5,
    )
)
def test_parts_are_joined_without_an_area_between_them(parts: list[Ints]) -> None:
    joined = one_outline(parts)
    assert area(joined) == sum(map(area, parts))
    assert {*map(tuple, joined.tolist())} == {tuple(p) for part in parts for p in part.tolist()}


def test_parts_are_joined_where_they_are_nearest() -> None:
    joined = one_outline([rectangle(0, 0, 4, 4), np.roll(rectangle(6, 0, 4, 4), 2, axis=0)])
    steps = np.abs(np.diff(joined, axis=0)).sum(axis=1)
    assert steps.max() == 4  # along a side; between the parts it is 2
    assert one_outline([]).shape == (0, 2)
