"""Strokes: what is drawn for one thing, in canvas sixteenths, and how it gets onto a canvas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.types import Label

POLYGON, LINE, DISC, OUTLINE = range(4)
BITS = 4
"""Binary places of canvas coordinates: drawing is integer arithmetic, the same everywhere."""

THINNEST = 2
"""The thinnest line in drawn pixels: lines of one pixel differ between versions of OpenCV."""

Bytes4 = tuple[int, ...]
Box = tuple[int, int, int, int]
Stroke = tuple[int, Any, Bytes4, int]
"""What it is, its points (N, 2) int32, colour with the identity's slot, and width in pixels."""


@dataclass(slots=True)
class Sprite:
    """One identity in one frame, ready to be drawn.

    ``box`` is x0 y0 x1 y1 in canvas pixels and holds every pixel of it; ``corners`` are the
    footprint on the ground, (x, y) metres, clockwise; ``amodal`` counts the pixels that it has
    when drawn alone.
    """

    slot: int
    track_id: int
    class_id: int
    depth: float
    strokes: list[Stroke]
    box: Box
    corners: list[tuple[float, float]]
    amodal: int = 0
    labels: tuple[Label, ...] = ()


def draw(
    canvas: NDArray[np.uint8], strokes: list[Stroke], shift: tuple[int, int] | None = None
) -> None:
    """Draw strokes on a canvas of 4 channels, or with ``shift`` (pixels) as 255 on one channel."""
    if shift is not None:
        _draw_alone(canvas, strokes, shift)
        return
    fill, line, disc, outline = cv2.fillConvexPoly, cv2.line, cv2.circle, cv2.polylines
    for kind, points, colour, width in strokes:
        if kind == POLYGON:
            fill(canvas, points, colour, 8, BITS)
        elif kind == LINE:
            line(canvas, points[0], points[1], colour, width, 8, BITS)
        elif kind == DISC:
            disc(canvas, points, width, colour, -1, 8, BITS)
        else:
            outline(canvas, [points], True, colour, width, 8, BITS)


def _draw_alone(canvas: NDArray[np.uint8], strokes: list[Stroke], shift: tuple[int, int]) -> None:
    dx, dy = shift[0] << BITS, shift[1] << BITS
    offset = np.array([dx, dy], np.int32)
    for kind, points, _, width in strokes:
        if kind == POLYGON:
            cv2.fillConvexPoly(canvas, points + offset, 255, 8, BITS)
        elif kind == LINE:
            (ax, ay), (bx, by) = points
            cv2.line(canvas, (ax + dx, ay + dy), (bx + dx, by + dy), 255, width, 8, BITS)
        elif kind == DISC:
            cv2.circle(canvas, (points[0] + dx, points[1] + dy), width, 255, -1, 8, BITS)
        else:
            cv2.polylines(canvas, [points + offset], True, 255, width, 8, BITS)
