"""The planes that the empty street is painted into: colour, depth, and the depth of what hides."""

from __future__ import annotations

import cv2
import numpy as np

from sightline.sources.street.camera import Camera
from sightline.sources.street.drawing.light import GroundLight

FAR = 65535
"""Depth of what hides nothing: ground and sky."""

Point = tuple[int, int]
"""On the canvas, in sixteenths of a pixel."""


class Planes:
    """What a camera sees, as it is painted.

    ``colour`` (H, W, 3) float32, BGR from 0 to 1; ``depth`` (H, W) float32, metres, 1e6 for the sky;
    ``solid`` (H, W) uint16, centimetres of depth of what hides others, ``FAR`` elsewhere.
    """

    def __init__(self, camera: Camera) -> None:
        height, width = camera.height, camera.width
        self.camera = camera
        self.colour = np.zeros((height, width, 3), np.float32)
        self.depth = np.full((height, width), np.float32(1e6))
        self.solid = np.full((height, width), FAR, np.uint16)

    def bounds(self, spans: list[tuple[float, float]]) -> tuple[int, int, int, int] | None:
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

    def spot(self, x: float, y: float, z: float) -> tuple[int, int, float]:
        """A point in canvas sixteenths, and its depth."""
        u, v, depth = self.camera.turn(*np.array([[x], [y], [z]]))
        scale = self.camera.focal / max(float(depth[0]), 0.1)
        return (
            round((float(u[0]) * scale + self.camera.width / 2) * 16),
            round((float(v[0]) * scale + self.camera.height / 2) * 16),
            float(depth[0]),
        )

    def is_hidden(self, x: int, y: int, depth: float) -> bool:
        """Whether a building stands before a point (canvas sixteenths)."""
        column, row = x >> 4, y >> 4
        inside = 0 <= row < self.camera.height and 0 <= column < self.camera.width
        return inside and bool(self.depth[row, column] < depth - 0.4)

    def line(self, a: Point, b: Point, thick: int, colour: tuple[float, ...], depth: float) -> None:
        """A line of one depth (metres), ``thick`` pixels wide."""
        cv2.line(self.colour, a, b, colour, thick, cv2.LINE_8, 4)
        cv2.line(self.depth, a, b, depth, thick, cv2.LINE_8, 4)
        cv2.line(self.solid, a, b, int(depth * 100), thick, cv2.LINE_8, 4)

    def disc(self, at: Point, radius: int, colour: tuple[float, ...], depth: float) -> None:
        """A disc of one depth (metres); its radius is in sixteenths of a pixel."""
        cv2.circle(self.colour, at, radius, colour, -1, cv2.LINE_8, 4)
        cv2.circle(self.depth, at, radius, depth, -1, cv2.LINE_8, 4)
        cv2.circle(self.solid, at, radius, int(depth * 100), -1, cv2.LINE_8, 4)

    def add_light(self, cx: int, cy: int, wide: float, tall: float, strength: float) -> None:
        """A soft oval of lamp light on the canvas."""
        x0, x1 = max(0, cx - round(wide)), min(self.camera.width, cx + round(wide) + 1)
        y0, y1 = max(0, cy - round(tall)), min(self.camera.height, cy + round(tall) + 1)
        if x0 >= x1 or y0 >= y1:
            return
        dx = (np.arange(x0, x1) - cx).astype(np.float32)[None, :] / np.float32(wide)
        dy = (np.arange(y0, y1) - cy).astype(np.float32)[:, None] / np.float32(tall)
        left = np.maximum(1 - dx * dx - dy * dy, 0)
        bright = left * left * left * np.float32(strength)
        for c in range(3):
            self.colour[y0:y1, x0:x1, c] += bright * np.float32(GroundLight.LAMP[c])
