"""Colours of the ground: asphalt, markings, crossings, kerbs and pavements, with exact edges.

Every edge is blended over the size of one pixel on the ground, so that lines stay thin and calm
far away.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.drawing.light import Field
from sightline.sources.street.layout import CROSSING, LANE, SIDE_HALF, SIDE_PAVEMENT, Layout


def make_texture(rng: np.random.Generator, size: int = 512) -> Field:
    """Cloudy noise around 0 within about ±1, (size, size), that can be tiled."""
    total = np.zeros((size, size), np.float32)
    for cells, weight in ((8, 0.5), (32, 0.3), (128, 0.35), (size, 0.45)):
        small = rng.integers(0, 256, (cells, cells), np.uint8)
        wide = cv2.copyMakeBorder(small, 1, 1, 1, 1, cv2.BORDER_WRAP)
        scale = size // cells
        large = cv2.resize(
            wide, (size + 2 * scale, size + 2 * scale), interpolation=cv2.INTER_LINEAR_EXACT
        )
        total += weight * (large[scale:-scale, scale:-scale].astype(np.float32) / 127.5 - 1)
    return total


Cover = Field | np.float32
"""How much of each point something covers, 0 to 1; one number where it is the same for all."""

_NONE = np.float32(0)
"""The coverage of all points by what is nowhere near them."""


class _Paint:
    """Coverage of shapes at points (x, y) whose pixels are (px, py) metres large."""

    def __init__(self, x: Field, y: Field, px: Field, py: Field) -> None:
        self.x, self.y, self.px, self.py = x, y, px, py
        # A pixel more than the half that a shape's blurred edge takes: nothing is lost to rounding.
        self._left, self._right = _reach(x, px)
        self._low, self._high = _reach(y, py)

    def meets_x(self, middle: float, half: float) -> bool:
        """Whether ``band_x`` can cover any point."""
        return self._left < middle + half and self._right > middle - half

    def meets_y(self, middle: float, half: float) -> bool:
        """Whether ``band_y`` can cover any point."""
        return self._low < middle + half and self._high > middle - half

    @staticmethod
    def inside(distance: Field, half: float, pixel: Field) -> Field:
        """How much of a pixel lies within ``half`` of where the distance is 0."""
        cover: Field = np.clip(
            (np.float32(half) - np.abs(distance)) / pixel + np.float32(0.5), 0, 1
        )
        # A line thinner than a pixel covers only its own width.
        covered: Field = np.minimum(cover, np.float32(2 * half) / pixel)
        return covered

    def band_x(self, middle: float, half: float) -> Cover:
        """Coverage, 0 to 1, of a band along y: ``half`` metres to each side of x = ``middle``."""
        if not self.meets_x(middle, half):
            return _NONE
        return self.inside(self.x - np.float32(middle), half, self.px)

    def band_y(self, middle: float, half: float) -> Cover:
        """Coverage, 0 to 1, of a band along x: ``half`` metres to each side of y = ``middle``."""
        if not self.meets_y(middle, half):
            return _NONE
        return self.inside(self.y - np.float32(middle), half, self.py)

    @staticmethod
    def stripes(value: Field, period: float, filled: float, pixel: Field) -> Field:
        """Coverage of stripes of width ``filled``, one per ``period``; grey where too fine."""
        phase = value / np.float32(period)
        phase = (phase - np.floor(phase) - np.float32(0.5)) * np.float32(period)
        cover: Field = np.clip(
            (np.float32(filled / 2) - np.abs(phase)) / pixel + np.float32(0.5), 0, 1
        )
        fine = np.clip(pixel / np.float32(period) * 2 - 1, 0, 1)
        mixed: Field = cover * (1 - fine) + np.float32(filled / period) * fine
        return mixed


def _reach(places: Field, pixel: Field) -> tuple[float, float]:
    largest = float(pixel.max())
    return float(places.min()) - largest, float(places.max()) + largest


def paint_ground(
    street: Layout, texture: Field, x: Field, y: Field, px: Field, py: Field
) -> NDArray[np.float32]:
    """Albedo (N, 3), BGR, of one or more points (N,) on the ground; ``px`` and ``py`` are pixel sizes, metres."""
    p = _Paint(x, y, px, py)
    grain = _noise(texture, x, y, 12.0) / (1 + px * 10)
    cloud = _noise(texture, x + 7, y + 3, 1.6)
    j, half = street.junction, street.half
    main = p.band_x(0.0, half)
    side = p.band_y(j, SIDE_HALF)
    road = np.maximum(main, side)
    colour = _pavement(street, p, grain, cloud)
    asphalt = np.float32(0.325) + np.float32(0.022) * grain + np.float32(0.018) * cloud
    asphalt -= _wear(street, p)
    _blend(colour, road, (asphalt * np.float32(1.03), asphalt, asphalt * np.float32(0.985)))
    if half > street.kerb + 1:
        for at, sign in enumerate((-1, 1)):
            if any(street.parking) and not street.parking[at]:
                middle = sign * (half + street.kerb) / 2
                lane = p.band_x(middle, (half - street.kerb) / 2 - 0.12) * (1 - side)
                _blend(colour, lane * np.float32(0.75), (0.20, 0.22, 0.40))
    kerb: Cover = p.inside(np.abs(x) - np.float32(half + 0.09), 0.09, px) * (1 - side)
    if p.meets_y(j, SIDE_HALF + 0.2):
        of_side = p.inside(np.abs(y - np.float32(j)) - np.float32(SIDE_HALF + 0.09), 0.09, py)
        kerb = np.maximum(kerb, of_side * (1 - main))
    _blend(colour, kerb, (0.62, 0.64, 0.65))
    gutter = p.inside(np.abs(x) - np.float32(half - 0.14), 0.13, px) * (1 - side)
    _blend(colour, gutter * np.float32(0.5), (0.22, 0.22, 0.22))
    white = _markings(street, p, side)
    worn = white * np.clip(
        np.float32(0.86) + np.float32(0.16) * grain + np.float32(0.1) * cloud, 0, 1
    )
    _blend(colour, worn, (0.84, 0.85, 0.84))
    return colour


def _noise(texture: Field, x: Field, y: Field, per_metre: float) -> Field:
    size = len(texture)
    i = (y * np.float32(per_metre)).astype(np.int32) & (size - 1)
    k = (x * np.float32(per_metre)).astype(np.int32) & (size - 1)
    noise: Field = texture[i, k]
    return noise


def _blend(colour: Field, cover: Cover, new: tuple[Field | float, ...]) -> None:
    for channel in range(3):
        plane = colour[..., channel]
        plane += (np.asarray(new[channel], np.float32) - plane) * cover


def _pavement(street: Layout, p: _Paint, grain: Field, cloud: Field) -> Field:
    """Slabs, and grass where the ground lies behind the pavement."""
    tone = np.float32(0.57) + np.float32(0.022) * grain + np.float32(0.02) * cloud
    joint = np.maximum(p.stripes(p.x, 0.75, 0.03, p.px), p.stripes(p.y, 0.75, 0.03, p.py))
    tone = tone * (1 - np.float32(0.30) * joint)
    colour = np.stack([tone * np.float32(0.94), tone * np.float32(0.985), tone], axis=-1)
    beyond = np.clip((np.abs(p.x) - np.float32(street.half + street.pavement + 1.2)) / p.px, 0, 1)
    beyond *= np.clip(
        (np.abs(p.y - np.float32(street.junction)) - np.float32(SIDE_HALF + SIDE_PAVEMENT + 1))
        / p.py,
        0,
        1,
    )
    green = np.float32(1) + np.float32(0.2) * grain + np.float32(0.18) * cloud
    _blend(
        colour,
        beyond,
        (green * np.float32(0.18), green * np.float32(0.36), green * np.float32(0.27)),
    )
    return colour


def _wear(street: Layout, p: _Paint) -> Field:
    """Darker tracks where tyres roll, and a patch of newer asphalt here and there."""
    lane = p.x / np.float32(LANE)
    within = (lane - np.floor(lane) - np.float32(0.5)) * np.float32(LANE)
    track = np.clip(1 - np.abs(np.abs(within) - np.float32(0.8)) / np.float32(0.45), 0, 1)
    dark: Field = np.float32(0.022) * track
    for at in range(7):
        x = (at * 37 % 11 - 5) * street.half / 6
        y = 6.0 + at * 13.7
        along = p.band_y(y, 1.0 + at % 4)
        if along is not _NONE:
            dark += np.float32(0.045) * p.band_x(x, 0.5 + at % 3 * 0.5) * along
    for at in range(5):
        x, y = (at * 29 % 7 - 3) * street.half / 4, 11.0 + at * 17.3
        if not p.meets_y(y, 0.33):
            continue
        away = np.sqrt((p.x - np.float32(x)) ** 2 + (p.y - np.float32(y)) ** 2)
        dark += np.float32(0.10) * np.clip((np.float32(0.33) - away) / p.py + np.float32(0.5), 0, 1)
    return dark


def _markings(street: Layout, p: _Paint, side: Cover) -> Field:
    """Coverage of all white paint."""
    j, half = street.junction, street.half
    low, high = street.junction_crossings
    reach = CROSSING / 2
    # Lines along the main road stop at crossings and at the junction.
    free = 1 - p.band_y(j, high - j + reach + 1.0)
    free = free * (1 - p.band_y(street.zebra, reach + 1.0))
    white: Field = np.zeros_like(p.x)
    bars: Field
    if street.lanes == 2:
        for middle in (-0.14, 0.14):
            white = np.maximum(white, p.band_x(middle, 0.06) * free)
        dashes = p.stripes(p.y, 9.0, 3.6, p.py)
        near = p.band_y(low - 12, 11.0)
        for sign in (-1, 1):
            line = np.maximum(dashes, near) if sign > 0 else dashes
            white = np.maximum(white, p.band_x(sign * LANE, 0.06) * line * free)
    else:
        white = np.maximum(white, p.band_x(0.0, 0.07) * p.stripes(p.y, 9.0, 4.5, p.py) * free)
    if half > street.kerb + 1:
        for sign in (-1, 1):
            white = np.maximum(white, p.band_x(sign * (street.kerb + 0.05), 0.07) * free)
    for middle in (street.zebra, low, high):
        along = p.band_y(middle, reach)
        if along is not _NONE:
            bars = p.stripes(p.x, 1.0, 0.5, p.px) * along * p.band_x(0.0, half - 0.25)
            white = np.maximum(white, bars)
    right = p.band_x(street.kerb / 2, street.kerb / 2 - 0.15)
    left = p.band_x(-street.kerb / 2, street.kerb / 2 - 0.15)
    for middle, approach in (
        (low - reach - 1.0, right), (street.zebra - reach - 1.0, right),
        (high + reach + 1.0, left), (street.zebra + reach + 1.0, left),
    ):  # fmt: skip
        white = np.maximum(white, p.band_y(middle, 0.2) * approach)
    return np.maximum(white, _side_markings(street, p, side))


def _side_markings(street: Layout, p: _Paint, side: Cover) -> Cover:
    """Coverage of the white paint on the side street."""
    j, reach = street.junction, CROSSING / 2
    if not p.meets_y(j, SIDE_HALF):
        return _NONE
    away = np.clip((np.abs(p.x) - np.float32(street.side_crossing + reach + 1.0)) / p.px, 0, 1)
    white: Cover = p.band_y(j, 0.07) * p.stripes(p.x, 6.0, 3.0, p.px) * away * side
    bars = p.stripes(p.y - np.float32(j), 1.0, 0.5, p.py)
    for sign in (-1, 1):
        over = p.band_x(sign * street.side_crossing, reach) * p.band_y(j, SIDE_HALF - 0.25)
        line = p.band_x(sign * (street.side_crossing + reach + 1.1), 0.2)
        half_road = p.band_y(j + sign * SIDE_HALF / 2, SIDE_HALF / 2 - 0.15)
        white = np.maximum(np.maximum(white, bars * over), line * half_road)
    return white
