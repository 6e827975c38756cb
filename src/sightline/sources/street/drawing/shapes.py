"""Solid things as coloured faces.

Local coordinates: x ahead, y to the left, z up, in metres, the origin on the ground below the
middle. Colours are BGR albedos from 0 to 1. Faces are convex and listed in painting order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.camera import Reals, cosine, sine

Colour = tuple[float, float, float]
Point = tuple[float, float, float]

PLAIN, HEAD, TAIL, LEFT, RIGHT, CABIN, SIGN = range(7)
"""What a face does at night: nothing, head lamp, tail lamp, indicators, lit windows, lit sign."""

TYRE: Colour = (0.09, 0.09, 0.09)
DARK: Colour = (0.13, 0.13, 0.13)
GLASS: Colour = (0.27, 0.23, 0.20)
CHROME: Colour = (0.72, 0.72, 0.72)
LAMP: Colour = (0.92, 0.95, 0.95)
RED: Colour = (0.10, 0.08, 0.62)
AMBER: Colour = (0.10, 0.45, 0.90)


def numbers(look: int, count: int) -> list[float]:
    """Random numbers from 0 to 1 that belong to one appearance."""
    draws: list[float] = np.random.Generator(np.random.PCG64(look)).random(count).tolist()
    return draws


def pick(table: tuple[Colour, ...], draw: float) -> Colour:
    """One colour of a table, by a number from 0 to below 1."""
    return table[int(draw * len(table))]


def tint(colour: Colour, factor: float) -> Colour:
    """A colour, darker or lighter by a factor."""
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


@dataclass(frozen=True)
class Mesh:
    """Faces as flat arrays. Face i has the vertices ``vertices[starts[i]:starts[i + 1]]``.

    Args:
        vertices: (V, 3). normals, points, albedo: (F, 3), ``points`` lie on their face.
        detail: (F,) the least drawn pixels per metre at which the face is worth painting.
        lamp: (F,) one of the lamp codes.
        groups: first faces of the rear and of the front part, which are painted farthest first.
        split: local x between the rear and the front part.
    """

    vertices: Reals
    starts: tuple[int, ...]
    normals: Reals
    points: Reals
    albedo: Reals
    detail: Reals
    lamp: NDArray[np.int64]
    groups: tuple[int, int]
    split: float

    @property
    def faces(self) -> int:
        """Number of faces."""
        return len(self.lamp)

    def coarse(self, detail: float) -> Mesh:
        """The same without the faces that need more drawn pixels per metre than ``detail``."""
        kept = [i for i, least in enumerate(self.detail.tolist()) if least <= detail]
        rows = [np.arange(self.starts[i], self.starts[i + 1]) for i in kept]
        starts = np.cumsum([0, *(len(r) for r in rows)]).tolist()
        rear, front = (sum(i < group for i in kept) for group in self.groups)
        return Mesh(
            self.vertices[np.concatenate(rows)], tuple(starts), self.normals[kept],
            self.points[kept], self.albedo[kept], self.detail[kept], self.lamp[kept],
            (rear, front), self.split,
        )  # fmt: skip


@dataclass
class Builder:
    """Collects faces; each is turned so that its normal points to where ``out`` points."""

    vertices: list[Point] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    normals: list[Point] = field(default_factory=list)
    albedo: list[Colour] = field(default_factory=list)
    detail: list[float] = field(default_factory=list)
    lamp: list[int] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)

    def face(
        self,
        points: list[Point],
        colour: Colour,
        out: Point,
        detail: float = 0.0,
        lamp: int = PLAIN,
    ) -> None:
        """Add a flat face of these corners (metres), turned so that its normal points to where ``out`` does."""
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = points[0], points[1], points[2]
        ux, uy, uz, vx, vy, vz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        size = float(np.sqrt(nx * nx + ny * ny + nz * nz)) or 1.0
        if nx * out[0] + ny * out[1] + nz * out[2] < 0:
            size = -size
        self.normals.append((nx / size, ny / size, nz / size))
        self.vertices += points
        self.starts.append(len(self.vertices))
        self.albedo.append(colour)
        self.detail.append(detail)
        self.lamp.append(lamp)
        self.points.append(points[0])

    def strip(
        self,
        a: tuple[float, float],
        b: tuple[float, float],
        y: float,
        colour: Colour,
        out: Point,
        detail: float = 0.0,
        lamp: int = PLAIN,
        y2: float | None = None,
    ) -> None:
        """A quad across the vehicle from (x, z) ``a`` to ``b``, as wide as 2 ``y`` (``y2`` at b)."""
        w = y if y2 is None else y2
        self.face(
            [(a[0], -y, a[1]), (a[0], y, a[1]), (b[0], w, b[1]), (b[0], -w, b[1])],
            colour,
            out,
            detail,
            lamp,
        )

    def sides(
        self,
        outline: list[tuple[float, float]],
        y: float,
        colour: Colour,
        detail: float = 0.0,
        lamp: int = PLAIN,
        top: float | None = None,
    ) -> None:
        """The same outline in (x, z) on both sides; it leans in to ``top`` at its highest points."""
        low, high = min(z for _, z in outline), max(z for _, z in outline)
        lean = 0.0 if top is None else (top - y) / (high - low)
        for side in (-1, 1):
            self.face(
                [(x, side * (y + lean * (z - low)), z) for x, z in outline],
                colour,
                (0, side, 0.0),
                detail,
                lamp,
            )

    def patch(
        self,
        x: float,
        y0: float,
        y1: float,
        z0: float,
        z1: float,
        colour: Colour,
        out: int,
        detail: float = 0.0,
        lamp: int = PLAIN,
    ) -> None:
        """An upright rectangle on the front (``out`` 1) or the rear (-1)."""
        self.face(
            [(x, y0, z0), (x, y1, z0), (x, y1, z1), (x, y0, z1)], colour, (out, 0, 0), detail, lamp
        )

    def wheel(self, x: float, y: float, radius: float, arch: bool = True) -> None:
        """Arch, tyre and hub on both sides."""
        for side in (-1, 1):
            rings = [
                (radius * 1.16, DARK, 10.0, 0.004),
                (radius, TYRE, 0.0, 0.008),
                (radius * 0.62, CHROME, 14.0, 0.012),
                (radius * 0.2, DARK, 40.0, 0.014),
            ]
            for r, colour, detail, lift in rings[0 if arch else 1 :]:
                self.face(
                    [
                        (x + r * cosine(i * 0.5712), side * (y + lift),
                         radius + r * sine(i * 0.5712))
                        for i in range(11)
                    ],
                    colour, (0, side, 0), detail,
                )  # fmt: skip

    def mesh(self, groups: tuple[int, int] | None = None, split: float = 0.0) -> Mesh:
        """All faces that were added, as arrays."""
        count = len(self.lamp)
        return Mesh(
            np.array(self.vertices), tuple(self.starts), np.array(self.normals),
            np.array(self.points), np.array(self.albedo), np.array(self.detail),
            np.array(self.lamp, np.int64), groups or (count, count), split,
        )  # fmt: skip
