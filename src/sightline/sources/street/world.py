"""Everything that moves: vehicles that follow one another, stop, turn and overtake, and people.

Car following is the intelligent driver model (Treiber, Hennecke and Helbing 2000).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sightline.sources.street.layout import LANE, NEAR_END, PARKING, Layout
from sightline.sources.street.options import StreetOptions
from sightline.sources.street.paths import TURN_SPEED, Path, Signals, make_paths
from sightline.sources.street.people import Crowd
from sightline.sources.street.stands import END, START, Stand, make_bay, make_stands

COARSE = 0.1
"""The longest step of the simulation in seconds."""
WARM_UP = 14.0
ZEBRA_REACH = 5.5
"""From the stop line to the far side of the crossing (m)."""
PARKED_END = 120.0
"""Nobody parks farther up the street (m)."""
SPEED_LIMITS = {
    "car": 14.0,
    "bus": 11.5,
    "truck": 11.5,
    "motorcycle": 15.0,
    "bicycle": 6.5,
    "person": 4.2,
}
"""No kind ever moves faster, in m/s."""

# kind: share of the traffic, then ranges of length, width, height and wished speed.
_KINDS = {
    "car": (0.56, (3.7, 4.8), (1.70, 1.86), (1.42, 1.52), (9.5, 14.0)),
    "truck": (0.10, (6.0, 8.6), (2.25, 2.5), (2.9, 3.6), (8.0, 11.5)),
    "bus": (0.07, (10.5, 12.2), (2.5, 2.55), (3.0, 3.2), (8.0, 11.0)),
    "motorcycle": (0.12, (2.0, 2.2), (0.75, 0.8), (1.15, 1.25), (9.0, 15.0)),
    "bicycle": (0.15, (1.7, 1.78), (0.5, 0.6), (1.05, 1.1), (3.8, 6.2)),
}
_BRAKING, _HEADWAY, _GAP = 2.6, 1.1, 2.0


@dataclass(slots=True)
class Vehicle:
    """A vehicle on its path. ``s`` and ``lateral`` (left is positive) are of its middle, in metres.

    ``rider`` is the identity of the person on a bicycle or motorcycle, else 0. ``look`` seeds the
    appearance. ``path`` is -1 where it is parked. ``phase`` is how far its wheels or pedals have
    turned, in radians.
    """

    id: int
    kind: str
    path: int
    s: float
    speed: float
    length: float
    width: float
    height: float
    wish: float
    look: int
    rider: int = 0
    lateral: float = 0.0
    aim: float = 0.0
    braking: bool = False
    blink: int = 0
    phase: float = 0.0
    x: float = 0.0
    y: float = 0.0
    hx: float = 1.0
    hy: float = 0.0


class World:
    """The moving part of a street. ``step`` advances it; the lists show its present state."""

    def __init__(self, options: StreetOptions, street: Layout) -> None:
        self.street = street
        self.paths = make_paths(street)
        self.time = 0.0
        self.vehicles: list[Vehicle] = []
        self.parked: list[Vehicle] = []
        self._density = float(options.density)
        self._rng = np.random.Generator(np.random.PCG64([options.seed, 3]))
        self._next_id = 1
        self.signals = Signals(self._rng.random())
        self.crowd = Crowd(street, self._rng, round(30 * self._density))
        self._park()
        for stand in make_stands(street, self._rng):
            self._stand(stand)
        self._next_id = self.crowd.fill(self._next_id, anywhere=True)
        for at in range(len(self.paths)):
            self._populate(at)
        self.advance(WARM_UP)

    def advance(self, seconds: float) -> None:
        """Move everything on by ``seconds``, in equal steps of at most ``COARSE``."""
        steps = max(1, math.ceil(seconds / COARSE - 1e-9))
        for _ in range(steps):
            self._step(seconds / steps)

    def _step(self, dt: float) -> None:
        self.time += dt
        lights = self.signals.at(self.time)
        yielding = self._zebra_is_clear()
        self.crowd.step(dt, {"walk": lights["walk"] == "green", "zebra": yielding})
        self._next_id = self.crowd.fill(self._next_id, anywhere=False)
        wanted = any("zebra" in (w.crossing, w.waiting) for w in self.crowd.walkers)
        shut = {gate for gate, colour in lights.items() if colour != "green"}
        if wanted:
            shut.add("zebra")
        gaps = self._gaps()
        for vehicle in self.vehicles:
            self._drive(vehicle, gaps.get(vehicle.id), shut, lights, dt)
        self.vehicles = [v for v in self.vehicles if v.s - v.length / 2 < self.paths[v.path].length]
        self._arrive(dt)

    # What a driver does.

    def _drive(
        self,
        car: Vehicle,
        leader: tuple[float, float] | None,
        shut: set[str],
        lights: dict[str, str],
        dt: float,
    ) -> None:
        path = self.paths[car.path]
        front = car.s + car.length / 2
        wish = car.wish
        if front > path.bend_at - 40 and car.s - car.length / 2 < path.bend_end:
            left = max(0.0, path.bend_at - front)
            wish = min(wish, math.sqrt(TURN_SPEED * TURN_SPEED + 3.0 * left))
        ahead = [leader] if leader else []
        for position, gate in path.stops:
            left = position - front
            comfortable = car.speed * car.speed / (2 * 3.2)
            if gate in shut and left > -0.6:
                late = lights.get(gate) == "yellow" or gate == "zebra"
                if not (late and left < comfortable):
                    ahead.append((max(left + 1.2, 0.05), 0.0))
        pull = 1.0 if car.kind in ("bus", "truck") else 1.7
        ratio = car.speed / max(wish, 0.1)
        push = pull * (1 - ratio * ratio * ratio * ratio)
        for gap, speed in ahead:
            wanted = _GAP + max(
                0.0,
                car.speed * _HEADWAY
                + car.speed * (car.speed - speed) / (2 * math.sqrt(pull * _BRAKING)),
            )
            share = wanted / max(gap, 0.05)
            push = min(push, pull * (1 - ratio * ratio * ratio * ratio - share * share))
        push = max(push, -7.5)
        # Lamps do not flicker: they go out later than they came on.
        car.braking = push < -0.7 or (car.braking and push < 0.05) or car.speed < 0.3
        speed = min(max(0.0, car.speed + push * dt), SPEED_LIMITS[car.kind])
        moved = 0.5 * (car.speed + speed) * dt
        car.speed, car.s = speed, car.s + moved
        car.phase += moved / 0.34
        self._steer(car, path, leader, dt, moved)

    def _steer(
        self,
        car: Vehicle,
        path: Path,
        leader: tuple[float, float] | None,
        dt: float,
        moved: float,
    ) -> None:
        """Keep to the lane, change it, or swing out round a bicycle."""
        aim = car.aim
        if car.kind not in ("bicycle", "motorcycle"):
            aim = 0.0
            if path.outer and self._cyclist_near(car):
                aim = 0.75 if car.width > 2 else 1.0
            elif leader and leader[0] < 28 and leader[1] < car.wish - 2.5 and car.speed > 2.5:
                self._change_lane(car, path)
        side = aim - car.lateral
        # At most a quarter sideways of what it moves ahead.
        most = min(1.3 * dt, 0.25 * moved)
        car.lateral += max(-most, min(most, side))
        car.blink = path.turn if car.s - path.bend_at > -45 and car.s < path.bend_end else 0
        if abs(side) > 0.6 and not car.blink and car.kind != "bicycle":
            car.blink = 1 if side > 0 else -1
        self.place(car)

    def _cyclist_near(self, car: Vehicle) -> bool:
        return any(
            other.kind == "bicycle"
            and other.path == car.path
            and -5 < other.s - car.s < 18
            and other.lateral > -1.9
            for other in self.vehicles
        )

    def _change_lane(self, car: Vehicle, path: Path) -> None:
        stop = next((s for s, gate in path.stops if s > car.s and gate != "zebra"), None)
        if abs(car.lateral) > 0.3 or (stop is not None and stop - car.s < 15):
            return
        for number in path.beside:
            x, y, hx, hy = self.paths[number].at(car.s)
            if all(
                abs((other.x - x) * hy - (other.y - y) * hx) > 2.3
                or abs((other.x - x) * hx + (other.y - y) * hy)
                > (other.length + car.length) / 2 + 7
                for other in self.vehicles
                if other is not car
            ):
                car.lateral += (car.x - x) * -car.hy
                car.path = number
                return

    def place(self, car: Vehicle) -> None:
        """Write where the vehicle is in the world from where it is on its path."""
        x, y, car.hx, car.hy = self.paths[car.path].at(car.s)
        car.x, car.y = x - car.hy * car.lateral, y + car.hx * car.lateral

    # What is in the way.

    def _gaps(self) -> dict[int, tuple[float, float]]:
        """For each vehicle the gap (m) to the nearest thing on its way, and that thing's speed."""
        cars = self.vehicles
        if not cars:
            return {}
        feet = [w for w in self.crowd.walkers if w.crossing]
        sizes = [(c.length, c.width, c.speed, c.hx, c.hy, c.x, c.y) for c in cars]
        sizes += [(0.6, 0.9, 0.0, 0.0, 0.0, w.x, w.y) for w in feet]
        every = np.array(sizes)
        mine = every[: len(cars)]
        dx = every[None, :, 5] - mine[:, None, 5]
        dy = every[None, :, 6] - mine[:, None, 6]
        along = dx * mine[:, 3, None] + dy * mine[:, 4, None]
        across = np.abs(dy * mine[:, 3, None] - dx * mine[:, 4, None])
        facing = mine[:, 3, None] * every[None, :, 3] + mine[:, 4, None] * every[None, :, 4]
        turning = np.array([self.paths[c.path].turn != 0 for c in cars])[:, None]
        maybe = (along > 0.1) & (along < 45) & (facing > -0.4)
        maybe &= across < np.where(turning, 14.0, 3.5)
        found: dict[int, tuple[float, float, int]] = {}
        for at, other in zip(*(a.tolist() for a in np.nonzero(maybe)), strict=True):
            if at == other:
                continue
            car, (length, width, speed, _, _, x, y) = cars[at], sizes[other]
            ahead = float(along[at, other])
            px, py, hx, hy = self.paths[car.path].at(car.s + ahead)
            offset = -(x - px) * hy + (y - py) * hx - car.lateral
            turned = abs(car.hx * sizes[other][4] - car.hy * sizes[other][3])
            wide = width + turned * (length - width)
            if abs(offset) < (car.width + wide) / 2 + 0.3:
                gap = ahead - (car.length + length - turned * (length - width)) / 2
                if car.id not in found or gap < found[car.id][0]:
                    found[car.id] = (gap, speed * max(0.0, float(facing[at, other])), other)
        # Where two wait for each other the one that came first goes.
        leaders = {number: cars[o].id for number, (_, _, o) in found.items() if o < len(cars)}
        return {
            number: (gap, speed)
            for number, (gap, speed, _) in found.items()
            if leaders.get(leaders.get(number, 0)) != number or number > leaders[number]
        }

    def _zebra_is_clear(self) -> bool:
        """Whether a person may step on the crossing that has no lights."""
        for car in self.vehicles:
            for position, gate in self.paths[car.path].stops:
                if gate != "zebra":
                    continue
                left = position - car.s - car.length / 2
                on_it = -car.length - ZEBRA_REACH < left < -1.0
                # One that comes must have the room to stop, or stand already.
                coming = -1.0 <= left < 30 and car.speed > 0.4
                if on_it or (coming and (left < 1 or car.speed * car.speed > 5.0 * left)):
                    return False
        return True

    # Where everybody comes from.

    def _make(self, path: int, s: float, kind: str) -> Vehicle:
        rng = self._rng
        _, *ranges = _KINDS[kind]
        length, width, height, wish = (a + (b - a) * rng.random() for a, b in ranges)
        number, look = self._next_id, int(rng.integers(1 << 30))
        rider = number + 1 if kind in ("bicycle", "motorcycle") else 0
        self._next_id += 2 if rider else 1
        if kind == "car" and look % 100 >= 62:
            # SUVs and vans are higher than saloons and hatchbacks.
            height += 0.2 if look % 100 < 85 else 0.55
        car = Vehicle(number, kind, path, s, 0.8 * wish, length, width, height, wish, look, rider)
        if kind == "bicycle":
            car.lateral = car.aim = self._cycling_offset(path)
        elif kind == "motorcycle":
            car.lateral = car.aim = 0.9 * (rng.random() - 0.5)
        self.place(car)
        return car

    def _cycling_offset(self, path: int) -> float:
        """How far from the middle of its lane a bicycle keeps: at the edge or on a cycle lane."""
        street = self.street
        x, _, _, hy = self.paths[path].at(0)
        if abs(hy) < 0.5:
            return -0.9
        cycle_lane = any(street.parking) and not street.parking[0 if x < 0 else 1]
        edge = street.half - 1.15 if cycle_lane else street.kerb - 0.75
        return abs(x) - edge

    def _kind_for(self, path: Path) -> str:
        draw = self._rng.random()
        kind = "bicycle"
        for name, (share, *_) in _KINDS.items():
            draw -= share
            if draw < 0:
                kind = name
                break
        if kind == "bicycle" and not (
            path.outer or (path.turn == 0 and abs(path.pieces[0].angle) % math.pi == 0)
        ):
            return "car"
        if kind in ("bus", "truck") and path.turn:
            return "car"
        return kind

    def _rate(self, path: Path) -> float:
        """Arrivals per second."""
        on_main = abs(path.pieces[0].angle % math.pi) > 0.1
        return self._density * (0.018 if path.turn else 0.10 if on_main else 0.02)

    def _populate(self, at: int) -> None:
        path = self.paths[at]
        rate = self._rate(path)
        if rate == 0:
            return
        s = 10.0 + 60 * self._rng.random()
        while s < path.length - 10:
            self._try(at, s, self._kind_for(path))
            s += 16.0 + 2 * (10.0 / rate - 16.0) * self._rng.random() if rate < 0.5 else 18.0

    def _arrive(self, dt: float) -> None:
        for at, path in enumerate(self.paths):
            if self._rng.random() < self._rate(path) * dt:
                self._try(at, 0.0, self._kind_for(path))

    def _try(self, at: int, s: float, kind: str) -> None:
        """Put a new vehicle on a path, unless it would stand in another's way."""
        x, y, _, _ = self.paths[at].at(s)
        for other in self.vehicles:
            near = 10 + other.length / 2 + (7 if kind in ("bus", "truck") else 0)
            if abs(other.x - x) < LANE * 0.8 and abs(other.y - y) < near:
                return
            if abs(other.y - y) < LANE * 0.6 and abs(other.x - x) < near:
                return
        if s > 0 and abs(y - self.street.junction) < 14 and abs(x) < 20:
            return
        self.vehicles.append(self._make(at, s, kind))

    def _park(self) -> None:
        """Rows of parked cars beside the traffic lanes, here and there a bay for cycles."""
        street, rng = self.street, self._rng
        low, high = street.junction_crossings
        for side in (0, 1):
            if not street.parking[side]:
                continue
            x = (street.half - PARKING / 2 + 0.05) * (1 if side else -1)
            y = NEAR_END + 6 * rng.random()
            while y < PARKED_END:
                clear = abs(y - street.zebra) > 8 and not low - 7 < y < high + 7
                if clear and rng.random() < 0.55:
                    car = self._make(0, 0.0, "car")
                    self._leave(car, x + 0.1 * (rng.random() - 0.5), y, 0.0, 1.0 if side else -1.0)
                elif clear and START < y < END and rng.random() < 0.3:
                    for stand in make_bay(street, rng, 1 if side else -1, y):
                        self._stand(stand)
                y += 5.6 + 0.8 * rng.random()

    def _stand(self, stand: Stand) -> None:
        """A bicycle or motorcycle without its rider."""
        cycle = self._make(0, 0.0, stand.kind)
        cycle.rider = 0
        self._leave(cycle, stand.x, stand.y, stand.hx, stand.hy)

    def _leave(self, car: Vehicle, x: float, y: float, hx: float, hy: float) -> None:
        """Park it."""
        car.path, car.speed, car.x, car.y, car.hx, car.hy = -1, 0.0, x, y, hx, hy
        self.parked.append(car)
