"""Boxes, overlaps and the mapping between a source picture and a model's input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sightline.types import Floats, Mask

Resize = Literal["letterbox", "letterbox-top-left", "stretch", "centre-crop"]
"""How a picture is fitted into a model's input. The last cuts its borders off: for classifiers."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a source picture lies in a model's input (the canvas). All sizes are pixels."""

    source_width: int
    source_height: int
    left: int
    top: int
    width: int
    height: int

    @property
    def scale(self) -> Floats:
        """(2,) float32: pixels of the source picture that one of the canvas stands for, x and y."""
        return np.array(
            (self.source_width / self.width, self.source_height / self.height), np.float32
        )

    def points_to_source(self, points: Floats) -> Floats:
        """Canvas points (..., 2) x y as points of the source picture; they may lie beyond it."""
        scaled: Floats = (points - np.array((self.left, self.top), np.float32)) * self.scale
        return scaled

    def to_source(self, boxes: Floats) -> Floats:
        """Canvas boxes (N, 4) xyxy as boxes of the source picture, clipped to it.

        Each axis is scaled by what its rounding really made of it, so the mapping is exact.
        """
        sx, sy = self.source_width / self.width, self.source_height / self.height
        out = boxes - np.array([self.left, self.top] * 2, np.float32)
        out *= np.array([sx, sy] * 2, np.float32)
        limit = np.array([self.source_width, self.source_height] * 2, np.float32)
        return np.clip(out, np.float32(0), limit, out=out)


def place(source: tuple[int, int], canvas: tuple[int, int], resize: Resize) -> Placement:
    """Fit a ``source`` (width, height) into a ``canvas`` (width, height)."""
    (sw, sh), (cw, ch) = source, canvas
    if resize == "stretch":
        return Placement(sw, sh, 0, 0, cw, ch)
    scale = min(cw / sw, ch / sh)
    width, height = max(1, min(cw, round(sw * scale))), max(1, min(ch, round(sh * scale)))
    if resize == "letterbox-top-left":
        return Placement(sw, sh, 0, 0, width, height)
    return Placement(sw, sh, (cw - width) // 2, (ch - height) // 2, width, height)


def centre_crop(
    source: tuple[int, int], canvas: tuple[int, int], share: float
) -> tuple[float, float, float, float]:
    """The part of a ``source`` (width, height) that fills a ``canvas``, xyxy in source pixels.

    It is what torchvision's ``Resize`` and ``CenterCrop`` leave, to their last rounding: the shorter side is
    resized to the canvas' shorter one over ``share`` (224 / 0.875 = 256), and the middle is cut out.
    """
    width, height = source
    short = round(min(canvas) / share)
    if width <= height:
        resized = (short, int(short * height / width))
    else:
        resized = (int(short * width / height), short)
    resized = (max(resized[0], canvas[0]), max(resized[1], canvas[1]))
    left, top = (round((r - c) / 2) for r, c in zip(resized, canvas, strict=True))
    x, y = width / resized[0], height / resized[1]
    return left * x, top * y, (left + canvas[0]) * x, (top + canvas[1]) * y


def fitted_canvas(source: tuple[int, int], size: int, stride: int) -> tuple[int, int]:
    """The smallest canvas (width, height) for a source's aspect.

    The longer side is ``size``; both are multiples of ``stride``.
    """
    scale = size / max(source)
    return (
        min(size, max(1, math.ceil(round(source[0] * scale) / stride)) * stride),
        min(size, max(1, math.ceil(round(source[1] * scale) / stride)) * stride),
    )


def whole_box(width: int, height: int) -> Floats:
    """The box (1, 4) xyxy of a whole picture."""
    return np.array([[0, 0, width, height]], np.float32)


def cxcywh_to_xyxy(boxes: Floats) -> Floats:
    """Boxes (N, 4) by centre and size as boxes by corners."""
    half = boxes[:, 2:] * np.float32(0.5)
    return np.concatenate((boxes[:, :2] - half, boxes[:, :2] + half), axis=1)


def inside(points: Floats, polygon: Floats) -> Mask:
    """Which points (N, 2) lie in a polygon (M, 2), by even-odd rule: what it winds round twice is outside."""
    x, y = points[:, :1], points[:, 1:]
    x0, y0 = polygon[:, 0], polygon[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    # Where two edges meet at a point's height, only one counts.
    rises = (y0 > y) != (y1 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = x < (x1 - x0) * (y - y0) / (y1 - y0) + x0
    odd: Mask = np.count_nonzero(rises & left, axis=1) % 2 == 1
    return odd


def common_areas(a: Floats, b: Floats) -> Floats:
    """(N, M): the area that every box of ``a`` (N, 4) has in common with every box of ``b`` (M, 4)."""
    # One coordinate after the other: loops over rows are fast, those over two coordinates are not.
    left, top, right, bottom = b.T
    width = np.minimum(a[:, 2:3], right) - np.maximum(a[:, 0:1], left)
    height = np.minimum(a[:, 3:4], bottom) - np.maximum(a[:, 1:2], top)
    common: Floats = np.maximum(width, 0, out=width) * np.maximum(height, 0, out=height)
    return common


def iou_matrix(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box of ``a`` (N, 4) with every box of ``b`` (M, 4)."""
    overlap = common_areas(a, b)
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    union = area_a[:, None] + area_b[None, :] - overlap
    iou: Floats = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return iou
