"""Everything that moves: vehicles that follow one another, stop, turn and overtake, and people.

Car following is the intelligent driver model (Treiber, Hennecke and Helbing 2000).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sightline.sources.street.layout import Layout
from sightline.sources.street.options import StreetOptions
from sightline.sources.street.paths import TURN_SPEED, Path, Signals, make_paths
from sightline.sources.street.people import Crowd, Walker
from sightline.sources.street.traffic import Traffic, Vehicle

COARSE = 0.1
"""The longest step of the simulation in seconds."""
WARM_UP = 14.0
ZEBRA_REACH = 5.5
"""From the stop line to the far side of the crossing (m)."""
SPEED_LIMITS = {
    "car": 14.0,
    "bus": 11.5,
    "truck": 11.5,
    "motorcycle": 15.0,
    "bicycle": 6.5,
    "person": 4.2,
}
"""No kind ever moves faster, in m/s."""

_BRAKING, _HEADWAY, _GAP = 2.6, 1.1, 2.0


class World:
    """The moving part of a street. ``step`` advances it; the lists show its present state."""

    def __init__(self, options: StreetOptions, street: Layout) -> None:
        self.street = street
        self.paths = make_paths(street)
        self.time = 0.0
        rng = np.random.Generator(np.random.PCG64([options.seed, 3]))
        self.signals = Signals(rng.random())
        self.crowd = Crowd(street, rng, round(30 * float(options.density)))
        self.traffic = Traffic(street, self.paths, rng, options)
        self.vehicles, self.parked = self.traffic.vehicles, self.traffic.parked
        self.traffic.park()
        self.traffic.next_id = self.crowd.fill(self.traffic.next_id, anywhere=True)
        self.traffic.populate()
        self.advance(WARM_UP + options.start)

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
        self.traffic.next_id = self.crowd.fill(self.traffic.next_id, anywhere=False)
        wanted = any("zebra" in (w.crossing, w.waiting) for w in self.crowd.walkers)
        shut = {gate for gate, colour in lights.items() if colour != "green"}
        if wanted:
            shut.add("zebra")
        gaps = _gaps(self.vehicles, self.crowd.walkers, self.paths)
        for vehicle in self.vehicles:
            self._drive(vehicle, gaps.get(vehicle.id), shut, lights, dt)
        self.traffic.leave()
        self.traffic.arrive(dt)

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
        self.traffic.place(car)

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

    # What is in the way.

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


def _gaps(
    cars: Sequence[Vehicle], walkers: Sequence[Walker], paths: Sequence[Path]
) -> dict[int, tuple[float, float]]:
    """For each vehicle the gap (m) to the nearest thing on its way, and that thing's speed."""
    if not cars:
        return {}
    feet = [w for w in walkers if w.crossing]
    sizes = [(c.length, c.width, c.speed, c.hx, c.hy, c.x, c.y) for c in cars]
    sizes += [(0.6, 0.9, 0.0, 0.0, 0.0, w.x, w.y) for w in feet]
    every = np.array(sizes)
    mine = every[: len(cars)]
    dx = every[None, :, 5] - mine[:, None, 5]
    dy = every[None, :, 6] - mine[:, None, 6]
    along = dx * mine[:, 3, None] + dy * mine[:, 4, None]
    across = np.abs(dy * mine[:, 3, None] - dx * mine[:, 4, None])
    facing = mine[:, 3, None] * every[None, :, 3] + mine[:, 4, None] * every[None, :, 4]
    turning = np.array([paths[c.path].turn != 0 for c in cars])[:, None]
    maybe = (along > 0.1) & (along < 45) & (facing > -0.4)
    maybe &= across < np.where(turning, 14.0, 3.5)
    found: dict[int, tuple[float, float, int]] = {}
    for at, other in zip(*(a.tolist() for a in np.nonzero(maybe)), strict=True):
        if at == other:
            continue
        car, (length, width, speed, _, _, x, y) = cars[at], sizes[other]
        ahead = float(along[at, other])
        px, py, hx, hy = paths[car.path].at(car.s + ahead)
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
