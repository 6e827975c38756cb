"""The pinhole camera of the street, against a projection with matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.sources.street.camera import Camera, cosine, sine

ANGLES = st.floats(-40, 40)
CAMERAS = st.builds(
    Camera, x=st.floats(-9, 9), y=st.floats(-20, 20), z=st.floats(2, 12), yaw=st.floats(-3, 3),
    pitch=st.floats(-0.5, 1.2), focal=st.floats(200, 2000), width=st.just(640), height=st.just(400),
)  # fmt: skip


@settings(max_examples=60)
@given(ANGLES)
def test_sines(angle: float) -> None:
    step = math.tau / (1 << 14)
    assert sine(angle) == pytest.approx(math.sin(angle), abs=step)
    assert cosine(angle) == pytest.approx(math.cos(angle), abs=step)
    assert sine(angle) * (1 << 30) == round(sine(angle) * (1 << 30))  # the same bits everywhere


@pytest.mark.parametrize(
    ("quarters", "expected"), [(0, (0, 1)), (1, (1, 0)), (2, (0, -1)), (3, (-1, 0)), (-1, (-1, 0))]
)
def test_quarter_turns_are_exact(quarters: int, expected: tuple[int, int]) -> None:
    angle = quarters * math.pi / 2 + 1e-5
    assert (sine(angle), cosine(angle)) == expected


def matrices(camera: Camera) -> np.ndarray:
    """World to camera: turned by the yaw about z, then by the pitch about the axis to the right."""
    cy, sy = math.cos(camera.yaw), math.sin(camera.yaw)
    cp, sp = math.cos(camera.pitch), math.sin(camera.pitch)
    level = np.array([[cy, sy, 0], [0, 0, -1], [-sy, cy, 0]])  # right, down, ahead
    return np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ level


@settings(max_examples=40)
@given(CAMERAS, st.tuples(*[st.floats(-60, 60)] * 3))
def test_points_are_turned_as_by_matrices(
    camera: Camera, point: tuple[float, float, float]
) -> None:
    x, y, z = np.array(point)[:, None]
    right, down, ahead = (float(one[0]) for one in camera.turn(x, y, z))
    expected = matrices(camera) @ (np.array(point) - (camera.x, camera.y, camera.z))
    assert (right, down, ahead) == pytest.approx(tuple(expected), abs=0.15)  # steps of 0.0004 rad
    assert camera.depth(*point) == pytest.approx(ahead)
    assert right**2 + down**2 + ahead**2 == pytest.approx((expected**2).sum(), rel=1e-6, abs=1e-6)


def test_what_is_ahead_is_in_the_middle_and_what_is_above_is_above() -> None:
    camera = Camera(1, 2, 5, 0.0, 0.0, 500, 640, 400)
    points = np.array([[1, 12, 5], [2, 12, 5], [1, 12, 6], [1, 22, 4]], float).T
    spots = camera.spots(*camera.turn(*points))
    assert (spots / 16).tolist() == [[320, 200], [370, 200], [320, 150], [320, 225]]


@settings(max_examples=20)
@given(CAMERAS, st.integers(0, 639), st.integers(0, 399))
def test_a_ray_leads_to_its_pixel(camera: Camera, column: int, row: int) -> None:
    x, y, z = (float(one[0, 0]) for one in camera.rays(column, row, column + 1, row + 1))
    far = np.array([[camera.x + 7 * x], [camera.y + 7 * y], [camera.z + 7 * z]])
    right, down, ahead = camera.turn(*far)
    assert float(ahead[0]) == pytest.approx(7, rel=1e-4)
    ((across, along),) = camera.spots(right, down, ahead).tolist()
    assert (across / 16, along / 16) == pytest.approx((column + 0.5, row + 0.5), abs=0.2)
