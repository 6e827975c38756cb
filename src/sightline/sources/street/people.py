"""People on foot: along the pavements, over the crossings, or standing about."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sightline.sources.street.layout import (
    CROSSING,
    FAR_END,
    NEAR_END,
    SIDE_END,
    SIDE_HALF,
    SIDE_PAVEMENT,
    Layout,
)


@dataclass(frozen=True, slots=True)
class Waypoint:
    """Where to go next; with a ``gate``, wait here until the gate opens and then step on the road."""

    x: float
    y: float
    gate: str = ""


@dataclass(slots=True)
class Walker:
    """Somebody on foot. ``phase`` is the gait's angle in radians, ``look`` seeds the appearance."""

    id: int
    x: float
    y: float
    hx: float
    hy: float
    pace: float
    height: float
    look: int
    route: list[Waypoint]
    speed: float = 0.0
    phase: float = 0.0
    crossing: str = ""
    waiting: str = ""

    def step(self, dt: float, is_open: dict[str, bool]) -> None:
        """Walk for ``dt`` seconds; wait where a gate is shut."""
        self.waiting = ""
        if not self.route:
            self.speed = 0.0
            return
        target = self.route[0]
        dx, dy = target.x - self.x, target.y - self.y
        left = math.sqrt(dx * dx + dy * dy)
        if left < 0.05 + self.pace * dt:
            if target.gate and not is_open[target.gate]:
                self.waiting = target.gate
                self.speed = 0.0
                following = self.route[1]
                self._face(following.x - self.x, following.y - self.y, dt)
                return
            self.route.pop(0)
            self.crossing = target.gate
            return
        # Nobody starts or stops at once.
        hurry = 1.25 if self.crossing else 1.0
        self.speed = min(self.pace * hurry, self.speed + 2.0 * dt)
        step = self.speed * dt
        self.x += dx / left * step
        self.y += dy / left * step
        self.phase += step / (0.42 * self.height) * math.pi / 1.05
        self._face(dx, dy, dt)

    def _face(self, dx: float, dy: float, dt: float) -> None:
        length = math.sqrt(dx * dx + dy * dy)
        if length < 1e-6:
            return
        turn = min(1.0, 6 * dt)
        hx = self.hx + (dx / length - self.hx) * turn
        hy = self.hy + (dy / length - self.hy) * turn
        length = math.sqrt(hx * hx + hy * hy)
        if length > 1e-3:
            self.hx, self.hy = hx / length, hy / length


class Crowd:
    """Keeps the pavements filled with a steady number of walkers."""

    def __init__(self, street: Layout, rng: np.random.Generator, count: int) -> None:
        self.street = street
        self.walkers: list[Walker] = []
        self.count = count
        self._rng = rng

    def fill(self, next_id: int, anywhere: bool) -> int:
        """Add walkers until there are enough; returns the next free id."""
        while len(self.walkers) < self.count:
            self.walkers.append(self._make(next_id, anywhere))
            next_id += 1
        return next_id

    def step(self, dt: float, is_open: dict[str, bool]) -> None:
        """Move everybody by ``dt`` seconds; who has arrived leaves."""
        for walker in self.walkers:
            walker.step(dt, is_open)
        self.walkers = [w for w in self.walkers if w.route or w.pace == 0]

    def _make(self, number: int, anywhere: bool) -> Walker:
        rng = self._rng
        height = 1.05 + 0.35 * rng.random() if rng.random() < 0.1 else 1.55 + 0.35 * rng.random()
        pace = 2.6 + 0.6 * rng.random() if rng.random() < 0.06 else 0.9 + 0.7 * rng.random()
        look = int(rng.integers(1 << 30))
        route = self._route()
        if anywhere and rng.random() < 0.16:
            return self._idler(number, height, look)
        first = route.pop(0)
        x, y = first.x, first.y
        if anywhere:
            # Somewhere along the way, but never in the middle of a road.
            for _ in range(int(rng.random() * (len(route) - 1))):
                x, y = route[0].x, route[0].y
                route.pop(0)
            gate = next((w.gate for w in route[:1] if w.gate), "")
            share = rng.random() if gate or not _on_road(self.street, x, y, route[0]) else 0.0
            x, y = x + (route[0].x - x) * share, y + (route[0].y - y) * share
        dx, dy = route[0].x - x, route[0].y - y
        length = math.sqrt(dx * dx + dy * dy) or 1.0
        phase = 6.28 * rng.random()
        return Walker(
            number, x, y, dx / length, dy / length, pace, height, look, route, phase=phase
        )

    def _idler(self, number: int, height: float, look: int) -> Walker:
        """Somebody who stands on the pavement and looks about."""
        rng, street = self._rng, self.street
        x = self._beside(1 if rng.random() < 0.5 else -1)
        y = 6 + 70 * rng.random()
        if abs(y - street.junction) < SIDE_HALF + 4:
            y -= 2 * SIDE_HALF + 9
        hx, hy = ((1.0, 0.0), (-1.0, 0.0), (0.6, 0.8), (-0.6, -0.8))[int(4 * rng.random())]
        return Walker(number, x, y, hx, hy, 0.0, height, look, [])

    def _beside(self, side: int) -> float:
        """A random line along the pavement of one side."""
        street = self.street
        return side * (street.half + 1.5 + self._rng.random() * (street.pavement - 2.1))

    def _route(self) -> list[Waypoint]:
        """A way along the main road, perhaps over its crossings or into the side road."""
        rng, street = self._rng, self.street
        side = 1 if rng.random() < 0.5 else -1
        way = 1 if rng.random() < 0.5 else -1
        j = street.junction
        low, high = street.junction_crossings
        x = self._beside(side)
        if rng.random() < 0.2:
            start_y = j - (SIDE_HALF + 0.8 + rng.random() * (SIDE_PAVEMENT - 1.2)) * way
            route = [Waypoint(side * SIDE_END, start_y), Waypoint(x, start_y)]
            # From the far pavement of the side road away from the camera, from the near one to it.
            features = [("zebra", street.zebra)] if way > 0 else []
            way = -way
        else:
            route = [Waypoint(x, NEAR_END if way > 0 else FAR_END)]
            features = [("zebra", street.zebra), ("main", low), ("side", j), ("main", high)][::way]
        for name, at in features:
            if name == "side":
                if rng.random() < 0.35:
                    y = at - way * (SIDE_HALF + 0.8 + rng.random() * (SIDE_PAVEMENT - 1.2))
                    return [*route, Waypoint(x, y), Waypoint(side * SIDE_END, y)]
                across = side * (street.side_crossing + (rng.random() - 0.5) * (CROSSING - 0.8))
                edge = SIDE_HALF + 0.35 + 0.8 * rng.random()
                route += [
                    Waypoint(across, j - way * edge, "walk"),
                    Waypoint(across, j + way * (SIDE_HALF + 0.4)),
                ]
            elif rng.random() < (0.34 if name == "zebra" else 0.2):
                y = at + (rng.random() - 0.5) * (CROSSING - 0.8)
                gate = "zebra" if name == "zebra" else "walk"
                edge = street.half + 0.35 + 0.9 * rng.random()
                # Straight on, and then to the kerb: what stands along it is not walked through.
                route += [
                    Waypoint(x, y - way * 0.8),
                    Waypoint(side * edge, y, gate),
                    Waypoint(-side * (street.half + 0.4), y),
                ]
                side = -side
                x = self._beside(side)
                route.append(Waypoint(x, y + way * 2.0))
        return [*route, Waypoint(x, FAR_END if way > 0 else NEAR_END)]


def _on_road(street: Layout, x: float, y: float, to: Waypoint) -> bool:
    """Whether the straight way from (x, y) to a waypoint leads over a road."""
    over_main = x * to.x < 0
    over_side = (y - street.junction) * (to.y - street.junction) < 0
    return over_main or over_side
