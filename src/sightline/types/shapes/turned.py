"""Oriented boxes: upright ones and the angles by which they are turned.

An object is its box turned about the box's centre by its angle, in radians. A positive angle turns
the x axis towards the y axis: clockwise as one sees it, because y grows downwards. Any angle is
allowed; whether 0 and pi differ (the heading of a ship) is the model's to say.
"""

from __future__ import annotations

import numpy as np

from sightline.types.arrays import Floats

_SIGNS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)


def turned_corners(boxes: Floats, angles: Floats | None) -> Floats:
    """Corners (N, 4, 2) of boxes (N, 4) xyxy: from the upper left one clockwise, then turned."""
    centres = (boxes[:, None, :2] + boxes[:, None, 2:]) * np.float32(0.5)
    arms = _SIGNS * ((boxes[:, 2:] - boxes[:, :2]) * np.float32(0.5))[:, None]
    if angles is not None:
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        x, y = arms[..., 0], arms[..., 1]
        arms = np.stack((x * cos - y * sin, x * sin + y * cos), axis=-1)
    corners: Floats = (centres + arms).astype(np.float32)
    return corners


def upright_boxes(corners: Floats) -> Floats:
    """The upright boxes (N, 4) xyxy around corners (N, M, 2)."""
    return np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)


def boxes_and_angles(corners: Floats) -> tuple[Floats, Floats]:
    """Boxes (N, 4) xyxy and their angles (N,) from corners (N, 4, 2) in the order of ``turned_corners``."""
    along, down = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]
    half = np.stack((np.hypot(*along.T), np.hypot(*down.T)), axis=1) / 2
    centres = corners.mean(axis=1)
    boxes = np.concatenate((centres - half, centres + half), axis=1)
    angles = np.arctan2(along[:, 1], along[:, 0])
    return boxes.astype(np.float32), angles.astype(np.float32)
