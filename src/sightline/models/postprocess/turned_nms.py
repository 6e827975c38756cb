"""Non-maximum suppression of turned boxes, by the probabilistic IoU of Gaussians.

Llerena et al. 2021, "Gaussian Bounding Boxes and Probabilistic Intersection-over-Union"
(arXiv 2106.06072): a box is taken as a Gaussian with the box's centre and the covariance of its area,
and the overlap is 1 minus the Hellinger distance. Ultralytics' models are trained and pruned by it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.types import Detections, Floats, Ints

Reals = NDArray[np.float64]

_TINY = 1e-9
_FARTHEST = 1e6
"""Pixels. The squares of wild boxes would be infinite."""


class Gaussians(NamedTuple):
    """Boxes (N,) as Gaussians: centres, and the covariances [[a, c], [c, b]]; float64."""

    x: Reals
    y: Reals
    a: Reals
    b: Reals
    c: Reals

    def rows(self, index: Ints | int) -> Gaussians:
        """Some of them, or one."""
        return Gaussians(*(values[index] for values in self))


def gaussians(boxes: Floats, angles: Floats) -> Gaussians:
    """Boxes (N, 4) xyxy, turned by angles (N,) about their centres, as Gaussians."""
    held = np.clip(np.nan_to_num(boxes.astype(np.float64)), -_FARTHEST, _FARTHEST)
    centres = (held[:, :2] + held[:, 2:]) / 2
    # The variance of a uniform distribution over a side.
    along, across = ((held[:, 2:] - held[:, :2]) ** 2 / 12).T
    turned = angles.astype(np.float64)
    cos, sin = np.cos(turned), np.sin(turned)
    a = along * cos**2 + across * sin**2
    b = along * sin**2 + across * cos**2
    return Gaussians(centres[:, 0], centres[:, 1], a, b, (along - across) * cos * sin)


def probabilistic_iou(one: Gaussians, others: Gaussians) -> Reals:
    """The overlap of one box with each of N others, (N,) float64, 0 to 1."""
    a, b, c = one.a + others.a, one.b + others.b, one.c + others.c
    dx, dy = others.x - one.x, others.y - one.y
    spread = a * b - c * c
    apart = (a * dy * dy + b * dx * dx - 2 * c * dx * dy) / (4 * (spread + _TINY))
    own = (one.a * one.b - one.c**2) * np.maximum(others.a * others.b - others.c**2, 0)
    unlike = 0.5 * np.log(spread / (4 * np.sqrt(np.maximum(own, 0)) + _TINY) + _TINY)
    distance = np.clip(apart + unlike, 0, 100)
    overlap: Reals = 1 - np.sqrt(1 - np.exp(-distance))
    return overlap


def turned_nms(candidates: Detections, iou: float, *, agnostic: bool, limit: int) -> Ints:
    """The rows of the best ``limit`` objects after greedy NMS, best first.

    Those that overlap a better one of their own class by more than ``iou`` go; with ``agnostic``, of
    any class. Candidates without angles count as upright.
    """
    angles = candidates.angles
    if angles is None:
        angles = np.zeros(len(candidates), np.float32)
    left = np.argsort(-candidates.scores, kind="stable")
    shapes = gaussians(candidates.boxes[left], angles[left])
    classes = candidates.class_ids[left]
    kept: list[int] = []
    # A loop over the objects that stay, not over candidates.
    while len(left) and len(kept) < limit:
        kept.append(int(left[0]))
        stays = probabilistic_iou(shapes.rows(0), shapes) <= iou
        if not agnostic:
            stays |= classes != classes[0]
        stays[0] = False
        rows = np.flatnonzero(stays)
        left, classes, shapes = left[rows], classes[rows], shapes.rows(rows)
    return np.array(kept, np.int64)
