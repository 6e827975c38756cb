"""Traffic lights: where they hang, and where their lamps are in the picture."""

from __future__ import annotations

import pytest

from sightline.sources.street.camera import Camera
from sightline.sources.street.layout import make_layout
from sightline.sources.street.traffic_lights import Signal, find_signals

LEVEL = Camera(0, 0, 3.4, 0.0, 0.0, 1000, 640, 400)


def test_lamps_hang_one_below_the_other_and_grow_as_they_come_near() -> None:
    near, far = (Signal("north", 1, y, 3.4, True).lamps(LEVEL) for y in (10.0, 20.0))
    # 1 m to the right at 10 m is 100 pixels; the lamps are 0.29 m apart, their radius is 0.115 m.
    assert [(x / 16, y / 16) for x, y, _ in near] == [
        (420, pytest.approx(171, abs=0.1)), (420, 200), (420, pytest.approx(229, abs=0.1)),
    ]  # fmt: skip
    assert [radius / 16 for *_, radius in near] == pytest.approx([11.5] * 3)
    assert [radius / 16 for *_, radius in far] == pytest.approx([5.75] * 3, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_a_camera_on_the_road_sees_the_front_of_those_that_stop_it(seed: int) -> None:
    street = make_layout(seed)
    camera = Camera(street.lane_x(0), 0, 5, 0.0, 0.0, 1000, 640, 400)
    found = find_signals(street, camera)
    assert {signal.gate for signal in found} == {"north", "south", "east", "west"}
    assert len(found) == 8
    assert {signal.gate for signal in found if signal.seen} >= {"north"}
    assert not any(signal.seen for signal in found if signal.gate == "south")
    assert all(camera.depth(signal.x, signal.y, signal.z) > 6 for signal in found)
    behind = Camera(0, 190, 5, 0.0, 0.0, 1000, 640, 400)
    assert find_signals(street, behind) == []
