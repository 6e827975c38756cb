"""People on foot: they keep to pavements and crossings, wait at shut gates, and arrive."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.sources.street.layout import FAR_END, NEAR_END, SIDE_END, make_layout
from sightline.sources.street.people import Crowd, Walker, Waypoint

OPEN = {"zebra": True, "walk": True}
SHUT = dict.fromkeys(OPEN, False)


def walker(*route: Waypoint, pace: float = 1.5) -> Walker:
    return Walker(1, 0.0, 0.0, 0.0, 1.0, pace, 1.7, 5, list(route))


def walk(one: Walker, seconds: float, gates: dict[str, bool] = OPEN) -> None:
    for _ in range(round(seconds * 25)):
        one.step(0.04, gates)


def test_somebody_walks_to_each_place_and_stops_at_the_last() -> None:
    one = walker(Waypoint(0, 3), Waypoint(4, 3))
    walk(one, 10)
    assert (one.x, one.y) == pytest.approx((4, 3), abs=0.2)
    assert one.route == []
    one.step(0.04, OPEN)
    assert one.speed == 0
    assert (one.hx, one.hy) == pytest.approx((1, 0), abs=0.1), "they look where they went"


def test_nobody_starts_at_once_or_walks_faster_than_their_pace() -> None:
    one = walker(Waypoint(0, 100), pace=1.2)
    speeds = []
    for _ in range(50):
        one.step(0.04, OPEN)
        speeds.append(one.speed)
    assert speeds[0] == pytest.approx(0.08)
    assert speeds == sorted(speeds)
    assert max(speeds) == 1.2
    assert one.phase > 0


def test_a_shut_gate_is_waited_for_and_then_the_road_is_crossed_faster() -> None:
    one = walker(Waypoint(0, 1, "zebra"), Waypoint(0, 9))
    walk(one, 5, SHUT)
    assert (one.waiting, one.speed) == ("zebra", 0)
    assert one.y == pytest.approx(1, abs=0.2)
    walk(one, 2)
    assert (one.crossing, one.waiting) == ("zebra", "")
    assert one.speed == pytest.approx(1.5 * 1.25)
    walk(one, 10)
    assert (one.crossing, one.route) == ("", [])


def test_headings_are_directions() -> None:
    one = walker(Waypoint(-5, 0.0), Waypoint(5, -5))
    for _ in range(300):
        one.step(0.04, OPEN)
        assert math.hypot(one.hx, one.hy) == pytest.approx(1.0)


def crowd(seed: int, count: int = 30) -> Crowd:
    return Crowd(make_layout(seed), np.random.Generator(np.random.PCG64(seed)), count)


@pytest.mark.parametrize("seed", range(6))
def test_a_crowd_is_filled_up_and_nobody_begins_on_a_road(seed: int) -> None:
    people = crowd(seed)
    assert people.fill(10, anywhere=True) == 40
    assert sorted(one.id for one in people.walkers) == list(range(10, 40))
    street = people.street
    for one in people.walkers:
        assert NEAR_END - 1 <= one.y <= FAR_END + 1
        assert abs(one.x) <= SIDE_END + 1
        on_road = abs(one.x) < street.half
        near_crossing = (
            min(abs(one.y - at) for at in (street.zebra, *street.junction_crossings)) < 4
        )
        assert not on_road or near_crossing or abs(one.y - street.junction) < 20
        assert 1.0 < one.height < 2.0
    assert people.fill(40, anywhere=True) == 40, "there are enough"


def test_who_has_arrived_leaves_and_who_stands_about_stays() -> None:
    people = crowd(1, 3)
    people.walkers = [walker(Waypoint(0, 0.01)), walker(pace=0.0), walker(Waypoint(0, 50))]
    for one, number in zip(people.walkers, (1, 2, 3), strict=True):
        one.id = number
    for _ in range(5):
        people.step(0.04, OPEN)
    assert [one.id for one in people.walkers] == [2, 3]
    assert people.fill(9, anywhere=False) == 10


def test_one_seed_makes_one_crowd() -> None:
    crowds = [crowd(4), crowd(4), crowd(5)]
    for one in crowds:
        one.fill(1, anywhere=True)
        for _ in range(25):
            one.step(0.04, OPEN)
    first, again, other = ([(w.x, w.y, w.look) for w in one.walkers] for one in crowds)
    assert first == again != other
