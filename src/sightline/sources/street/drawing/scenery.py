"""The picture of the empty street, made once per scene, with the depth of all that stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.camera import BLOCK, Camera
from sightline.sources.street.drawing.buildings import BuildingPainter
from sightline.sources.street.drawing.furniture import FurniturePainter
from sightline.sources.street.drawing.ground import make_texture, paint_ground
from sightline.sources.street.drawing.light import Field, GroundLight, Lighting
from sightline.sources.street.drawing.planes import FAR, Planes
from sightline.sources.street.layout import Layout, Plant
from sightline.sources.street.traffic_lights import Signal, find_signals
from sightline.types import Mask, Pixels

_STRIP_POINTS = 80_000
"""Of the ground that are painted at once: their planes fit into the caches."""


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


class _GroundStrip(NamedTuple):
    """Rows of the canvas in which there is ground: where, the rays of their pixels, and the depth on the ground."""

    rows: slice
    below: Mask
    rays: tuple[Field, ...]
    t: Field


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
        self.planes = Planes(camera)
        self.texture = make_texture(np.random.Generator(np.random.PCG64([seed, 5])))
        self.signals = find_signals(street, camera)

    def paint(self) -> Scenery:
        """The street without anything that moves, as its camera sees it."""
        camera = self.camera
        strips = list(self._ground_strips())
        # Near ones first: what they hide need not be painted, nor the ground behind them.
        buildings = BuildingPainter(self.planes, self.lighting, self.texture)
        for building in sorted(self.street.buildings, key=buildings.distance):
            buildings.paint(building)
        for strip in strips:
            self._paint_ground(strip)
        furniture = FurniturePainter(self.planes, self.lighting, self._ground_light)
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
                furniture.paint_tree(thing)
            else:
                lamps.append(furniture.paint_lamp(*thing))
        for signal in self.signals:
            furniture.pole(signal.x, signal.y, signal.z, 0.1, (0.22, 0.22, 0.22))
            furniture.rod(
                (signal.x, signal.y, signal.z - 0.45), (signal.x, signal.y, signal.z + 0.45), 0.32,
                (0.10, 0.10, 0.10),
            )  # fmt: skip
        for x, y, z in lamps:
            furniture.glow(x, y, z)
        picture = self._finish()
        spare = ((0, -camera.height % BLOCK), (0, -camera.width % BLOCK))
        whole = np.pad(self.planes.solid, spare, mode="edge")
        blocks = whole.reshape(len(whole) // BLOCK, BLOCK, whole.shape[1] // BLOCK, BLOCK)
        ground = ((self.planes.depth < 1e6) & (self.planes.solid == FAR)).astype(
            np.uint8
        ) * np.uint8(255)
        return Scenery(
            picture,
            self.planes.solid,
            blocks.min(axis=(1, 3)),
            blocks.max(axis=(1, 3)),
            ground,
            self.signals,
        )

    def _ground_strips(self) -> Iterator[_GroundStrip]:
        """The rows in which there is ground, a strip at a time; its depth is in the planes from then on."""
        camera = self.camera
        step = max(1, _STRIP_POINTS // camera.width)
        for top in range(0, camera.height, step):
            bottom = min(top + step, camera.height)
            rays = camera.rays(0, top, camera.width, bottom)
            below = rays[2] < np.float32(-0.004)
            if below.any():
                t = np.float32(camera.z) / np.maximum(-rays[2], np.float32(0.004))
                self.planes.depth[top:bottom][below] = t[below]
                yield _GroundStrip(slice(top, bottom), below, rays, t)

    def _paint_ground(self, strip: _GroundStrip) -> None:
        """The colours of the ground in some rows, where no building stands before it."""
        camera, light = self.camera, self.lighting
        seen = strip.below & (self.planes.solid[strip.rows] == FAR)
        if not seen.any():
            return
        dx, dy, dz = (ray[seen] for ray in strip.rays)
        t = strip.t[seen]
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
                    np.float32(light.sun[c]) * sun - np.float32(0.22) * (1 - sun) * light.ambient[c]
                )
            lit = np.float32(light.ambient[c]) + direct + np.float32(GroundLight.LAMP[c]) * lamp
            shown = albedo[..., c] * lit
            if light.wet:
                shown = shown + gloss * (np.float32(light.sky[1][c]) - shown)
            self.planes.colour[strip.rows, :, c][seen] = shown

    # Air and sky.

    def _finish(self) -> Pixels:
        camera, light = self.camera, self.lighting
        steps = np.minimum(self.planes.depth * np.float32(4), 4095).astype(np.int32)
        left = self._haze[steps][..., None]
        haze = np.array(light.haze, np.float32)
        colour = self.planes.colour * left + haze * (1 - left)
        sky = self.planes.depth >= 1e6
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
