"""Where things stand in a frame, and how large they appear: against the pinhole formula by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.sources.street.camera import BLOCK, Camera
from sightline.sources.street.places import Places, in_sight, make_places, project

CAMERA = Camera(1.0, -2.0, 6.0, 0.05, 0.2, 900.0, 1312, 752)


class Ground:
    """Sun everywhere, lamps nowhere."""

    def sample(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.ones_like(x), np.zeros_like(y)


HAZE = np.linspace(1, 0, 4096, dtype=np.float32)


def places(*rows: tuple[float, float, float, float, float], first: int = 1) -> Places:
    return make_places(CAMERA, Ground(), HAZE, np.array(rows, np.float64), first)  # type: ignore[arg-type]


NEAR, FAR = (0.0, 20.0, 0.0, 1.0, 0.8), (0.0, 40.0, 1.0, 0.0, 0.8)


def test_what_is_farther_is_smaller_and_paler() -> None:
    found = places(NEAR, FAR, first=7)
    assert found.slot.tolist() == [7, 8]
    assert found.depth[0] < found.depth[1]
    assert found.scale[0] > found.scale[1] > 0
    assert found.left[0] > found.left[1]
    assert (found.sun.tolist(), found.lamp.tolist()) == ([1, 1], [0, 0])


def test_scale_is_focal_length_over_depth() -> None:
    found = places(NEAR)
    middle = found.depth[0] + 0.8 * CAMERA.axes[2][2]
    assert found.scale[0] == pytest.approx(CAMERA.focal / middle)


def test_rows_are_taken_from_all_arrays() -> None:
    found = places(NEAR, FAR, NEAR).take([2, 1])
    assert found.y.tolist() == [20, 40]
    assert found.slot.tolist() == [3, 2]
    assert found.take([]).x.shape == (0,)


def test_corners_of_a_footprint_go_clockwise_from_the_front_left() -> None:
    found = places((10.0, 20.0, 0.0, 1.0, 0.0), (10.0, 20.0, 1.0, 0.0, 0.0))
    half, side = np.array([2.0, 2.0]), np.array([1.0, 1.0])
    north, east = found.corners(half, side)
    assert north == [(9.0, 22.0), (11.0, 22.0), (11.0, 18.0), (9.0, 18.0)]
    assert east == [(12.0, 21.0), (12.0, 19.0), (8.0, 19.0), (8.0, 21.0)]


def test_the_camera_in_the_coordinates_of_a_thing() -> None:
    found = places(
        (CAMERA.x, CAMERA.y + 10, 0.0, 1.0, 0.0), (CAMERA.x, CAMERA.y + 10, 1.0, 0.0, 0.0)
    )
    ahead, left = found.eyes(CAMERA)
    assert ahead.tolist() == pytest.approx([-10, 0])
    assert left.tolist() == pytest.approx([0, -10])


def test_shapes_are_projected_at_their_places_and_with_their_heading() -> None:
    one = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    found = project(CAMERA, places(NEAR, FAR), [one, one[:2]])
    assert found.first == [0, 3, 5]
    assert found.spots.shape == (5, 2)
    for shape, (start, end) in enumerate(((0, 3), (3, 5))):
        spots = found.spots[start:end]
        assert found.low[shape] == spots.min(0).tolist()
        assert found.high[shape] == spots.max(0).tolist()
        assert found.nearest[shape] == found.ahead[start:end].min()
    foot, top = found.spots[0], found.spots[2]
    assert top[1] < foot[1], "what is higher is higher in the picture"
    # The first looks up the street, so its front is farther; the second looks across it.
    assert found.ahead[1] > found.ahead[0]
    assert found.right[4] - found.right[3] == pytest.approx(1.0, abs=0.2)


def seen(
    *rows: tuple[float, float, float], farthest: int = 60_000, limit: float = 200.0
) -> list[int]:
    """Numbers of the things at (x, y) with this reach that may be seen."""
    table = np.full((CAMERA.height // BLOCK + 1, CAMERA.width // BLOCK + 1), farthest, np.uint16)
    things = np.array([(x, y, 0.0, 1.0, 0.8, reach) for x, y, reach in rows])
    return in_sight(CAMERA, things, table, limit)


def test_what_is_behind_beside_or_too_far_is_not_seen() -> None:
    ahead, behind, beside = (0.0, 30.0, 1.0), (0.0, CAMERA.y - 20, 1.0), (300.0, 30.0, 1.0)
    assert seen(ahead, behind, beside) == [0]
    assert seen(ahead, limit=5.0) == []


def test_what_is_hidden_by_the_scenery_is_not_seen() -> None:
    assert seen((0.0, 30.0, 1.0), farthest=500) == []
    assert seen((0.0, 30.0, 1.0), farthest=60_000) == [0]


def test_what_reaches_into_the_picture_is_seen() -> None:
    assert seen((60.0, 30.0, 1.0)) == []
    assert seen((60.0, 30.0, 50.0)) == [0]
