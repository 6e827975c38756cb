"""The planes that the empty street is painted into."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.sources.street.camera import Camera
from sightline.sources.street.drawing.light import GroundLight
from sightline.sources.street.drawing.planes import FAR, Planes

CAMERA = Camera(0.0, 0.0, 2.0, 0.0, 0.0, 100.0, 320, 200)
"""Looks along +y, level, 2 m above the ground."""


@pytest.fixture
def planes() -> Planes:
    return Planes(CAMERA)


def test_at_first_all_is_sky(planes: Planes) -> None:
    assert planes.colour.shape == (200, 320, 3)
    assert (planes.depth == 1e6).all()
    assert (planes.solid == FAR).all()


@pytest.mark.parametrize(
    ("point", "column", "row", "depth"),
    [
        ((0.0, 10.0, 2.0), 160, 100, 10.0),
        ((5.0, 10.0, 2.0), 210, 100, 10.0),
        ((0.0, 10.0, 0.0), 160, 120, 10.0),
        ((-4.0, 20.0, 6.0), 140, 80, 20.0),
    ],
)
def test_points(planes: Planes, point: tuple[float, float, float], column: int, row: int, depth: float) -> None:  # fmt: skip
    x, y, ahead = planes.spot(*point)
    assert (x / 16, y / 16, ahead) == pytest.approx((column, row, depth), abs=0.1)


def test_the_box_around_a_wall(planes: Planes) -> None:
    assert planes.bounds([(-5, 5), (10, 10), (2, 4)]) == (110, 80, 212, 102), (
        "with a pixel around it"
    )
    assert planes.bounds([(-500, 500), (10, 10), (2, 4)]) == (0, 80, 320, 102), "cut off"
    assert planes.bounds([(100, 110), (10, 10), (2, 4)]) is None, "beside the picture"
    assert planes.bounds([(-5, 5), (-20, -10), (2, 4)]) is None, "behind the camera"
    assert planes.bounds([(-5, 5), (-10, 10), (2, 4)]) == (0, 0, 320, 200), "around it"


def test_what_is_painted_has_one_depth_in_all_planes(planes: Planes) -> None:
    planes.line((16 * 10, 16 * 50), (16 * 40, 16 * 50), 2, (0.1, 0.2, 0.3), 12.5)
    planes.disc((16 * 200, 16 * 100), 16 * 8, (0.4, 0.5, 0.6), 30.0)
    assert planes.colour[50, 20].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert (planes.depth[50, 20], planes.solid[50, 20]) == (12.5, 1250)
    assert planes.colour[100, 200].tolist() == pytest.approx([0.4, 0.5, 0.6])
    assert (planes.depth[100, 200], planes.solid[100, 200]) == (30.0, 3000)
    painted = planes.depth < 1e6
    assert (painted == (planes.solid < FAR)).all()
    assert 220 < painted.sum() < 320


def test_what_stands_behind_a_building_is_hidden(planes: Planes) -> None:
    planes.disc((16 * 100, 16 * 100), 16 * 20, (0.0, 0.0, 0.0), 10.0)
    assert planes.is_hidden(16 * 100, 16 * 100, 11.0)
    assert not planes.is_hidden(16 * 100, 16 * 100, 10.3), "it leans on it"
    assert not planes.is_hidden(16 * 200, 16 * 100, 1000.0)
    for outside in ((-1, 16), (16, -1), (16 * 320, 16), (16, 16 * 200)):
        assert not planes.is_hidden(*outside, 1e9)


def test_lamp_light_is_soft_and_stays_on_the_canvas(planes: Planes) -> None:
    planes.add_light(100, 100, 20, 10, 2.0)
    middle = planes.colour[100, 100].tolist()
    assert middle == pytest.approx([2 * one for one in GroundLight.LAMP], rel=1e-5)
    assert 0 < planes.colour[100, 115, 0] < middle[0]
    assert planes.colour[100, 121].sum() == planes.colour[111, 100].sum() == 0
    before = planes.colour.copy()
    planes.add_light(-50, 100, 20, 10, 2.0)
    assert (planes.colour == before).all()
    planes.add_light(0, 0, 20, 10, 2.0)
    assert np.isfinite(planes.colour).all()
