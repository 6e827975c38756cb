"""Boxes, points and motion in a picture whose camera has moved. Knows transforms, and no pixels."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.tracking.kalman import Motion

Transform: TypeAlias = NDArray[np.float64]
"""(3, 3): where the points of the frame before, in homogeneous coordinates, are in this one."""
Points: TypeAlias = NDArray[np.float64]
"""(2, N), pixels."""


def moved_points(points: Points, transform: Transform) -> Points:
    """Where the points are now."""
    mapped = transform[:, :2] @ points + transform[:, 2:]
    moved: Points = mapped[:2] / mapped[2]
    return moved


def turned(vectors: Points, at: Points, transform: Transform) -> Points:
    """Small steps from the points ``at``, as they are seen now: (2, N)."""
    rows = _jacobian(at, transform)
    return np.stack([(row * vectors).sum(axis=0) for row in rows])


def moved_boxes(boxes: NDArray[np.float64], transform: Transform) -> NDArray[np.float64]:
    """Where boxes (4, N) xyxy are now: their centres are moved, their sides grow alike, none is turned."""
    centres, halves = (boxes[:2] + boxes[2:]) / 2, (boxes[2:] - boxes[:2]) / 2
    (a, b), (c, d) = _jacobian(centres, transform)
    halves = halves * np.sqrt(np.abs(a * d - b * c))
    centres = moved_points(centres, transform)
    return np.concatenate((centres - halves, centres + halves))


def move(motion: Motion, transform: Transform) -> None:
    """Bring the state of boxes, (11, N), into the coordinates of this frame, in place."""
    centres = (motion[:2] + motion[2:4]) / 2
    for rows in (slice(4, 6), slice(6, 8)):
        motion[rows] = turned(motion[rows], centres, transform)
    motion[:4] = moved_boxes(motion[:4], transform)


def _jacobian(at: Points, transform: Transform) -> tuple[Points, Points]:
    """How the two coordinates of a moved point change with the point: two rows of (2, N)."""
    x, y, w = transform[:, :2] @ at + transform[:, 2:]
    down = transform[2, :2, None]
    return (
        (transform[0, :2, None] - down * (x / w)) / w,
        (transform[1, :2, None] - down * (y / w)) / w,
    )
