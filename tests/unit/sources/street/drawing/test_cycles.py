"""Bicycles and motorcycles as limbs, and who rides them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.sources.street.drawing.cycles import (
    BICYCLE,
    MOTORCYCLE,
    Machine,
    bicycle,
    motorcycle,
    rider,
)
from sightline.sources.street.drawing.figures import Limb, outfit
from sightline.sources.street.drawing.shapes import HEAD, TAIL


def points(limbs: list[Limb]) -> list[tuple[float, float, float]]:
    return [point for limb in limbs for point in limb.points]


@pytest.mark.parametrize("limbs", [bicycle(5, 0.0), motorcycle(5)], ids=["bicycle", "motorcycle"])
def test_two_wheels_stand_on_the_ground(limbs: list[Limb]) -> None:
    low = min(z for _, _, z in points(limbs))
    assert -0.02 <= low <= 0.08
    ends = [x for x, _, _ in points(limbs)]
    assert -1.1 < min(ends) < -0.6
    assert 0.6 < max(ends) < 1.1
    assert {HEAD, TAIL} <= {limb.lamp for limb in limbs}
    (front,), (rear,) = ([one for one in limbs if one.lamp == lamp] for lamp in (HEAD, TAIL))
    assert front.points[0][0] > 0 > rear.points[0][0]


def test_pedals_turn_and_wheels_with_them() -> None:
    still, turned = bicycle(5, 0.0), bicycle(5, 1.0)
    assert len(still) == len(turned)
    assert points(still) != points(turned)
    assert np.array(points(bicycle(5, math.tau))) == pytest.approx(
        np.array(points(still)), abs=2e-3
    )


def test_one_look_is_one_machine() -> None:
    assert motorcycle(9) == motorcycle(9)
    assert len({tuple(limb.colour for limb in bicycle(look, 0.0)) for look in range(30)}) > 15


@pytest.mark.parametrize("machine", [BICYCLE, MOTORCYCLE], ids=["bicycle", "motorcycle"])
@pytest.mark.parametrize("helmet", [True, False])
def test_a_rider_sits_on_the_saddle_and_holds_the_bars(machine: Machine, helmet: bool) -> None:
    found = points(rider(outfit(4, cold=False), machine, 1.7, 0.5, helmet, 1, True))

    def nearest(place: tuple[float, float, float]) -> float:
        return min(math.dist(one, place) for one in found)

    sx, _, sz = machine.saddle
    assert nearest((sx, 0.1, sz)) < 0.25
    for side in (1, -1):
        assert nearest((machine.bars[0], side * machine.bars[1], machine.bars[2])) < 0.15
    assert machine.saddle[2] + 0.6 < max(z for _, _, z in found) < machine.saddle[2] + 1.1


def test_feet_go_round_with_the_pedals_and_stay_on_their_rests() -> None:
    wear = outfit(4, cold=False)
    pedalling = [points(rider(wear, BICYCLE, 1.7, phase, False, 1, True)) for phase in (0.0, 1.5)]
    resting = [points(rider(wear, MOTORCYCLE, 1.7, phase, False, 1, True)) for phase in (0.0, 1.5)]
    assert pedalling[0] != pedalling[1]
    assert resting[0] == resting[1]
