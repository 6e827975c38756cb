"""The moving part of the street behaves like a street."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from sightline.sources.street.layout import make_layout
from sightline.sources.street.options import StreetOptions
from sightline.sources.street.people import Walker, Waypoint
from sightline.sources.street.traffic import Vehicle
from sightline.sources.street.world import SPEED_LIMITS, World

STEP = 0.04


def world_of(seed: int, **options: object) -> World:
    return World(StreetOptions(seed=seed, **options), make_layout(seed))


def corners(v: Vehicle) -> list[tuple[float, float]]:
    return [
        (v.x + a * v.length / 2 * v.hx - b * v.width / 2 * v.hy,
         v.y + a * v.length / 2 * v.hy + b * v.width / 2 * v.hx)
        for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
    ]  # fmt: skip


def overlap(a: Vehicle, b: Vehicle) -> bool:
    """Separating axis test on the footprints."""
    for one in (a, b):
        for x, y in ((one.hx, one.hy), (-one.hy, one.hx)):
            first = [px * x + py * y for px, py in corners(a)]
            other = [px * x + py * y for px, py in corners(b)]
            if max(first) <= min(other) + 0.05 or max(other) <= min(first) + 0.05:
                return False
    return True


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_nobody_jumps_or_speeds(seed: int) -> None:
    world = world_of(seed)
    before: dict[int, tuple[float, float]] = {}
    seen: Counter[str] = Counter()
    for _ in range(400):
        world.advance(STEP)
        now = {v.id: (v.kind, v.x, v.y) for v in world.vehicles}
        now |= {w.id: ("person", w.x, w.y) for w in world.crowd.walkers}
        for number, (kind, x, y) in now.items():
            if number in before:
                px, py = before[number]
                # Swinging out round somebody adds a little sideways.
                limit = SPEED_LIMITS[kind] * STEP * 1.05 + 0.01
                assert math.hypot(x - px, y - py) <= limit, (kind, number)
                seen[kind] += 1
        before = {number: (x, y) for number, (_, x, y) in now.items()}
    assert seen["car"] > 500
    assert seen["person"] > 500


@pytest.mark.parametrize("seed", [0, 3, 4, 7])
def test_vehicles_keep_apart(seed: int) -> None:
    world = world_of(seed)
    for _ in range(100):
        world.advance(0.2)
        for at, car in enumerate(world.vehicles):
            for other in world.vehicles[at + 1 :]:
                assert not overlap(car, other), (car, other)


@pytest.mark.parametrize("seed", [2, 100, 101, 106])
def test_nobody_walks_through_a_vehicle(seed: int) -> None:
    world = world_of(seed)
    for _ in range(160):
        world.advance(0.2)
        for person in world.crowd.walkers:
            for car in world.vehicles if person.crossing else ():
                dx, dy = person.x - car.x, person.y - car.y
                ahead, aside = dx * car.hx + dy * car.hy, dy * car.hx - dx * car.hy
                inside = abs(ahead) < car.length / 2 and abs(aside) < car.width / 2
                assert not inside, (person, car)


def test_red_is_respected_and_green_is_used() -> None:
    world = world_of(1)
    stop = next(s for s, gate in world.paths[0].stops if gate == "north")
    passed: Counter[str] = Counter()
    before: dict[int, float] = {}
    for _ in range(1500):
        colour = world.signals.at(world.time)["north"]
        world.advance(STEP)
        for car in world.vehicles:
            front = car.s + car.length / 2
            if car.path in (0, 2) and before.get(car.id, math.inf) < stop <= front:
                passed[colour] += 1
        before = {v.id: v.s + v.length / 2 for v in world.vehicles}
    assert passed["red"] == 0
    assert passed["green"] > 3


def test_vehicles_stop_for_people_on_the_crossing() -> None:
    world = world_of(0, density=0.0)
    street = world.street
    car = world.traffic.make(0, 40.0, "car")
    world.vehicles.append(car)
    stop = next(s for s, gate in world.paths[0].stops if gate == "zebra")
    edge = street.half + 0.5
    route = [Waypoint(edge, street.zebra, "zebra"), Waypoint(-edge, street.zebra)]
    world.crowd.walkers.append(Walker(99, edge, street.zebra, -1.0, 0.0, 0.5, 1.7, 1, route))
    stood = 0
    while world.crowd.walkers and world.time < 60:
        world.advance(STEP)
        if any(w.crossing for w in world.crowd.walkers):
            assert car.s + car.length / 2 <= stop + 0.3
            stood += car.speed < 0.1
    assert stood > 25
    world.advance(6.0)
    assert car.s > stop + 10, "drives on when the crossing is free"


def test_there_is_turning_and_changing_of_lanes() -> None:
    turned, changed = set(), set()
    for seed in range(6):
        world = world_of(seed)
        lanes: dict[int, int] = {}
        for _ in range(250):
            world.advance(0.1)
            for car in world.vehicles:
                path = world.paths[car.path]
                if path.turn and car.s > path.bend_end:
                    turned.add((seed, car.id))
                if lanes.setdefault(car.id, car.path) != car.path:
                    changed.add((seed, car.id))
    assert len(turned) >= 3
    assert len(changed) >= 1


def test_bicycles_are_overtaken_with_room() -> None:
    world = world_of(0, density=0.0)
    assert world.street.lanes == 1
    slow = world.traffic.make(0, 40.0, "bicycle")
    fast = world.traffic.make(0, 5.0, "car")
    slow.wish, fast.wish = 4.5, 12.0
    world.vehicles += [slow, fast]
    beside: list[float] = []
    for _ in range(300):
        world.advance(STEP)
        if abs(fast.s - slow.s) < (fast.length + slow.length) / 2:
            beside.append(fast.lateral - slow.lateral - (fast.width + slow.width) / 2)
        if fast.s > slow.s + 25:
            break
    assert fast.s > slow.s + 20
    assert min(beside) > 0.5
    assert abs(fast.lateral) < 0.3, "back in its lane"


def test_every_kind_occurs() -> None:
    kinds: set[str] = set()
    for seed in range(8):
        kinds |= {v.kind for v in world_of(seed).vehicles}
    assert kinds == {"car", "bus", "truck", "motorcycle", "bicycle"}


@pytest.mark.parametrize("seed", range(8))
def test_parked_things_stand_apart_and_off_the_road(seed: int) -> None:
    world = world_of(seed)
    parked = world.parked
    for at, thing in enumerate(parked):
        cycle = thing.kind in ("bicycle", "motorcycle")
        assert cycle or thing.kind == "car"
        assert thing.rider == 0
        assert not any(overlap(thing, other) for other in parked[at + 1 :])
        assert min(abs(x) for x, _ in corners(thing)) > world.street.kerb
        if cycle:
            apart = abs(thing.y - world.street.zebra), abs(thing.y - world.street.junction)
            assert apart[0] > 3
            assert apart[1] > 5
            fixed = [(tree.x, tree.y) for tree in world.street.trees] + [*world.street.lamps]
            assert all(math.hypot(thing.x - x, thing.y - y) > 0.9 for x, y in fixed)


def test_cycles_stand_without_riders_in_most_streets() -> None:
    kinds = [{v.kind for v in world_of(seed).parked} for seed in range(10)]
    assert sum("bicycle" in of_street for of_street in kinds) >= 7
    assert sum("motorcycle" in of_street for of_street in kinds) >= 5


def test_parked_things_stay() -> None:
    world = world_of(2)
    before = [(v.id, v.x, v.y, v.hx, v.hy) for v in world.parked]
    world.advance(3.0)
    assert [(v.id, v.x, v.y, v.hx, v.hy) for v in world.parked] == before


def test_no_traffic_without_density() -> None:
    world = world_of(1, density=0.0)
    world.advance(20)
    assert not world.vehicles
    assert not world.crowd.walkers
