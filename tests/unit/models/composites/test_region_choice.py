"""Which parts are shown, and how large."""

from __future__ import annotations

import numpy as np

from sightline.models.composites.mosaic import Patch
from sightline.models.composites.region_choice import SHOWN_PX, patches_around

SIZE = (1920, 1080)
CANVASES = [(384, 224), (640, 384)]


def choice(*boxes: tuple[float, float, float, float]) -> tuple[int, list[Patch]] | None:
    return patches_around(np.array(boxes, np.float32), SIZE, CANVASES, 1 / 3)


def patches(*boxes: tuple[float, float, float, float]) -> list[Patch]:
    chosen = choice(*boxes)
    assert chosen is not None
    return chosen[1]


def test_a_part_holds_its_box_and_what_is_around_it() -> None:
    (patch,) = patches((401, 303, 421, 343))
    left, top, right, bottom = patch.part
    assert (left, top) < (371, 273)
    assert (right, bottom) > (451, 373)
    assert all(edge % 2 == 0 for edge in patch.part)


def test_small_objects_are_seen_at_full_resolution_and_large_ones_smaller() -> None:
    small, large = sorted(
        patches((300, 300, 320, 350), (1000, 400, 1500, 800)), key=lambda p: p.part[0]
    )
    assert small.spot.scale.tolist() == [1, 1]
    assert 500 / large.spot.scale[0] >= SHOWN_PX
    assert large.spot.width < 300


def test_boxes_at_both_ends_of_the_picture_are_not_one_part() -> None:
    parts = [patch.part for patch in patches((10, 500, 40, 560), (1880, 500, 1910, 560))]
    assert len(parts) == 2
    assert all(right - left < 200 for left, _, right, _ in parts)


def test_boxes_beside_one_another_are_one_part() -> None:
    assert len(patches((500, 500, 530, 560), (535, 505, 560, 555))) == 1


def test_a_person_beside_a_bus_keeps_a_part_of_their_own() -> None:
    found = patches((600, 300, 1200, 800), (1190, 500, 1210, 550))
    scales = sorted(float(patch.spot.scale[0]) for patch in found)
    assert scales[0] == 1
    assert scales[-1] > 2


def test_parts_end_with_the_picture() -> None:
    (patch,) = patches((1880, 1040, 1925, 1085))
    assert patch.part[2:] == SIZE


def test_little_motion_takes_the_small_mosaic() -> None:
    chosen = choice((300, 300, 320, 350))
    assert chosen is not None
    assert chosen[0] == 0


def test_more_motion_takes_the_large_one_and_too_much_none() -> None:
    grid = [(x, y, x + 50.0, y + 60.0) for x in range(100, 1800, 250) for y in range(100, 800, 350)]
    chosen = choice(*grid)
    assert chosen is not None
    assert chosen[0] == 1
    assert (
        choice(*[(x, y, x + 50, y + 60) for x in range(0, 1900, 160) for y in range(0, 1000, 180)])
        is None
    )


def test_rain_is_too_much() -> None:
    drops = np.random.default_rng(1).uniform((0, 0), (1900, 1060), (500, 2))
    assert choice(*[(x, y, x + 4, y + 9) for x, y in drops.tolist()]) is None


def test_boxes_outside_of_the_picture_have_no_part() -> None:
    assert patches((2200, 100, 2300, 200)) == []
