"""Light and air: colours of sun, sky, haze and lamps, and how much of them reaches the ground.

Colours are BGR; 1 is white on the screen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.drawing.shapes import Colour
from sightline.sources.street.layout import Building, Layout
from sightline.sources.street.options import StreetOptions

Field = NDArray[np.floating[Any]]
"""float32 everywhere; the wide type spares casts of what NumPy's stubs cannot know."""


@dataclass(frozen=True)
class Lighting:
    """The light of a scene.

    ``sun`` shines from the unit vector ``direction``; ``haze`` is what distance fades to,
    ``thickness`` per metre; ``lamps`` is the strength of street lamps, ``lit`` the share of windows
    with light in them; ``headlights`` says whether vehicles drive with lights on.
    """

    ambient: Colour
    sun: Colour
    direction: tuple[float, float, float]
    sky: tuple[Colour, Colour]
    haze: Colour
    thickness: float
    lamps: float
    lit: float
    headlights: bool
    wet: bool
    shadow: float
    """How much darker the ground is in a moving thing's shadow; 0 is not at all."""
    soft: bool
    """No sun: shadows are only the dark below and around things."""
    noise: float


_LIGHTS: dict[str, dict[str, object]] = {
    "day": {
        "ambient": (0.80, 0.75, 0.71), "sun": (0.58, 0.68, 0.74), "sky": ((0.86, 0.66, 0.46), (0.95, 0.89, 0.82)),
        "haze": (0.90, 0.85, 0.80), "thickness": 0.0022, "lamps": 0.0, "lit": 0.04, "headlights": False,
        "shadow": 0.50, "noise": 2.2,
    },
    "dusk": {
        "ambient": (0.66, 0.51, 0.47), "sun": (0.14, 0.26, 0.40), "sky": ((0.62, 0.42, 0.34), (0.46, 0.62, 0.97)),
        "haze": (0.56, 0.54, 0.68), "thickness": 0.0032, "lamps": 0.45, "lit": 0.24, "headlights": True,
        "shadow": 0.30, "noise": 3.2,
    },
    "night": {
        "ambient": (0.24, 0.185, 0.165), "sun": (0.0, 0.0, 0.0), "sky": ((0.10, 0.06, 0.05), (0.17, 0.13, 0.13)),
        "haze": (0.13, 0.10, 0.10), "thickness": 0.0025, "lamps": 1.0, "lit": 0.30, "headlights": True,
        "shadow": 0.35, "noise": 4.5,
    },
}  # fmt: skip
_OVERCAST: dict[str, tuple[float, Colour]] = {
    "day": (0.82, (0.78, 0.75, 0.73)), "dusk": (0.86, (0.52, 0.47, 0.47)), "night": (0.95, (0.17, 0.15, 0.155)),
}  # fmt: skip


def make_lighting(options: StreetOptions) -> Lighting:
    """The light of resolved options; the seed says where the sun stands."""
    rng = np.random.Generator(np.random.PCG64([options.seed, 4]))
    # One mapping of numbers, colours and truths: its values are objects to the type checker.
    values = dict(_LIGHTS[options.light])
    azimuth = math.tau * rng.random()
    height = (0.9 + 0.9 * rng.random()) if options.light == "day" else 0.42
    # The sun stands beside or behind the camera, never in front of it.
    sx, sy = _SUNS[int(azimuth / math.tau * len(_SUNS))]
    scale = 1 / math.sqrt(sx * sx + sy * sy + height * height)
    values["direction"] = (sx * scale, sy * scale, height * scale)
    overcast = options.weather != "clear"
    if overcast:
        gain, sky = _OVERCAST[options.light]
        lamps = float(values["lamps"])  # type: ignore[arg-type]
        sun = values["sun"]
        ambient = values["ambient"]
        assert isinstance(sun, tuple) and isinstance(ambient, tuple)  # noqa: PT018 (mypy)
        values["ambient"] = tuple(gain * (a + 0.35 * s) for a, s in zip(ambient, sun, strict=True))
        values["sun"] = tuple(0.12 * s for s in sun)
        values["sky"] = (sky, sky)
        # Fog catches the light of the lamps; rain does not.
        values["haze"] = tuple(c * 1.35 for c in sky) if options.weather == "fog" and lamps else sky
        values["thickness"] = 0.028 if options.weather == "fog" else 0.0065
        values["headlights"] = True
        values["shadow"] = 0.38
        values["lit"] = max(0.16, float(values["lit"]))  # type: ignore[arg-type]
    soft = overcast or options.light != "day"
    return Lighting(**values, wet=options.weather == "rain", soft=soft)  # type: ignore[arg-type]


_SUNS = ((0.9, -0.4), (0.7, -0.8), (-0.8, -0.6), (-0.9, -0.2), (0.4, -0.9), (0.95, 0.1))


def make_haze_table(thickness: float) -> Field:
    """Share of an object's own colour that is left, per quarter metre of depth; (4096,)."""
    # Rounded, since exp differs in the last bit between machines.
    left = [round(math.exp(-thickness * i / 4) * 65536) / 65536 for i in range(4096)]
    return np.array(left, np.float32)


class GroundLight:
    """How much sun and lamp light falls on each quarter metre of the ground."""

    X0, Y0, STEP = -48.0, -24.0, 0.25
    COLUMNS, ROWS = 384, 960
    LAMP: Colour = (0.42, 0.72, 0.98)

    def __init__(self, street: Layout, lighting: Lighting) -> None:
        x = (self.X0 + self.STEP * (np.arange(self.COLUMNS) + 0.5)).astype(np.float32)[None, :]
        y = (self.Y0 + self.STEP * (np.arange(self.ROWS) + 0.5)).astype(np.float32)[:, None]
        shade = np.full((self.ROWS, self.COLUMNS), 255, np.uint8)
        if not lighting.soft:
            for building in street.buildings:
                self._cast(shade, building, lighting.direction)
        self._trees(shade, street, lighting)
        # A box filter on bytes is exact everywhere; it makes the half shadow of the sun's disc.
        self.sun: Field = cv2.blur(shade, (3, 3)).astype(np.float32) / np.float32(255)
        lamp = np.zeros((self.ROWS, self.COLUMNS), np.float32)
        if lighting.lamps:
            for lx, ly in street.lamps:
                # The head hangs over the road, 6 m up.
                dx, dy = x - np.float32(lx - math.copysign(1.6, lx)), y - np.float32(ly)
                square = dx * dx + dy * dy + np.float32(36)
                lamp += np.float32(216 * 1.15) / (square * np.sqrt(square))
        self.lamp: Field = lamp * np.float32(lighting.lamps)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Share of the sun and lamp light at a point."""
        i, j = int((y - self.Y0) / self.STEP), int((x - self.X0) / self.STEP)
        if not (0 <= i < self.ROWS and 0 <= j < self.COLUMNS):
            return 1.0, 0.0
        return float(self.sun[i, j]), float(self.lamp[i, j])

    def sample(self, x: Field, y: Field) -> tuple[Field, Field]:
        """The same for arrays of points."""
        j = np.clip(
            ((x - np.float32(self.X0)) * np.float32(4)).astype(np.int32), 0, self.COLUMNS - 1
        )
        i = np.clip(((y - np.float32(self.Y0)) * np.float32(4)).astype(np.int32), 0, self.ROWS - 1)
        return self.sun[i, j], self.lamp[i, j]

    def _cells(self, points: list[tuple[float, float]]) -> NDArray[np.int32]:
        """Points on the ground as cells with four binary places."""
        return np.array(
            [
                [round((x - self.X0) / self.STEP * 16), round((y - self.Y0) / self.STEP * 16)]
                for x, y in points
            ],
            np.int32,
        )

    def _cast(
        self, shade: NDArray[np.uint8], box: Building, sun: tuple[float, float, float]
    ) -> None:
        reach = box.height / sun[2]
        ox, oy = -sun[0] * reach, -sun[1] * reach
        corners = [(x, y) for x in (box.x0, box.x1) for y in (box.y0, box.y1)]
        points = self._cells(corners + [(x + ox, y + oy) for x, y in corners])
        cv2.fillConvexPoly(shade, cv2.convexHull(points), 0, cv2.LINE_8, 4)

    def _trees(self, shade: NDArray[np.uint8], street: Layout, lighting: Lighting) -> None:
        sun = lighting.direction
        for tree in street.trees:
            rng = np.random.Generator(np.random.PCG64(tree.style))
            for dx, dy, dz, size in (2 * rng.random((26, 4)) - 1).tolist():
                z = tree.height - 0.2 + dz * tree.crown * 0.8
                reach = 0.0 if lighting.soft else z / sun[2]
                x = tree.x + dx * tree.crown * 0.8 - sun[0] * reach
                y = tree.y + dy * tree.crown * 0.8 - sun[1] * reach
                ((cx, cy),) = self._cells([(x, y)]).tolist()
                radius = round((0.34 + 0.12 * size) * tree.crown / self.STEP * 16)
                cv2.circle(shade, (cx, cy), radius, 150 if lighting.soft else 30, -1, cv2.LINE_8, 4)
