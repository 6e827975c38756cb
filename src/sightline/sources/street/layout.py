"""The street itself: road, junction, crossings, buildings, trees and lamps, and where cameras hang.

The main road runs along y with its middle at x = 0 and traffic on the right; a side road crosses
it at y = ``junction``. Lengths are metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sightline.sources.street.camera import MARGIN, SCALE, Camera
from sightline.sources.street.options import StreetOptions

LANE = 3.3
SIDE_LANE = 1.75
SIDE_HALF = 3.9
SIDE_PAVEMENT = 3.0
PARKING = 2.3
CROSSING = 3.4
NEAR_END, FAR_END, SIDE_END = -50.0, 190.0, 75.0


@dataclass(frozen=True, slots=True)
class Building:
    """An upright box with rows of windows; ``style`` picks its facade."""

    x0: float
    x1: float
    y0: float
    y1: float
    height: float
    style: int


@dataclass(frozen=True, slots=True)
class Plant:
    """A tree: where it stands, how high it is and how wide its crown."""

    x: float
    y: float
    height: float
    crown: float
    style: int


@dataclass(frozen=True)
class Layout:
    """Everything that does not move."""

    lanes: int
    parking: tuple[bool, bool]
    half: float
    pavement: float
    junction: float
    zebra: float
    buildings: tuple[Building, ...]
    trees: tuple[Plant, ...]
    lamps: tuple[tuple[float, float], ...]

    def lane_x(self, lane: int) -> float:
        """Middle of a lane to the right of the middle line; 0 is the inner lane."""
        return LANE * (lane + 0.5)

    @property
    def kerb(self) -> float:
        """Distance of the traffic lanes' outer edge from the middle, parking not included."""
        return LANE * self.lanes + 0.3

    @property
    def junction_crossings(self) -> tuple[float, float]:
        """y of the two crossings over the main road at the junction."""
        reach = SIDE_HALF + 0.8 + CROSSING / 2
        return self.junction - reach, self.junction + reach

    @property
    def side_crossing(self) -> float:
        """|x| of the two crossings over the side road."""
        return self.half + 0.8 + CROSSING / 2


def make_layout(seed: int) -> Layout:
    """The street of a seed; the same for every camera, light and weather."""
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    lanes = 1 + (rng.random() < 0.6)
    parking = (rng.random() < 0.45, rng.random() < 0.45)
    half = LANE * lanes + 0.3 + (PARKING if any(parking) else 0.0)
    pavement = 3.2 + 1.4 * rng.random()
    junction = 44.0 + 14.0 * rng.random()
    zebra = 19.0 + 4.0 * rng.random()
    buildings = _buildings(rng, half + pavement, junction)
    trees, lamps = _greenery(rng, half, junction, zebra)
    return Layout(
        lanes, parking, half, pavement, junction, zebra, buildings, tuple(trees), tuple(lamps)
    )


def _buildings(rng: np.random.Generator, front: float, junction: float) -> tuple[Building, ...]:
    found: list[Building] = []
    corner = SIDE_HALF + SIDE_PAVEMENT
    for side in (-1, 1):
        for start, end in ((-45.0, junction - corner), (junction + corner, 235.0)):
            y = start
            while y < end - 4:
                length = min(8.0 + 12.0 * rng.random(), end - y)
                if end - y - length < 5:
                    length = end - y
                height = 7.0 + 3.1 * int(6 * rng.random())
                back = 2.5 * rng.random() if rng.random() < 0.25 else 0.0
                gap = rng.random() < 0.08 and start + 5 < y < end - 30
                if not gap:
                    a, b = side * (front + back), side * (front + 13)
                    found.append(
                        Building(
                            min(a, b), max(a, b), y, y + length, height, int(rng.integers(1 << 30))
                        )
                    )
                y += length
        for edge, depth in ((junction + corner, 12.0), (junction - corner, -12.0)):
            x = front + 13
            while x < SIDE_END + 10:
                length = 9.0 + 9.0 * rng.random()
                height = 7.0 + 3.1 * int(5 * rng.random())
                a, b = side * x, side * (x + length)
                found.append(
                    Building(
                        min(a, b),
                        max(a, b),
                        min(edge, edge + depth),
                        max(edge, edge + depth),
                        height,
                        int(rng.integers(1 << 30)),
                    )
                )
                x += length
        # The ends of the side road and of the main road are closed by something to look at.
        a, b = side * (SIDE_END + 12), side * (SIDE_END + 24)
        found.append(
            Building(
                min(a, b), max(a, b), junction - 25, junction + 25, 13.0, int(rng.integers(1 << 30))
            )
        )
    found.append(Building(-40, 40, 262, 275, 16.0, int(rng.integers(1 << 30))))
    return tuple(found)


def _greenery(
    rng: np.random.Generator, half: float, junction: float, zebra: float
) -> tuple[list[Plant], list[tuple[float, float]]]:
    """Trees and street lamps along both kerbs, clear of crossings and of the junction."""
    trees: list[Plant] = []
    lamps: list[tuple[float, float]] = []
    every, apart = 8.0 + 6.0 * rng.random(), 21.0 + 6.0 * rng.random()
    for side in (-1, 1):
        y = 9.0 + 5.0 * rng.random() + (apart / 2 if side < 0 else 0.0)
        while y < 185:
            shift = (
                7.5 if abs(y - junction) < SIDE_HALF + 5.5 else 3.0 if abs(y - zebra) < 3 else 0.0
            )
            lamps.append((side * (half + 0.55), y + shift))
            y += apart
        planted = rng.random() < 0.75
        y = 14.0 + 6 * rng.random()
        while y < 180:
            free = abs(y - zebra) > 4 and abs(y - junction) > SIDE_HALF + 6
            free = free and all(x * side < 0 or abs(y - at) > 2.5 for x, at in lamps)
            if free and planted and rng.random() < 0.8:
                size = rng.random()
                trees.append(
                    Plant(
                        side * (half + 0.9),
                        y,
                        4.6 + 2.6 * size,
                        1.3 + 0.7 * size + 0.3 * rng.random(),
                        int(rng.integers(1 << 30)),
                    )
                )
            y += every * (0.8 + 0.4 * rng.random())
    return trees, lamps


@dataclass(frozen=True, slots=True)
class _Preset:
    """A camera: height, what it looks at, and its horizontal field of view in degrees."""

    at: tuple[float, float, float]
    to: tuple[float, float, float]
    view: float


def _preset(name: str, street: Layout) -> _Preset:
    edge = street.half + 0.35 * street.pavement
    j = street.junction
    if name == "corner":
        return _Preset((edge + 0.5, j - SIDE_HALF - 13, 7.5), (-street.half * 0.4, j + 5, 0.0), 62)
    if name == "high":
        return _Preset((0.5 * edge, -6.0, 15.0), (-0.5, 27.0, 0.0), 52)
    if name == "low":
        return _Preset((edge - 0.4, 0.0, 3.2), (0.5, 30.0, 1.0), 56)
    return _Preset((edge, 0.0, 7.0), (-1.0, 29.0, 0.0), 54)


def make_camera(options: StreetOptions, street: Layout) -> Camera:
    """The camera of resolved options, moved a little by the seed."""
    rng = np.random.Generator(np.random.PCG64([options.seed, 2]))
    jitter = (2 * rng.random(6) - 1).tolist()
    preset = _preset(options.camera, street)
    x = preset.at[0] + 0.4 * jitter[0]
    y = preset.at[1] + 2.0 * jitter[1]
    z = preset.at[2] * (1 + 0.12 * jitter[2])
    dx = preset.to[0] + 1.5 * jitter[3] - x
    dy = preset.to[1] + 3.0 * jitter[4] - y
    dz = preset.to[2] - z
    # Rounded, since atan2 and tan differ in the last bit between machines.
    yaw = round(math.atan2(-dx, dy), 4)
    pitch = round(math.atan2(-dz, math.sqrt(dx * dx + dy * dy)), 4)
    half_view = math.radians(preset.view * (1 + 0.08 * jitter[5]) / 2)
    focal = round(options.zoom * SCALE * options.width / 2 / math.tan(half_view), 3)
    yaw -= round(math.atan(options.turn * SCALE * options.width / focal), 4)
    return Camera(
        x,
        y,
        z,
        yaw,
        pitch,
        focal,
        SCALE * (options.width + 2 * options.pan) + 2 * MARGIN,
        SCALE * options.height + 2 * MARGIN,
    )
