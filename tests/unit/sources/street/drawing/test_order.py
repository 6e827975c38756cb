"""Who hides whom."""

from __future__ import annotations

import pytest

from sightline.sources.street.camera import Camera
from sightline.sources.street.drawing.order import in_painting_order
from sightline.sources.street.drawing.paint import Sprite

CAMERA = Camera(6.0, 0.0, 7.0, 0.1, 0.25, 1000.0, 1280, 768)


def thing(slot: int, x: float, y: float, length: float, width: float, box: bool = True) -> Sprite:
    """Something that points along the street, seen somewhere in the middle of the picture."""
    corners = [
        (x + b * width / 2, y + a * length / 2) for a, b in ((1, -1), (1, 1), (-1, 1), (-1, -1))
    ]
    place = (400, 300, 700, 500) if box else (10, 10, 20, 20)
    return Sprite(slot, slot, 2, CAMERA.depth(x, y), [], place, corners)


@pytest.mark.parametrize(
    ("farther", "nearer"),
    [
        pytest.param((0.0, 30.0, 4.0, 1.8), (0.0, 20.0, 4.0, 1.8), id="one car behind another"),
        pytest.param(
            (0.0, 24.0, 12.0, 2.5), (2.2, 28.0, 1.8, 0.6), id="bicycle beside a bus's nose"
        ),
        pytest.param((-3.0, 20.0, 1.8, 0.6), (0.0, 24.0, 12.0, 2.5), id="bicycle beyond the bus"),
        pytest.param((0.0, 31.0, 0.5, 0.5), (0.0, 24.0, 12.0, 2.5), id="somebody ahead of the bus"),
        pytest.param((0.0, 24.0, 12.0, 2.5), (0.0, 17.0, 0.5, 0.5), id="somebody behind the bus"),
    ],
)
def test_the_nearer_is_painted_last(farther: tuple[float, ...], nearer: tuple[float, ...]) -> None:
    far, near = thing(1, *farther), thing(2, *nearer)
    for items in ([far, near], [near, far]):
        assert [item.slot for item in in_painting_order(items, CAMERA)] == [1, 2]


def test_a_rider_is_painted_after_the_bicycle() -> None:
    bicycle, rider = thing(2, 0.0, 20.0, 1.8, 0.5), thing(1, 0.0, 20.0, 0.6, 0.5)
    rider.depth -= 0.01
    assert [item.slot for item in in_painting_order([rider, bicycle], CAMERA)] == [2, 1]


def test_things_apart_in_the_picture_go_by_depth() -> None:
    bus, bicycle = thing(1, 0.0, 24.0, 12.0, 2.5), thing(2, 2.2, 28.0, 1.8, 0.6, box=False)
    assert [item.slot for item in in_painting_order([bus, bicycle], CAMERA)] == [2, 1]


def test_nothing_and_one() -> None:
    assert in_painting_order([], CAMERA) == []
    only = thing(1, 0.0, 20.0, 4.0, 1.8)
    assert in_painting_order([only], CAMERA) == [only]
