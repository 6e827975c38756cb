"""What has moved with the camera."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.tracking.warp import Transform, move, moved_boxes, moved_points, turned

STILL = np.eye(3)
SHIFT = np.array([[1, 0, 5], [0, 1, -3], [0, 0, 1.0]])
ZOOM = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 1.0]])
QUARTER = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])  # a quarter turn about the origin
TILT = np.array([[1, 0, 0], [0, 1, 0], [0.001, 0, 1.0]])
POINTS = np.array([[0, 100.0], [0, 50]])


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        pytest.param(STILL, [[0, 100], [0, 50]], id="nothing"),
        pytest.param(SHIFT, [[5, 105], [-3, 47]], id="a shift"),
        pytest.param(ZOOM, [[0, 200], [0, 100]], id="a zoom"),
        pytest.param(QUARTER, [[0, -50], [0, 100]], id="a turn"),
        pytest.param(TILT, [[0, 100 / 1.1], [0, 50 / 1.1]], id="a tilt"),
        pytest.param(SHIFT * 2, [[5, 105], [-3, 47]], id="homogeneous: a factor is nothing"),
    ],
)
def test_points(transform: Transform, expected: list[list[float]]) -> None:
    assert moved_points(POINTS, transform) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("transform", [STILL, SHIFT, ZOOM, QUARTER, TILT, SHIFT * 2])
def test_small_steps_are_turned_like_the_points_around(transform: Transform) -> None:
    """As differences of moved points tell."""
    step = np.array([[1e-4, 0], [0, 2e-4]])
    expected = moved_points(POINTS + step, transform) - moved_points(POINTS, transform)
    assert turned(step, POINTS, transform) == pytest.approx(expected, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        pytest.param(STILL, [10, 20, 30, 60], id="nothing"),
        pytest.param(SHIFT, [15, 17, 35, 57], id="a shift"),
        pytest.param(ZOOM, [20, 40, 60, 120], id="a zoom"),
        pytest.param(QUARTER, [-50, 0, -30, 40], id="a turn moves the centre, and turns no box"),
    ],
)
def test_boxes(transform: Transform, expected: list[float]) -> None:
    boxes = np.array([[10.0], [20], [30], [60]])
    assert moved_boxes(boxes, transform)[:, 0].tolist() == pytest.approx(expected)


def test_the_state_of_a_box_moves_in_place() -> None:
    motion = np.arange(22, dtype=np.float64).reshape(11, 2)
    motion[:4] = [[10, 10], [20, 20], [30, 30], [60, 60]]
    before = motion.copy()
    move(motion, ZOOM)
    assert motion[:8].tolist() == (2 * before[:8]).tolist()
    assert motion[8:].tolist() == before[8:].tolist()
    move(motion, SHIFT)
    assert motion[4:8].tolist() == (2 * before[4:8]).tolist()  # a shift changes no speed
