"""Oriented boxes: what an angle means, and the way to corners and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.types import Detections
from sightline.types.shapes.turned import boxes_and_angles, turned_corners


def one(box: tuple[float, float, float, float], angle: float | None) -> Detections:
    return Detections(
        np.array([box], np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
        angles=None if angle is None else np.array([angle], np.float32),
    )


@pytest.mark.parametrize(
    ("angle", "corners"),
    [
        pytest.param(None, [[10, 20], [30, 20], [30, 30], [10, 30]], id="upright"),
        pytest.param(0, [[10, 20], [30, 20], [30, 30], [10, 30]], id="not turned"),
        # y grows downwards: a quarter turn clockwise brings the upper left corner to the upper right.
        pytest.param(math.pi / 2, [[25, 15], [25, 35], [15, 35], [15, 15]], id="a quarter"),
        pytest.param(math.pi, [[30, 30], [10, 30], [10, 20], [30, 20]], id="a half"),
    ],
)
def test_a_positive_angle_turns_clockwise(angle: float | None, corners: list[list[float]]) -> None:
    found = one((10, 20, 30, 30), angle)
    assert found.corners.dtype == np.float32
    assert found.corners[0] == pytest.approx(np.array(corners), abs=1e-4)


def test_extents_and_upright_boxes() -> None:
    turned = one((10, 20, 30, 30), math.pi / 2)
    assert turned.extents[0] == pytest.approx([15, 15, 25, 35], abs=1e-4)
    assert turned.upright.angles is None
    assert turned.upright.boxes == pytest.approx(turned.extents)
    plain = one((10, 20, 30, 30), None)
    assert plain.extents is plain.boxes
    assert plain.upright is plain


@given(
    st.tuples(st.floats(0, 900), st.floats(0, 900), st.floats(1, 500), st.floats(1, 500)),
    st.floats(-3.1, 3.1),
)
def test_corners_and_back(box: tuple[float, float, float, float], angle: float) -> None:
    x, y, width, height = box
    boxes = np.array([[x, y, x + width, y + height]], np.float32)
    corners = turned_corners(boxes, np.array([angle], np.float32))
    again, angles = boxes_and_angles(corners)
    assert again == pytest.approx(boxes, abs=0.01)
    assert float(angles[0]) == pytest.approx(angle, abs=0.01)


def test_none_at_all() -> None:
    empty = np.empty((0, 4), np.float32)
    assert turned_corners(empty, np.empty(0, np.float32)).shape == (0, 4, 2)
    assert Detections(
        empty, np.empty(0, np.float32), np.empty(0, np.int64), angles=np.empty(0, np.float32)
    ).extents.shape == (0, 4)
