"""The vehicles of a street: who comes, who is parked, who has left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.sources.street.layout import LANE, NEAR_END, PARKING, Layout
from sightline.sources.street.options import StreetOptions
from sightline.sources.street.paths import Path
from sightline.sources.street.stands import END, START, Stand, make_bay, make_stands
from sightline.sources.street.vehicles import bright_look

PARKED_END = 120.0
"""Nobody parks farther up the street (m)."""
# kind: share of the traffic, then ranges of length, width, height and wished speed.
_KINDS = {
    "car": (0.56, (3.7, 4.8), (1.70, 1.86), (1.42, 1.52), (9.5, 14.0)),
    "truck": (0.10, (6.0, 8.6), (2.25, 2.5), (2.9, 3.6), (8.0, 11.5)),
    "bus": (0.07, (10.5, 12.2), (2.5, 2.55), (3.0, 3.2), (8.0, 11.0)),
    "motorcycle": (0.12, (2.0, 2.2), (0.75, 0.8), (1.15, 1.25), (9.0, 15.0)),
    "bicycle": (0.15, (1.7, 1.78), (0.5, 0.6), (1.05, 1.1), (3.8, 6.2)),
}


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


class Traffic:
    """Makes vehicles, and puts them on the paths or beside them.

    ``vehicles`` move; ``parked`` do not. ``next_id`` is the identity of the next vehicle, rider or
    walker.
    """

    def __init__(
        self,
        street: Layout,
        paths: Sequence[Path],
        rng: np.random.Generator,
        options: StreetOptions,
    ) -> None:
        self.street = street
        self.paths = paths
        self.vehicles: list[Vehicle] = []
        self.parked: list[Vehicle] = []
        self.next_id = 1
        self._options = options
        self._rng = rng

    def place(self, car: Vehicle) -> None:
        """Write where the vehicle is in the world from where it is on its path."""
        x, y, car.hx, car.hy = self.paths[car.path].at(car.s)
        car.x, car.y = x - car.hy * car.lateral, y + car.hx * car.lateral

    def populate(self) -> None:
        """Fill the paths as they are when nobody has watched for a while."""
        for at in range(len(self.paths)):
            self._populate(at)

    def leave(self) -> None:
        """Forget those that have reached the end of their path."""
        paths = self.paths
        self.vehicles[:] = [v for v in self.vehicles if v.s - v.length / 2 < paths[v.path].length]

    def make(self, path: int, s: float, kind: str) -> Vehicle:
        """A new vehicle on a path, which nobody has let in yet."""
        rng = self._rng
        _, *ranges = _KINDS[kind]
        length, width, height, wish = (a + (b - a) * rng.random() for a, b in ranges)
        number, look = self.next_id, int(rng.integers(1 << 30))
        rider = number + 1 if kind in ("bicycle", "motorcycle") else 0
        self.next_id += 2 if rider else 1
        if self._options.paint == "bright" and kind in ("car", "truck"):
            look = bright_look(look, kind)
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
        if (
            kind == "bicycle"
            and not (path.outer or (path.turn == 0 and abs(path.pieces[0].angle) % math.pi == 0))
        ) or (kind in ("bus", "truck") and path.turn):
            kind = "car"
        trucks = self._options.trucks
        if trucks and kind == "car" and not path.turn and self._rng.random() < trucks:
            return "truck"
        return kind

    def _rate(self, path: Path) -> float:
        """Arrivals per second."""
        on_main = abs(path.pieces[0].angle % math.pi) > 0.1
        return float(self._options.density) * (0.018 if path.turn else 0.10 if on_main else 0.02)

    def _populate(self, at: int) -> None:
        path = self.paths[at]
        rate = self._rate(path)
        if rate == 0:
            return
        s = 10.0 + 60 * self._rng.random()
        while s < path.length - 10:
            self._try(at, s, self._kind_for(path))
            s += 16.0 + 2 * (10.0 / rate - 16.0) * self._rng.random() if rate < 0.5 else 18.0

    def arrive(self, dt: float) -> None:
        """Let in who comes within ``dt`` seconds."""
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
        self.vehicles.append(self.make(at, s, kind))

    def park(self) -> None:
        """Rows of parked cars beside the traffic lanes, here and there a bay for cycles; and stands."""
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
                    car = self.make(0, 0.0, "car")
                    self._set_down(
                        car, x + 0.1 * (rng.random() - 0.5), y, 0.0, 1.0 if side else -1.0
                    )
                elif clear and START < y < END and rng.random() < 0.3:
                    for stand in make_bay(street, rng, 1 if side else -1, y):
                        self._stand(stand)
                y += 5.6 + 0.8 * rng.random()
        for stand in make_stands(street, rng):
            self._stand(stand)

    def _stand(self, stand: Stand) -> None:
        """A bicycle or motorcycle without its rider."""
        cycle = self.make(0, 0.0, stand.kind)
        cycle.rider = 0
        self._set_down(cycle, stand.x, stand.y, stand.hx, stand.hy)

    def _set_down(self, car: Vehicle, x: float, y: float, hx: float, hy: float) -> None:
        """Park it."""
        car.path, car.speed, car.x, car.y, car.hx, car.hy = -1, 0.0, x, y, hx, hy
        self.parked.append(car)
