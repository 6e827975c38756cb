"""Trees, street lamps and poles."""

from __future__ import annotations

import numpy as np

from sightline.sources.street.camera import sine
from sightline.sources.street.drawing.light import GroundLight, Lighting
from sightline.sources.street.drawing.paint import THINNEST
from sightline.sources.street.drawing.planes import Planes
from sightline.sources.street.layout import Plant


class FurniturePainter:
    """Paints what stands on the street into planes that hold the ground and the buildings."""

    def __init__(self, planes: Planes, lighting: Lighting, ground: GroundLight) -> None:
        self.planes, self.lighting, self._ground_light = planes, lighting, ground

    def _lit(
        self, colour: tuple[float, ...], x: float, y: float, facing: float
    ) -> tuple[float, ...]:
        light = self.lighting
        _, lamp = self._ground_light.at(x, y)
        return tuple(
            colour[c]
            * (light.ambient[c] + light.sun[c] * facing + GroundLight.LAMP[c] * lamp * 0.7)
            for c in range(3)
        )

    def rod(
        self,
        a: tuple[float, float, float],
        b: tuple[float, float, float],
        width: float,
        colour: tuple[float, ...],
        shining: bool = False,
    ) -> None:
        """A round bar between two points of the world, of a width in metres; shining ones are not lit."""
        ax, ay, depth = self.planes.spot(*a)
        bx, by, other = self.planes.spot(*b)
        near = min(depth, other)
        middle = ((ax + bx) >> 1, (ay + by) >> 1)
        if near < 1.5 or all(
            self.planes.is_hidden(x, y, near) for x, y in ((ax, ay), middle, (bx, by))
        ):
            return
        thick = max(THINNEST, round(width * self.planes.camera.focal / near))
        lit = colour if shining else self._lit(colour, a[0], a[1], 0.5)
        self.planes.line((ax, ay), (bx, by), thick, lit, near)

    def pole(
        self, x: float, y: float, height: float, width: float, colour: tuple[float, ...]
    ) -> None:
        """A rod that stands on the ground."""
        self.rod((x, y, 0.0), (x, y, height), width, colour)

    def paint_lamp(self, x: float, y: float) -> tuple[float, float, float]:
        """A street lamp; where its light is."""
        grey = (0.32, 0.32, 0.30)
        side = 1 if x > 0 else -1
        self.pole(x, y, 6.0, 0.12, grey)
        self.rod((x, y, 6.0), (x - side * 1.6, y, 6.25), 0.08, grey)
        head = (x - side * 1.6, y, 6.2)
        on = self.lighting.lamps > 0
        colour = (0.72, 0.92, 1.0) if on else (0.75, 0.75, 0.75)
        self.rod((head[0] + side * 0.35, y, 6.18), (head[0] - side * 0.1, y, 6.2), 0.13, colour, on)
        return head

    def glow(self, x: float, y: float, z: float) -> None:
        """The lit air round a street lamp, and on a wet road its mirror image."""
        light = self.lighting
        px, py, depth = self.planes.spot(x, y, z)
        if not light.lamps or depth < 3:
            return
        pixels = self.planes.camera.focal / depth
        size = (1.5 if light.thickness < 0.01 else 3.0) * pixels
        self.planes.add_light(px >> 4, py >> 4, size, size, 0.55 * light.lamps)
        if light.wet:
            px, py, _ = self.planes.spot(x, y, -z)
            self.planes.add_light(px >> 4, py >> 4, 0.5 * pixels, 3.2 * pixels, 0.5 * light.lamps)

    def paint_tree(self, tree: Plant) -> None:
        """A trunk, and a crown of leaves."""
        rng = np.random.Generator(np.random.PCG64(tree.style))
        crown = (2 * rng.random((90, 4)) - 1).tolist()
        hue, tone = rng.random(2).tolist()
        self.pole(tree.x, tree.y, tree.height, 0.16 + 0.03 * tree.crown, (0.17, 0.22, 0.27))
        sun = self.lighting.direction
        base = (0.13 + 0.05 * hue, 0.33 + 0.08 * tone, 0.20 + 0.14 * hue)
        blobs = []
        for dx, dy, dz, size in crown:
            far = dx * dx + dy * dy + dz * dz
            if far > 1:
                continue
            x, y = tree.x + dx * tree.crown, tree.y + dy * tree.crown
            z = tree.height + dz * tree.crown * 0.85
            facing = 0.25 + 0.55 * (dx * sun[0] + dy * sun[1] + dz * sun[2])
            spot = self.planes.spot(x, y, z)
            if spot[2] > 2 and not self.planes.is_hidden(*spot):
                blobs.append((spot, facing + 0.12 * size, 0.30 + 0.08 * size, x, y))
        for (px, py, depth), facing, radius, x, y in sorted(blobs, key=lambda b: -b[0][2]):
            lit = self._lit(tuple(c * (0.8 + 0.5 * facing) for c in base), x, y, max(0.0, facing))
            r = round(radius * tree.crown * self.planes.camera.focal / depth * 16)
            self._leaves(px, py, r, lit, depth)

    def _leaves(self, px: int, py: int, radius: int, lit: tuple[float, ...], depth: float) -> None:
        """A ragged blob: overlapping discs round its middle."""
        for i in range(7):
            turn = i * 0.9 + (px % 7)
            x = px + round(0.6 * radius * sine(turn))
            y = py + round(0.6 * radius * sine(turn + 1.57))
            shade = tuple(c * (0.90 + 0.035 * i) for c in lit)
            size = max(8, round(radius * (0.62 - 0.03 * i)))
            self.planes.disc((x, y), size, shade, depth)
