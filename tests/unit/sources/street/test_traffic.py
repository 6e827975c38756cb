"""The vehicles of a street: who comes, who is parked, who has left."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sightline.sources.street.layout import LANE, make_layout
from sightline.sources.street.options import StreetOptions
from sightline.sources.street.paths import make_paths
from sightline.sources.street.traffic import Traffic
from sightline.sources.street.vehicles import car_paint


def traffic(seed: int = 1, **options: Any) -> Traffic:
    street = make_layout(seed)
    rng = np.random.Generator(np.random.PCG64(seed))
    return Traffic(street, make_paths(street), rng, StreetOptions(seed=seed, **options).resolved())


@pytest.mark.parametrize("seed", range(6))
def test_nobody_stands_in_anothers_way(seed: int) -> None:
    found = traffic(seed, density=3)
    found.populate()
    assert found.vehicles
    for at, one in enumerate(found.vehicles):
        for other in found.vehicles[at + 1 :]:
            near = (one.length + other.length) / 2
            assert (
                abs(one.x - other.x) >= LANE * 0.8
                or abs(one.y - other.y) >= near
                or (abs(one.hy) < 0.5 or abs(other.hy) < 0.5)
            )


def test_identities_are_given_once_also_to_riders() -> None:
    found = traffic(2, density=3)
    found.populate()
    found.park()
    everybody = [*found.vehicles, *found.parked]
    ids = [one.id for one in everybody] + [one.rider for one in everybody if one.rider]
    assert len(ids) == len(set(ids))
    assert max(ids) < found.next_id
    for one in found.vehicles:
        assert bool(one.rider) is (one.kind in ("bicycle", "motorcycle"))
    assert not any(one.rider for one in found.parked)


@pytest.mark.parametrize("kind", ["car", "truck", "bus", "motorcycle", "bicycle"])
def test_a_vehicle_has_the_size_and_the_place_of_its_kind(kind: str) -> None:
    found = traffic()
    for _ in range(30):
        one = found.make(0, 20.0, kind)
        assert one.length > one.width > 0.4
        assert 0 < one.speed < one.wish < 15.1
        x, y, hx, hy = found.paths[0].at(20.0)
        assert (one.hx, one.hy) == (hx, hy)
        assert math.hypot(one.x - x, one.y - y) == pytest.approx(abs(one.lateral))


def test_who_has_reached_the_end_is_forgotten() -> None:
    found = traffic()
    end = found.paths[0].length
    found.vehicles = [found.make(0, s, "car") for s in (10.0, end, end + 10)]
    found.leave()
    assert [one.s for one in found.vehicles] == [10.0, end]


def test_an_empty_street_stays_empty_and_a_busy_one_fills() -> None:
    empty, busy = traffic(density=0), traffic(density=3)
    for one in (empty, busy):
        one.populate()
        for _ in range(200):
            one.arrive(0.04)
    assert empty.vehicles == []
    assert len(busy.vehicles) > 5


def test_parked_vehicles_stand_still_beside_the_lanes() -> None:
    parked = [one for seed in range(8) for one in traffic_parked(seed)]
    assert parked
    assert {one.speed for one in parked} == {0.0}
    assert {one.path for one in parked} == {-1}
    assert {"car"} < {one.kind for one in parked}


def traffic_parked(seed: int) -> list[Any]:
    found = traffic(seed)
    found.park()
    for one in found.parked:
        assert abs(one.x) > found.street.half - 3.0
        assert not (one.kind == "car" and abs(one.y - found.street.zebra) <= 8)
    return found.parked


def test_bright_paint_and_more_trucks_are_options() -> None:
    bright = traffic(paint="bright")
    assert {car_paint(bright.make(0, 0.0, "car").look) for _ in range(20)} <= {13, 14}
    usual, many = traffic(3, density=3), traffic(3, density=3, trucks=1.0)
    for one in (usual, many):
        one.populate()
    assert not [v for v in many.vehicles if v.kind == "car" and not many.paths[v.path].turn]
