"""Where things stand in one frame, how each is lit, and how large it appears: arrays, one row each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.camera import BLOCK, NEAR, Camera, Reals
from sightline.sources.street.drawing.light import Field, GroundLight


@dataclass(frozen=True)
class Places:
    """Rows of things in the world, all (N,).

    ``x y hx hy``: position and heading; ``depth`` of the foot point; ``scale``: drawn pixels per
    metre; ``sun`` and ``lamp``: light that reaches it; ``left``: share of its own colour that the
    haze leaves; ``slot``: its number in this frame.
    """

    x: Reals
    y: Reals
    hx: Reals
    hy: Reals
    depth: Reals
    scale: Reals
    sun: Reals
    lamp: Reals
    left: Reals
    slot: NDArray[np.int64]

    def take(self, rows: list[int]) -> Places:
        """These rows of all arrays."""
        return Places(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def eyes(self, camera: Camera) -> tuple[Reals, Reals]:
        """Where the camera is in each thing's own coordinates: ahead and to the left."""
        dx, dy = camera.x - self.x, camera.y - self.y
        return dx * self.hx + dy * self.hy, dy * self.hx - dx * self.hy

    def corners(self, half: Reals, side: Reals) -> list[list[tuple[float, float]]]:
        """Corners of each footprint on the ground, clockwise from the front left."""
        found = []
        for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1)):
            found.append(self.x + a * half * self.hx - b * side * self.hy)
            found.append(self.y + a * half * self.hy + b * side * self.hx)
        return [
            [(r[0], r[1]), (r[2], r[3]), (r[4], r[5]), (r[6], r[7])]
            for r in np.stack(found, axis=1).tolist()
        ]


@dataclass(frozen=True)
class Projection:
    """Points of several shapes on the canvas, one after another.

    ``right``, ``down`` and ``ahead`` are (V,) metres from the camera, ``spots`` (V, 2) canvas
    sixteenths. Per shape: its ``first`` point (and one past the last), the corners ``low`` and
    ``high`` of its spots, and the depth of its ``nearest`` point.
    """

    right: Reals
    down: Reals
    ahead: Reals
    spots: NDArray[np.int32]
    first: list[int]
    low: list[list[int]]
    high: list[list[int]]
    nearest: list[float]


def project(camera: Camera, places: Places, shapes: list[Reals]) -> Projection:
    """See shapes, each (N, 3) in its own coordinates, at their places. There must be one."""
    sizes = [len(shape) for shape in shapes]
    of = np.repeat(np.arange(len(shapes)), sizes)
    first = np.cumsum([0, *sizes])
    x, y, z = np.concatenate(shapes).T
    hx, hy = places.hx[of], places.hy[of]
    u, v, depth = camera.turn(places.x[of] + x * hx - y * hy, places.y[of] + x * hy + y * hx, z)
    spots = camera.spots(u, v, np.maximum(depth, NEAR / 2))
    starts = first[:-1]
    return Projection(
        u, v, depth, spots, first.tolist(), np.minimum.reduceat(spots, starts).tolist(),
        np.maximum.reduceat(spots, starts).tolist(), np.minimum.reduceat(depth, starts).tolist(),
    )  # fmt: skip


def in_sight(camera: Camera, rows: Reals, farthest: NDArray[np.uint16], limit: float) -> list[int]:
    """Numbers of the things that may be seen.

    ``rows`` are x, y, hx, hy, the height of the middle, and how far each reaches from its middle;
    ``farthest`` is the greatest depth (cm) of the scenery in each block of ``BLOCK`` pixels: what
    lies behind that is hidden, and so is what is deeper than ``limit`` metres.
    """
    x, y, _, _, middle, reach = rows.T
    right, down, ahead = camera.turn(x, y, middle)
    near = np.maximum(ahead - reach, NEAR)
    # The largest that a ball of this reach round the middle can appear.
    scale = camera.focal / near
    size = reach * scale
    wide, tall = camera.width / 2, camera.height / 2
    seen = (ahead > NEAR - reach) & (ahead < limit)
    # Beside a thing that reaches behind the camera the middle says too little.
    far = ahead > NEAR + reach
    seen &= ~far | (np.abs(right) * camera.focal / np.maximum(ahead, NEAR) - size < wide)
    seen &= ~far | (np.abs(down) * camera.focal / np.maximum(ahead, NEAR) - size < tall)
    edge = np.maximum(ahead + reach, 0.0) * wide / camera.focal
    seen &= far | (np.abs(right) - 1.2 * reach < edge)
    column = right * camera.focal / np.maximum(ahead, NEAR) + wide
    row = down * camera.focal / np.maximum(ahead, NEAR) + tall
    across = np.clip(column / BLOCK, 0, farthest.shape[1] - 1).astype(np.int64)
    along = np.clip(row / BLOCK, 0, farthest.shape[0] - 1).astype(np.int64)
    depth = np.maximum(ahead - reach, 0.0) * 100
    doubtful = seen & far & (farthest[along, across] < depth)
    for i in np.nonzero(doubtful)[0].tolist():
        u, v, r = float(column[i]), float(row[i]), float(size[i])
        x0, x1 = max(0, int((u - r) / BLOCK)), int((u + r) / BLOCK) + 1
        y0, y1 = max(0, int((v - r) / BLOCK)), int((v + r) / BLOCK) + 1
        seen[i] = farthest[y0:y1, x0:x1].max(initial=0) >= depth[i]
    found: list[int] = np.nonzero(seen)[0].tolist()
    return found


def make_places(
    camera: Camera, ground: GroundLight, haze: Field, rows: Reals, first: int = 1
) -> Places:
    """Places of rows of x, y, hx, hy and the height of the middle; slots from ``first`` on."""
    x, y, hx, hy, middle = rows.T
    ahead = camera.axes[2]
    depth = (x - camera.x) * ahead[0] + (y - camera.y) * ahead[1] - camera.z * ahead[2]
    central = np.maximum(depth + middle * ahead[2], NEAR)
    sun, lamp = (field.astype(np.float64) for field in ground.sample(x, y))
    left = haze[np.minimum(central * 4, 4095).astype(np.int64)].astype(np.float64)
    slots = np.arange(first, first + len(x))
    return Places(x, y, hx, hy, depth, camera.focal / central, sun, lamp, left, slots)
