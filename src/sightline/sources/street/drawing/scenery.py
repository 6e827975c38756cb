"""The picture of the empty street, made once per scene, with the depth of all that stands in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.camera import BLOCK, Camera, sine
from sightline.sources.street.drawing.facades import paint_facade
from sightline.sources.street.drawing.ground import make_texture, paint_ground
from sightline.sources.street.drawing.light import Field, GroundLight, Lighting
from sightline.sources.street.drawing.paint import THINNEST
from sightline.sources.street.layout import Building, Layout, Plant
from sightline.sources.street.traffic_lights import Signal, find_signals
from sightline.types import Pixels

FAR = 65535
"""Depth of what hides nothing: ground and sky."""


@dataclass
class Scenery:
    """The empty street.

    Args:
        picture: (H, W, 4) uint8, BGR and 0.
        depth: (H, W) uint16, centimetres of depth of buildings, trees and poles; ``FAR`` elsewhere.
        nearest, farthest: (H / 16, W / 16) uint16, the least and the greatest depth in each block.
        ground: (H, W) uint8, 255 where the ground is seen.
        signals: traffic lights whose lamps can be seen.
    """

    picture: Pixels
    depth: NDArray[np.uint16]
    nearest: NDArray[np.uint16]
    farthest: NDArray[np.uint16]
    ground: NDArray[np.uint8]
    signals: list[Signal]


class SceneryPainter:
    """Paints the empty street into float planes with a depth buffer."""

    def __init__(
        self,
        seed: int,
        street: Layout,
        camera: Camera,
        lighting: Lighting,
        ground: GroundLight,
        haze: Field,
    ) -> None:
        self.street, self.camera, self.lighting = street, camera, lighting
        self._ground_light, self._haze = ground, haze
        self._rng = np.random.Generator(np.random.PCG64([seed, 5]))
        height, width = camera.height, camera.width
        self.colour = np.zeros((height, width, 3), np.float32)
        self.depth = np.full((height, width), np.float32(1e6))
        self.solid = np.full((height, width), FAR, np.uint16)
        self.texture = make_texture(self._rng)
        self.signals = find_signals(street, camera)

    def paint(self) -> Scenery:
        """The street without anything that moves, as its camera sees it."""
        camera = self.camera
        self._paint_ground()
        # Near ones first: what they hide need not be painted.
        for building in sorted(self.street.buildings, key=self._distance):
            self._paint_building(building)
        lamps = []
        things: list[tuple[float, Plant | tuple[float, float]]] = [
            (camera.depth(tree.x, tree.y), tree)
            for tree in self.street.trees
            # One that stands in front of the camera would hide the street.
            if camera.depth(tree.x, tree.y) > 13
        ]
        things += [
            (camera.depth(x, y), (x, y)) for x, y in self.street.lamps if camera.depth(x, y) > 13
        ]
        for _, thing in sorted(things, key=lambda pair: -pair[0]):
            if isinstance(thing, Plant):
                self._paint_tree(thing)
            else:
                lamps.append(self._paint_lamp(*thing))
        for signal in self.signals:
            self._pole(signal.x, signal.y, signal.z, 0.1, (0.22, 0.22, 0.22))
            self._rod(
                (signal.x, signal.y, signal.z - 0.45), (signal.x, signal.y, signal.z + 0.45), 0.32,
                (0.10, 0.10, 0.10),
            )  # fmt: skip
        for x, y, z in lamps:
            self._glow(x, y, z)
        picture = self._finish()
        spare = ((0, -camera.height % BLOCK), (0, -camera.width % BLOCK))
        whole = np.pad(self.solid, spare, mode="edge")
        blocks = whole.reshape(len(whole) // BLOCK, BLOCK, whole.shape[1] // BLOCK, BLOCK)
        ground = ((self.depth < 1e6) & (self.solid == FAR)).astype(np.uint8) * np.uint8(255)
        return Scenery(
            picture,
            self.solid,
            blocks.min(axis=(1, 3)),
            blocks.max(axis=(1, 3)),
            ground,
            self.signals,
        )

    def _paint_ground(self) -> None:
        camera, light = self.camera, self.lighting
        for top in range(0, camera.height, 64):
            bottom = min(top + 64, camera.height)
            dx, dy, dz = camera.rays(0, top, camera.width, bottom)
            below = dz < np.float32(-0.004)
            if not below.any():
                continue
            t = np.float32(camera.z) / np.maximum(-dz, np.float32(0.004))
            x, y = np.float32(camera.x) + dx * t, np.float32(camera.y) + dy * t
            pixel = t / np.float32(camera.focal)
            long = pixel * np.maximum(1, t / np.float32(camera.z))
            ahead = np.float32(abs(camera.axes[2][1]))
            px = pixel + (long - pixel) * (1 - ahead)
            py = pixel + (long - pixel) * ahead
            albedo = paint_ground(self.street, self.texture, x, y, px, py)
            sun, lamp = self._ground_light.sample(x, y)
            if light.wet:
                albedo *= np.float32(0.74)
                # Wet ground mirrors the sky, the more the flatter one looks at it.
                steep = -dz / np.sqrt(dx * dx + dy * dy + dz * dz)
                flat = np.clip(1 - steep, 0, 1)
                puddle = np.clip(1 + (albedo[..., 1] - np.float32(0.26)) * 6, 0.4, 1.6)
                gloss = np.float32(0.55) * flat * flat * flat * flat * puddle
            for c in range(3):
                direct = np.float32(light.sun[c] * light.direction[2]) * sun
                if light.soft:
                    direct = (
                        np.float32(light.sun[c]) * sun
                        - np.float32(0.22) * (1 - sun) * light.ambient[c]
                    )
                lit = np.float32(light.ambient[c]) + direct + np.float32(GroundLight.LAMP[c]) * lamp
                plane = self.colour[top:bottom, :, c]
                shown = albedo[..., c] * lit
                if light.wet:
                    shown = shown + gloss * (np.float32(light.sky[1][c]) - shown)
                plane[below] = shown[below]
            self.depth[top:bottom][below] = t[below]

    def _paint_building(self, box: Building) -> None:
        camera = self.camera
        faces = []
        if camera.x < box.x0:
            faces.append((0, box.x0, -1))
        if camera.x > box.x1:
            faces.append((0, box.x1, 1))
        if camera.y < box.y0:
            faces.append((1, box.y0, -1))
        if camera.y > box.y1:
            faces.append((1, box.y1, 1))
        if camera.z > box.height:
            faces.append((2, box.height, 1))
        for axis, at, sign in faces:
            self._paint_face(box, axis, at, sign)

    def _paint_face(self, box: Building, axis: int, at: float, sign: int) -> None:
        camera = self.camera
        spans = [(box.x0, box.x1), (box.y0, box.y1), (0.0, box.height)]
        spans[axis] = (at, at)
        bounds = self._bounds(spans)
        if bounds is None:
            return
        x0, y0, x1, y1 = bounds
        rays = camera.rays(x0, y0, x1, y1)
        origin = (camera.x, camera.y, camera.z)
        across = rays[axis]
        safe = np.where(np.abs(across) < 1e-6, np.float32(1e-6), across)
        t = np.float32(at - origin[axis]) / safe
        rows, columns = np.nonzero((t > 1.0) & (t < self.depth[y0:y1, x0:x1]))
        t = t[rows, columns] if t.shape[0] > 1 else t[0, columns]
        first, second = (i for i in range(3) if i != axis)
        u, v = (
            np.float32(origin[i]) + np.broadcast_to(rays[i], (y1 - y0, x1 - x0))[rows, columns] * t
            for i in (first, second)
        )
        inside = (u >= spans[first][0]) & (u < spans[first][1])
        inside &= (v >= spans[second][0]) & (v < spans[second][1])
        if not inside.any():
            return
        rows, columns = rows[inside], columns[inside]
        t, u, v = t[inside], u[inside], v[inside]
        pixel = t / np.float32(camera.focal)
        grazing = np.abs(np.broadcast_to(across, (y1 - y0, x1 - x0))[rows, columns])
        pixel_u = pixel / np.maximum(grazing, np.float32(0.05))
        wall, glow = paint_facade(box, axis, u, v, pixel_u, pixel, self.lighting.lit, self.texture)
        rows, columns = rows + y0, columns + x0
        self.colour[rows, columns] = self._lit_wall(wall, glow, v, axis, sign)
        self.depth[rows, columns] = t
        self.solid[rows, columns] = np.minimum(t * np.float32(100), FAR - 1).astype(np.uint16)

    def _lit_wall(self, wall: Field, glow: Field, v: Field, axis: int, sign: int) -> Field:
        """Colours of points of a wall, ``v`` metres up, or of a roof."""
        light = self.lighting
        facing = max(0.0, sign * light.direction[axis])
        sky = (0.86, 0.80, 1.05)[axis]
        street_light = np.clip(1 - v / np.float32(9), 0, 1) * np.float32(0.30 * light.lamps)
        for c in range(3):
            lit = np.float32(light.ambient[c] * sky + light.sun[c] * facing * 0.9)
            value = wall[:, c] * (lit + street_light * np.float32(GroundLight.LAMP[c]))
            if axis < 2:
                # Less sky is seen from the bottom of a street.
                value = value * np.clip(np.float32(0.80) + v * np.float32(0.05), 0, 1)
            bright = np.float32((0.45, 0.75, 0.95)[c] * (0.25 if light.lamps == 0 else 0.9))
            wall[:, c] = value + glow * (bright - value)
        return wall

    def _distance(self, box: Building) -> float:
        """Square of how far the building is from the camera, at its nearest."""
        dx = max(box.x0 - self.camera.x, 0.0, self.camera.x - box.x1)
        dy = max(box.y0 - self.camera.y, 0.0, self.camera.y - box.y1)
        return dx * dx + dy * dy

    def _bounds(self, spans: list[tuple[float, float]]) -> tuple[int, int, int, int] | None:
        """Canvas box around a flat rectangle; None where it is out of sight."""
        corners = np.array(
            [(x, y, z) for x in spans[0] for y in spans[1] for z in spans[2]], np.float64
        )
        u, v, depth = self.camera.turn(*corners.T)
        if (depth <= 0.5).all():
            return None
        if (depth <= 0.5).any():
            return 0, 0, self.camera.width, self.camera.height
        scale = self.camera.focal / depth
        x, y = u * scale + self.camera.width / 2, v * scale + self.camera.height / 2
        x0, x1 = max(0, int(x.min())), min(self.camera.width, int(x.max()) + 2)
        y0, y1 = max(0, int(y.min())), min(self.camera.height, int(y.max()) + 2)
        return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    # Trees and poles.

    def _spot(self, x: float, y: float, z: float) -> tuple[int, int, float]:
        """A point in canvas sixteenths, and its depth."""
        u, v, depth = self.camera.turn(*np.array([[x], [y], [z]]))
        scale = self.camera.focal / max(float(depth[0]), 0.1)
        return (
            round((float(u[0]) * scale + self.camera.width / 2) * 16),
            round((float(v[0]) * scale + self.camera.height / 2) * 16),
            float(depth[0]),
        )

    def _hidden(self, x: int, y: int, depth: float) -> bool:
        """Whether a building stands before a point (canvas sixteenths)."""
        column, row = x >> 4, y >> 4
        inside = 0 <= row < self.camera.height and 0 <= column < self.camera.width
        return inside and bool(self.depth[row, column] < depth - 0.4)

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

    def _rod(
        self,
        a: tuple[float, float, float],
        b: tuple[float, float, float],
        width: float,
        colour: tuple[float, ...],
        shining: bool = False,
    ) -> None:
        ax, ay, depth = self._spot(*a)
        bx, by, other = self._spot(*b)
        near = min(depth, other)
        middle = ((ax + bx) >> 1, (ay + by) >> 1)
        if near < 1.5 or all(self._hidden(x, y, near) for x, y in ((ax, ay), middle, (bx, by))):
            return
        thick = max(THINNEST, round(width * self.camera.focal / near))
        lit = colour if shining else self._lit(colour, a[0], a[1], 0.5)
        cv2.line(self.colour, (ax, ay), (bx, by), lit, thick, cv2.LINE_8, 4)
        cv2.line(self.depth, (ax, ay), (bx, by), near, thick, cv2.LINE_8, 4)
        cv2.line(self.solid, (ax, ay), (bx, by), int(near * 100), thick, cv2.LINE_8, 4)

    def _pole(
        self, x: float, y: float, height: float, width: float, colour: tuple[float, ...]
    ) -> None:
        self._rod((x, y, 0.0), (x, y, height), width, colour)

    def _paint_lamp(self, x: float, y: float) -> tuple[float, float, float]:
        grey = (0.32, 0.32, 0.30)
        side = 1 if x > 0 else -1
        self._pole(x, y, 6.0, 0.12, grey)
        self._rod((x, y, 6.0), (x - side * 1.6, y, 6.25), 0.08, grey)
        head = (x - side * 1.6, y, 6.2)
        on = self.lighting.lamps > 0
        colour = (0.72, 0.92, 1.0) if on else (0.75, 0.75, 0.75)
        self._rod(
            (head[0] + side * 0.35, y, 6.18), (head[0] - side * 0.1, y, 6.2), 0.13, colour, on
        )
        return head

    def _glow(self, x: float, y: float, z: float) -> None:
        """The lit air round a street lamp, and on a wet road its mirror image."""
        light = self.lighting
        px, py, depth = self._spot(x, y, z)
        if not light.lamps or depth < 3:
            return
        pixels = self.camera.focal / depth
        size = (1.5 if light.thickness < 0.01 else 3.0) * pixels
        self._add_light(px >> 4, py >> 4, size, size, 0.55)
        if light.wet:
            px, py, _ = self._spot(x, y, -z)
            self._add_light(px >> 4, py >> 4, 0.5 * pixels, 3.2 * pixels, 0.5)

    def _add_light(self, cx: int, cy: int, wide: float, tall: float, strength: float) -> None:
        """A soft oval of lamp light on the canvas."""
        x0, x1 = max(0, cx - round(wide)), min(self.camera.width, cx + round(wide) + 1)
        y0, y1 = max(0, cy - round(tall)), min(self.camera.height, cy + round(tall) + 1)
        if x0 >= x1 or y0 >= y1:
            return
        dx = (np.arange(x0, x1) - cx).astype(np.float32)[None, :] / np.float32(wide)
        dy = (np.arange(y0, y1) - cy).astype(np.float32)[:, None] / np.float32(tall)
        left = np.maximum(1 - dx * dx - dy * dy, 0)
        bright = left * left * left * np.float32(strength * self.lighting.lamps)
        for c in range(3):
            self.colour[y0:y1, x0:x1, c] += bright * np.float32(GroundLight.LAMP[c])

    def _paint_tree(self, tree: Plant) -> None:
        rng = np.random.Generator(np.random.PCG64(tree.style))
        crown = (2 * rng.random((90, 4)) - 1).tolist()
        hue, tone = rng.random(2).tolist()
        self._pole(tree.x, tree.y, tree.height, 0.16 + 0.03 * tree.crown, (0.17, 0.22, 0.27))
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
            spot = self._spot(x, y, z)
            if spot[2] > 2 and not self._hidden(*spot):
                blobs.append((spot, facing + 0.12 * size, 0.30 + 0.08 * size, x, y))
        for (px, py, depth), facing, radius, x, y in sorted(blobs, key=lambda b: -b[0][2]):
            lit = self._lit(tuple(c * (0.8 + 0.5 * facing) for c in base), x, y, max(0.0, facing))
            r = round(radius * tree.crown * self.camera.focal / depth * 16)
            self._leaves(px, py, r, lit, depth)

    def _leaves(self, px: int, py: int, radius: int, lit: tuple[float, ...], depth: float) -> None:
        """A ragged blob: overlapping discs round its middle."""
        for i in range(7):
            turn = i * 0.9 + (px % 7)
            x = px + round(0.6 * radius * sine(turn))
            y = py + round(0.6 * radius * sine(turn + 1.57))
            shade = tuple(c * (0.90 + 0.035 * i) for c in lit)
            size = max(8, round(radius * (0.62 - 0.03 * i)))
            cv2.circle(self.colour, (x, y), size, shade, -1, cv2.LINE_8, 4)
            cv2.circle(self.depth, (x, y), size, depth, -1, cv2.LINE_8, 4)
            cv2.circle(self.solid, (x, y), size, int(depth * 100), -1, cv2.LINE_8, 4)

    # Air and sky.

    def _finish(self) -> Pixels:
        camera, light = self.camera, self.lighting
        steps = np.minimum(self.depth * np.float32(4), 4095).astype(np.int32)
        left = self._haze[steps][..., None]
        haze = np.array(light.haze, np.float32)
        colour = self.colour * left + haze * (1 - left)
        sky = self.depth >= 1e6
        rows = np.nonzero(sky.any(axis=1))[0].tolist()
        if rows:
            top, bottom = rows[0], rows[-1] + 1
            part = sky[top:bottom]
            colour[top:bottom][part] = self._sky(top, bottom)[part]
        picture = np.zeros((camera.height, camera.width, 4), np.uint8)
        picture[..., :3] = np.clip(colour * np.float32(255), 0, 255).astype(np.uint8)
        return picture

    def _sky(self, top: int, bottom: int) -> Field:
        """Colours of the sky and its clouds in some rows of the canvas."""
        dx, dy, dz = self.camera.rays(0, top, self.camera.width, bottom)
        high, low = (np.array(c, np.float32) for c in self.lighting.sky)
        sky = low + (high - low) * np.clip(dz * np.float32(2.6), 0, 1)[..., None]
        size, edge = len(self.texture), 16
        noise = cv2.copyMakeBorder(
            ((self.texture + 2) * 60).astype(np.uint8), edge, edge, edge, edge, cv2.BORDER_WRAP
        )
        smooth = cv2.blur(noise, (31, 31))[edge:-edge, edge:-edge].astype(np.float32) / 60 - 2
        up = np.maximum(dz, np.float32(0.02))
        i = np.floor(dy / up * 34).astype(np.int32) & (size - 1)
        k = np.floor(dx / up * 34).astype(np.int32) & (size - 1)
        share = np.clip(smooth[i, k] * 2.2 + 0.1, 0, 1) * np.clip(dz * 6, 0, 1)
        white = np.minimum(low * np.float32(1.08), 1)
        clouded: Field = sky + (white - sky) * share[..., None] * np.float32(0.7)
        return clouded
