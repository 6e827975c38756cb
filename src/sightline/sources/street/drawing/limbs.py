"""Strokes of people, bicycles and motorcycles: all of one frame at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.camera import NEAR, Camera, Reals
from sightline.sources.street.drawing.figures import Limb
from sightline.sources.street.drawing.light import GroundLight, Lighting
from sightline.sources.street.drawing.paint import (
    BITS,
    DISC,
    LINE,
    OUTLINE,
    POLYGON,
    THINNEST,
    Box,
    Bytes4,
    Stroke,
)  # fmt: skip
from sightline.sources.street.drawing.shapes import HEAD, TAIL
from sightline.sources.street.drawing.solids import GLOW, SHINE, Glow, to_bytes
from sightline.sources.street.places import Places, project


@dataclass(frozen=True)
class Figure:
    """Limbs as arrays: points (P, 3), albedo (L, 3), width, kind and lamp (L,).

    ``plan`` is the kind, first and last point of each limb.
    """

    points: Reals
    albedo: Reals
    width: Reals
    kinds: NDArray[np.int64]
    plan: tuple[tuple[int, int, int], ...]
    lamps: NDArray[np.int64]
    glowing: tuple[tuple[int, int], ...]
    """First point and kind of each lamp."""

    @classmethod
    def of(cls, limbs: list[Limb], detail: float) -> Figure:
        """Limbs that are worth drawing at ``detail`` drawn pixels per metre."""
        limbs = [limb for limb in limbs if limb.detail <= detail]
        ends = np.cumsum([0, *(len(limb.points) for limb in limbs)]).tolist()
        kinds = [_kind(limb) for limb in limbs]
        return cls(
            np.array([point for limb in limbs for point in limb.points]),
            np.array([limb.colour for limb in limbs]),
            np.array([limb.width for limb in limbs]),
            np.array(kinds, np.int64),
            tuple(zip(kinds, ends[:-1], ends[1:], strict=True)),
            np.array([limb.lamp for limb in limbs], np.int64),
            tuple((at, limb.lamp) for at, limb in zip(ends, limbs, strict=False) if limb.lamp),
        )


def _kind(limb: Limb) -> int:
    if len(limb.points) < 3:
        return DISC if len(limb.points) == 1 else LINE
    return OUTLINE if limb.width else POLYGON


class FigurePainter:
    """Turns figures at places into strokes."""

    def __init__(self, camera: Camera, lighting: Lighting) -> None:
        self._camera, self._lighting = camera, lighting

    def strokes(
        self, figures: list[Figure], places: Places, glows: list[Glow]
    ) -> list[tuple[list[Stroke], Box]]:
        """Strokes and box of each figure; nothing for those nearer than ``NEAR``."""
        if not figures:
            return []
        seen = project(self._camera, places, [figure.points for figure in figures])
        counts = [len(figure.plan) for figure in figures]
        of_limb = np.repeat(np.arange(len(figures)), counts)
        limb_ends = np.cumsum([0, *counts])
        tuples = self._colours(figures, places, of_limb)
        widths = np.concatenate([figure.width for figure in figures]) * places.scale[of_limb]
        kinds = np.concatenate([figure.kinds for figure in figures])
        pixels = np.maximum(np.rint(widths), THINNEST).astype(np.int64)
        radii = np.maximum(np.rint(widths * (1 << BITS) / 2), 8).astype(np.int64)
        reaches = (np.maximum.reduceat(pixels, limb_ends[:-1]) // 2 + 2).tolist()
        sizes = np.where(kinds == DISC, radii, pixels).tolist()
        points, flat, ends = seen.spots, seen.spots.tolist(), limb_ends.tolist()
        found: list[tuple[list[Stroke], Box]] = []
        for i, figure in enumerate(figures):
            if seen.nearest[i] < NEAR:
                found.append(([], (0, 0, 0, 0)))
                continue
            at, own = seen.first[i], slice(ends[i], ends[i + 1])
            strokes: list[Stroke] = [
                (LINE, flat[at + a : at + b], colour, size)
                if kind == LINE
                else (DISC, flat[at + a], colour, size)
                if kind == DISC
                else (kind, points[at + a : at + b], colour, size)
                for (kind, a, b), colour, size in zip(
                    figure.plan, tuples[own], sizes[own], strict=True
                )
            ]
            found.append((strokes, _box(seen.low[i], seen.high[i], reaches[i])))
        if self._lighting.headlights:
            self._shining(figures, places, flat, seen.first, glows)
        return found

    def _colours(
        self, figures: list[Figure], places: Places, of_limb: NDArray[np.int64]
    ) -> list[Bytes4]:
        """Colours of all limbs in their light and behind the haze."""
        light = self._lighting
        colours = np.concatenate([figure.albedo for figure in figures])
        sun, lamp = places.sun[of_limb] * 0.55, places.lamp[of_limb] * 0.6
        for c in range(3):
            colours[:, c] *= (
                light.ambient[c] * 0.88 + light.sun[c] * sun + GroundLight.LAMP[c] * lamp
            )
        if light.headlights:
            lamps = np.concatenate([figure.lamps for figure in figures])
            colours[lamps > 0] = SHINE[lamps[lamps > 0]]
        return to_bytes(colours, places.left[of_limb], light.haze, places.slot[of_limb])

    def _shining(
        self,
        figures: list[Figure],
        places: Places,
        flat: list[list[int]],
        firsts: list[int],
        glows: list[Glow],
    ) -> None:
        ahead, _ = places.eyes(self._camera)
        for i, figure in enumerate(figures):
            for at, kind in figure.glowing:
                if kind == (HEAD if ahead[i] > 0 else TAIL):
                    x, y = flat[firsts[i] + at]
                    size = float(places.scale[i] * GLOW[kind]) * 0.8
                    glows.append(
                        Glow(x / (1 << BITS), y / (1 << BITS), size, kind, int(places.slot[i]))
                    )


def _box(low: list[int], high: list[int], reach: int) -> Box:
    """Canvas box of points in sixteenths, with ``reach`` pixels round it."""
    return (
        (low[0] >> BITS) - reach, (low[1] >> BITS) - reach,
        (high[0] >> BITS) + reach + 1, (high[1] >> BITS) + reach + 1,
    )  # fmt: skip
