"""Shadows that moving things cast on the ground, and the light of their head lamps."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.camera import NEAR, SCALE, Camera, Reals
from sightline.sources.street.drawing.light import Lighting
from sightline.sources.street.drawing.paint import BITS, Sprite
from sightline.sources.street.world import World
from sightline.types import Pixels

_COARSE = 2 * SCALE
"""Shadows are soft, so they are drawn at half the picture's size."""
_HEIGHTS = {0: 1.65, 1: 1.0, 2: 1.42, 3: 1.1, 5: 3.0, 7: 3.0}
"""Metres, by class number."""
_BEAM_SEEN = 75.0
"""Metres of depth within which the light of head lamps on the road is drawn."""
_BEAMS = ((24.0, 3.6, 28), (16.0, 2.8, 64), (8.5, 2.0, 135))
"""How far and how wide (m) head lamps shine, and how much light there is."""


class Shadows:
    """Darkens and lights the picture after the colours are averaged."""

    def __init__(
        self, camera: Camera, lighting: Lighting, ground: NDArray[np.uint8], size: tuple[int, int]
    ) -> None:
        self._camera, self._lighting = camera, lighting
        standing = cv2.bitwise_not(ground)
        # One small mask for each way in which the picture's grid may lie on the canvas.
        self._standing = {
            (x, y): np.ascontiguousarray(standing[y::SCALE, x::SCALE])
            for x in range(SCALE)
            for y in range(SCALE)
        }
        rows, columns = camera.height // _COARSE, camera.width // _COARSE
        self._shade = np.empty((rows, columns), np.uint8)
        self._beam = np.empty((rows, columns), np.uint8)
        self._even = np.empty(size, np.uint8)
        self._night = lighting.lamps > 0
        self._plain = 64 if self._night else 128

    def apply(
        self,
        image: Pixels,
        items: list[Sprite],
        world: World,
        slots: NDArray[np.uint8],
        corner: tuple[int, int],
        exposure: float,
    ) -> None:
        """Put shadows on the ground and, at night, the light of head lamps; in place.

        ``exposure`` brightens the whole picture in the same pass.
        """
        plain = round(self._plain * exposure)
        self._shade.fill(plain)
        self._cast(items, plain)
        gain = self._to_picture(cv2.blur(self._shade, (3, 3)), slots.shape, corner)
        left, top = corner
        height, width = slots.shape
        x, y = left // SCALE, top // SCALE
        standing = self._standing[left % SCALE, top % SCALE][y : y + height, x : x + width]
        thing = cv2.bitwise_or(slots, standing)
        self._even.fill(plain)
        cv2.copyTo(self._even, thing, gain)
        if self._night:
            gain = self._light(gain, world, slots.shape, corner)
        # Bytes times bytes over a power of two: exact, so the same everywhere.
        cv2.multiply(image, cv2.merge([gain, gain, gain]), dst=image, scale=1 / self._plain)

    def _to_picture(
        self, coarse: NDArray[np.uint8], shape: tuple[int, ...], corner: tuple[int, int]
    ) -> NDArray[np.uint8]:
        rows, columns = coarse.shape
        fine = cv2.resize(coarse, (columns * 2, rows * 2), interpolation=cv2.INTER_LINEAR)
        x, y = corner[0] // SCALE, corner[1] // SCALE
        return np.asarray(fine[y : y + shape[0], x : x + shape[1]])

    def _rings(self, x: Reals, y: Reals) -> tuple[NDArray[np.int32], list[bool]]:
        """Rings of ground points (N, K) as canvas points (N, K, 2), and which are in front."""
        u, v, depth = self._camera.turn(x, y, np.zeros_like(x))
        near = depth.min(axis=1)
        spots = self._camera.spots(u.ravel(), v.ravel(), np.maximum(depth, NEAR / 2).ravel())
        return spots.reshape(*x.shape, 2), (near > NEAR / 2).tolist()

    def _cast(self, items: list[Sprite], plain: int) -> None:
        if not items:
            return
        light, bits = self._lighting, BITS + 2
        base = np.array([item.corners for item in items])
        thin = np.array([item.class_id in (0, 1) for item in items])
        middle = (base[:, 0:1] + base[:, 1:2] + base[:, 2:3] + base[:, 3:4]) / 4
        # A figure is narrower than the box that it stands in.
        base = middle + (base - middle) * np.where(thin, 0.6, 1.0)[:, None, None]
        if not light.soft:
            reach = np.array([_HEIGHTS[item.class_id] for item in items]) / light.direction[2]
            x = base[:, :, 0] - (light.direction[0] * reach)[:, None]
            y = base[:, :, 1] - (light.direction[1] * reach)[:, None]
            both = (
                np.concatenate([base[:, :, 0], x], axis=1),
                np.concatenate([base[:, :, 1], y], axis=1),
            )
            rings, ahead = self._rings(*both)
            value = round(plain * (1 - light.shadow))
            for ring, good in zip(rings, ahead, strict=True):
                if good:
                    cv2.fillConvexPoly(self._shade, cv2.convexHull(ring), value, 8, bits)
        rings, ahead = self._rings(base[:, :, 0], base[:, :, 1])
        values = [round(plain * (0.62 if slim else 0.38)) for slim in thin.tolist()]
        for ring, good, value in zip(rings, ahead, values, strict=True):
            if good:
                cv2.fillConvexPoly(self._shade, ring, value, 8, bits)

    def _light(
        self, gain: NDArray[np.uint8], world: World, shape: tuple[int, ...], corner: tuple[int, int]
    ) -> NDArray[np.uint8]:
        self._beam.fill(0)
        camera = self._camera
        cars = [
            v
            for v in world.vehicles
            # Farther away their light is a line at most.
            if v.kind != "bicycle" and -25 < camera.depth(v.x, v.y) < _BEAM_SEEN
        ]
        if not cars:
            return gain
        x, y, hx, hy, nose = (
            column[:, None]
            for column in np.array([(v.x, v.y, v.hx, v.hy, v.length / 2) for v in cars]).T
        )
        strength = 1.0 if self._lighting.lamps > 0.5 else 0.3
        for reach, wide, value in _BEAMS:
            a = nose + np.array([0.3, reach, reach + 2, reach, 0.3])
            b = np.array([-0.8, -wide, 0.0, wide, 0.8])
            rings, ahead = self._rings(x + a * hx - b * hy, y + a * hy + b * hx)
            for ring, good in zip(rings, ahead, strict=True):
                if good:
                    cv2.fillConvexPoly(self._beam, ring, round(value * strength), 8, BITS + 2)
        beam = self._to_picture(cv2.blur(self._beam, (11, 11)), shape, corner)
        return np.asarray(cv2.add(gain, beam), np.uint8)
