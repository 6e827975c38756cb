"""Buildings: which of their sides are seen, and how these are lit."""

from __future__ import annotations

import numpy as np

from sightline.sources.street.drawing.facades import paint_facade
from sightline.sources.street.drawing.light import Field, GroundLight, Lighting
from sightline.sources.street.drawing.planes import FAR, Planes
from sightline.sources.street.layout import Building


class BuildingPainter:
    """Paints buildings into planes; ``texture`` is that of their walls."""

    def __init__(self, planes: Planes, lighting: Lighting, texture: Field) -> None:
        self.planes, self.lighting, self.texture = planes, lighting, texture

    def paint(self, box: Building) -> None:
        """The sides of a building that the camera sees, but for what is hidden already."""
        camera = self.planes.camera
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
        camera = self.planes.camera
        spans = [(box.x0, box.x1), (box.y0, box.y1), (0.0, box.height)]
        spans[axis] = (at, at)
        bounds = self.planes.bounds(spans)
        if bounds is None:
            return
        x0, y0, x1, y1 = bounds
        rays = camera.rays(x0, y0, x1, y1)
        origin = (camera.x, camera.y, camera.z)
        across = rays[axis]
        safe = np.where(np.abs(across) < 1e-6, np.float32(1e-6), across)
        t = np.float32(at - origin[axis]) / safe
        rows, columns = np.nonzero((t > 1.0) & (t < self.planes.depth[y0:y1, x0:x1]))
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
        self.planes.colour[rows, columns] = self._lit_wall(wall, glow, v, axis, sign)
        self.planes.depth[rows, columns] = t
        self.planes.solid[rows, columns] = np.minimum(t * np.float32(100), FAR - 1).astype(
            np.uint16
        )

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

    def distance(self, box: Building) -> float:
        """Square of how far the building is from the camera, at its nearest."""
        dx = max(box.x0 - self.planes.camera.x, 0.0, self.planes.camera.x - box.x1)
        dy = max(box.y0 - self.planes.camera.y, 0.0, self.planes.camera.y - box.y1)
        return dx * dx + dy * dy
