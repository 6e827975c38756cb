"""Strokes of cars, buses and trucks: all of one frame at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.camera import NEAR, Camera, Reals
from sightline.sources.street.drawing.light import GroundLight, Lighting
from sightline.sources.street.drawing.paint import BITS, POLYGON, Box, Bytes4, Stroke
from sightline.sources.street.drawing.shapes import CABIN, HEAD, LEFT, RIGHT, SIGN, TAIL, Mesh
from sightline.sources.street.places import Places, project

SHINE = np.zeros((7, 3))
"""BGR of each kind of lamp that is on."""
SHINE[HEAD], SHINE[TAIL], SHINE[LEFT] = (0.90, 0.97, 1.0), (0.14, 0.12, 0.95), (0.10, 0.60, 1.0)
SHINE[RIGHT], SHINE[CABIN], SHINE[SIGN] = SHINE[LEFT], (0.40, 0.56, 0.62), (0.15, 0.62, 1.0)
GLOW = np.zeros(7)
"""Radius in metres of the glow round each kind of lamp; 0 has none."""
GLOW[HEAD], GLOW[TAIL], GLOW[LEFT], GLOW[RIGHT] = 0.75, 0.42, 0.35, 0.35


_Face = tuple[int, int, Bytes4]
"""First and last vertex, and colour."""


@dataclass(frozen=True, slots=True)
class Glow:
    """A lamp that shines into the camera: canvas x, y and radius in drawn pixels; whose it is."""

    x: float
    y: float
    size: float
    kind: int
    slot: int


def to_bytes(
    colours: Reals, left: Reals, haze: tuple[float, ...], slot: NDArray[np.int64]
) -> list[Bytes4]:
    """(N, 3) colours behind haze as byte tuples, with the slot as the fourth."""
    mixed = np.empty((len(colours), 4), np.int64)
    for c in range(3):
        value = (colours[:, c] * left + haze[c] * (1 - left)) * 255
        mixed[:, c] = np.minimum(value, 255)
    mixed[:, 3] = slot
    return list(map(tuple, mixed.tolist()))


class SolidPainter:
    """Turns meshes at places into strokes."""

    def __init__(self, camera: Camera, lighting: Lighting) -> None:
        self._camera, self._lighting = camera, lighting

    def strokes(
        self, meshes: list[Mesh], places: Places, lit: Reals, glows: list[Glow]
    ) -> list[tuple[list[Stroke], Box]]:
        """Strokes and box of each mesh; nothing where it is behind the camera.

        ``lit`` (N, 7) is the brightness of each kind of lamp; lamps that shine into the camera
        are added to ``glows``.
        """
        if not meshes:
            return []
        view = project(self._camera, places, [mesh.vertices for mesh in meshes])
        counts = [mesh.faces for mesh in meshes]
        of_face = np.repeat(np.arange(len(meshes)), counts)
        first_face = np.cumsum([0, *counts])
        seen, colours, bright = self._faces(meshes, places, of_face, lit)
        cuts, heads = np.searchsorted(seen, first_face).tolist(), first_face.tolist()
        numbers, ahead = seen.tolist(), places.eyes(self._camera)[0].tolist()
        found: list[tuple[list[Stroke], Box]] = []
        for i, mesh in enumerate(meshes):
            own, body = slice(cuts[i], cuts[i + 1]), slice(view.first[i], view.first[i + 1])
            head, starts, points = heads[i], mesh.starts, view.spots[body]
            faces = [
                (starts[f - head], starts[f - head + 1], colour)
                for f, colour in zip(numbers[own], colours[own], strict=True)
            ]
            if mesh.split and ahead[i] < mesh.split:
                faces = _turned(faces, *(starts[group] for group in mesh.groups))
            if view.nearest[i] < NEAR:
                solid = (view.right[body], view.down[body], view.ahead[body])
                found.append(self._clipped(solid, faces))
                continue
            strokes: list[Stroke] = [(POLYGON, points[a:b], colour, 0) for a, b, colour in faces]
            found.append((strokes, _box(view.low[i], view.high[i])))
        for at in np.nonzero(bright)[0].tolist():
            i = int(of_face[numbers[at]])
            face, first, mesh = numbers[at] - heads[i], view.first[i], meshes[i]
            ring = view.spots[first + mesh.starts[face] : first + mesh.starts[face + 1]]
            self._shine(ring, int(mesh.lamp[face]), float(bright[at]), places, i, glows)
        return found

    def _faces(
        self, meshes: list[Mesh], places: Places, of_face: NDArray[np.int64], lit: Reals
    ) -> tuple[NDArray[np.int64], list[Bytes4], Reals]:
        """Which faces look at the camera, their colours, and how bright each glows."""
        camera, light = self._camera, self._lighting
        normals = np.concatenate([mesh.normals for mesh in meshes])
        px, py, pz = np.concatenate([mesh.points for mesh in meshes]).T
        nx, ny, nz = normals.T
        ahead, aside = places.eyes(camera)
        facing = nx * (ahead[of_face] - px) + ny * (aside[of_face] - py) + nz * (camera.z - pz)
        seen = np.nonzero(facing > 0)[0]
        of = of_face[seen]
        nx, ny, nz = normals[seen].T
        hx, hy = places.hx[of], places.hy[of]
        sx, sy, sz = light.direction
        to_sun = nx * (sx * hx + sy * hy) + ny * (sy * hx - sx * hy) + nz * sz
        to_sun = np.maximum(to_sun, 0.0) * places.sun[of]
        lamp_light = places.lamp[of] * (0.45 + 0.45 * nz)
        # Faces that look up see more of the sky.
        sky = 0.80 + 0.20 * nz
        colours = np.concatenate([mesh.albedo for mesh in meshes])[seen]
        for c in range(3):
            colours[:, c] *= (
                light.ambient[c] * sky + light.sun[c] * to_sun + GroundLight.LAMP[c] * lamp_light
            )
        kind = np.concatenate([mesh.lamp for mesh in meshes])[seen]
        bright = lit[of, kind]
        on = bright > 0
        colours[on] = SHINE[kind[on]] * bright[on, None]
        rows = to_bytes(colours, places.left[of], light.haze, places.slot[of])
        return seen, rows, bright * (GLOW[kind] > 0)

    def _shine(
        self,
        ring: NDArray[np.int32],
        kind: int,
        strength: float,
        places: Places,
        row: int,
        glows: list[Glow],
    ) -> None:
        if kind == TAIL and not self._lighting.headlights and strength < 0.9:
            return
        x, y = (ring.sum(0) / (len(ring) << BITS)).tolist()
        size = float(places.scale[row]) * float(GLOW[kind]) * strength
        glows.append(Glow(x, y, size, kind, int(places.slot[row])))

    def _clipped(
        self, solid: tuple[Reals, Reals, Reals], faces: list[_Face]
    ) -> tuple[list[Stroke], Box]:
        """Strokes of a vehicle that reaches behind the camera: faces are cut at ``NEAR``."""
        nothing: tuple[list[Stroke], Box] = [], (0, 0, 0, 0)
        u, v, depth = (a[solid[2] >= NEAR] for a in solid)
        limit = self._camera.width / 2 / self._camera.focal
        tall = self._camera.height / 2 / self._camera.focal
        # All beyond one edge of the picture: what is cut off lies farther out still.
        if (u > limit * depth).all() or (u < -limit * depth).all() or (v > tall * depth).all():
            return nothing
        strokes: list[Stroke] = []
        every: list[NDArray[np.int32]] = []
        for first, last, colour in faces:
            ring = list(zip(*(a[first:last].tolist() for a in solid), strict=True))
            kept = []
            for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
                if a[2] >= NEAR:
                    kept.append(a)
                if (a[2] >= NEAR) != (b[2] >= NEAR):
                    share = (NEAR - a[2]) / (b[2] - a[2])
                    kept.append((a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, NEAR))
            if len(kept) > 2:
                points = self._camera.spots(*np.array(kept).T)
                every.append(points)
                strokes.append((POLYGON, points, colour, 0))
        if not every:
            return nothing
        joined = np.concatenate(every)
        return strokes, _box(joined.min(0).tolist(), joined.max(0).tolist())


def _turned(faces: list[_Face], rear: int, front: int) -> list[_Face]:
    """The front part before the rear part: for a camera behind the vehicle."""
    return (
        [f for f in faces if f[0] < rear]
        + [f for f in faces if f[0] >= front]
        + [f for f in faces if rear <= f[0] < front]
    )


def _box(low: list[int], high: list[int]) -> Box:
    return (low[0] >> BITS) - 1, (low[1] >> BITS) - 1, (high[0] >> BITS) + 2, (high[1] >> BITS) + 2
