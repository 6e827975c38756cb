"""A pinhole camera above the street, and sines that are the same on every machine.

World: x to the right, y along the street, z up, in metres. Camera: depth along the optical axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

SCALE = 2
"""Pixels are drawn at twice the size in each direction and averaged: smooth edges."""
MARGIN = 16
"""Drawn pixels around the picture, so that the camera may shake."""
BLOCK = 16
"""Side of the blocks, in drawn pixels, for which the depth of the scenery is summed up."""
NEAR = 2.0
"""Nothing nearer than this (metres of depth) is drawn; no preset can see the street there."""

# Sine and cosine of libm and of numpy differ in the last bit between machines. Rounded to 30 bits
# they do not, so all angles go through this table.
_STEPS = 1 << 14
_SINES = [round(math.sin(i * math.tau / _STEPS) * (1 << 30)) / (1 << 30) for i in range(_STEPS)]
_PER_RADIAN = _STEPS / math.tau


def sine(angle: float) -> float:
    """Sine of an angle in radians, in steps of 0.0004 rad; the same bits everywhere."""
    return _SINES[int(angle * _PER_RADIAN + 1e6 * _STEPS) % _STEPS]


def cosine(angle: float) -> float:
    """Cosine of an angle in radians, in steps of 0.0004 rad; the same bits everywhere."""
    return _SINES[int(angle * _PER_RADIAN + (1e6 + 0.25) * _STEPS) % _STEPS]


@dataclass(frozen=True)
class Camera:
    """Where the camera is and where it looks.

    Args:
        x, y, z: position, metres.
        yaw: 0 looks along +y, positive turns left; radians.
        pitch: positive looks down; radians.
        focal: focal length in drawn pixels.
        width, height: size of the drawn canvas, margin included, in drawn pixels.
    """

    x: float
    y: float
    z: float
    yaw: float
    pitch: float
    focal: float
    width: int
    height: int

    @cached_property
    def axes(self) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
        """Unit vectors to the right, down and ahead in the world."""
        sy, cy, sp, cp = sine(self.yaw), cosine(self.yaw), sine(self.pitch), cosine(self.pitch)
        return (cy, sy, 0.0), (sy * sp, -cy * sp, -cp), (-sy * cp, cy * cp, -sp)

    def turn(self, x: Reals, y: Reals, z: Reals) -> tuple[Reals, Reals, Reals]:
        """World points seen from the camera: to the right, down, ahead; metres."""
        # Sums are spelled out: a matrix product may add in another order on another machine.
        x, y, z = x - self.x, y - self.y, z - self.z
        r, d, f = self.axes
        return (
            x * r[0] + y * r[1],
            x * d[0] + y * d[1] + z * d[2],
            x * f[0] + y * f[1] + z * f[2],
        )

    def spots(self, right: Reals, down: Reals, ahead: Reals) -> NDArray[np.int32]:
        """Canvas positions (N, 2) in sixteenths of a pixel of what ``turn`` gave, ahead > 0."""
        scale = self.focal / ahead
        spots = np.empty((len(right), 2), np.int32)
        spots[:, 0] = np.rint((right * scale + self.width / 2) * 16)
        spots[:, 1] = np.rint((down * scale + self.height / 2) * 16)
        return spots

    def depth(self, x: float, y: float, z: float = 0.0) -> float:
        """Depth of one world point, metres."""
        ahead = self.axes[2]
        return (x - self.x) * ahead[0] + (y - self.y) * ahead[1] + (z - self.z) * ahead[2]

    def rays(self, x0: int, y0: int, x1: int, y1: int) -> tuple[NDArray[np.float32], ...]:
        """World directions (x, y, z) of the pixels of a canvas box, scaled to depth 1."""
        u = ((np.arange(x0, x1) + 0.5 - self.width / 2) / self.focal).astype(np.float32)[None, :]
        v = ((np.arange(y0, y1) + 0.5 - self.height / 2) / self.focal).astype(np.float32)[:, None]
        right, down, ahead = self.axes
        return tuple(
            u * np.float32(right[i]) + v * np.float32(down[i]) + np.float32(ahead[i])
            for i in range(3)
        )
