"""Objects as lines of YOLO's label files, in the four forms that Ultralytics trains on.

=================  ==================================================
boxes              ``class cx cy width height``
masks              ``class x1 y1 x2 y2 x3 y3 …``, one outline
keypoints          ``class cx cy width height px1 py1 v1 px2 py2 v2 …``
turned boxes       ``class x1 y1 x2 y2 x3 y3 x4 y4``, the corners
=================  ==================================================

All are shares of the picture's sides. ``v`` is 2 for a keypoint that can be seen, 1 for one that is hidden,
and 0, with x and y of 0, for one that is not known or beyond the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sightline.types import Detections, Floats, Ints

_VISIBLE = 0.5
"""The lowest score of a keypoint that can be seen."""


def yolo_lines(found: Detections, width: int, height: int, *, scores: bool) -> list[str]:
    """A line for each object that has an area in the picture; with ``scores``, the score and the track id follow."""
    size = np.array([width, height] * 2, np.float64)
    corners = np.clip(found.extents.astype(np.float64) / size, 0, 1)
    sides = (corners[:, 2:] - corners[:, :2]).round(6)
    centres = (corners[:, 2:] + corners[:, :2]) / 2
    # Not a number compares as False: such a box is left out too.
    kept = np.flatnonzero((sides > 0).all(axis=1) & np.isfinite(found.boxes).all(axis=1))
    lines = []
    for i in kept.tolist():
        (cx, cy), (w, h) = centres[i], sides[i]
        if found.angles is None and found.masks is None:
            line = f"{found.class_ids[i]} {cx:.6f} {cy:.6f} {w:.6f} {h:.6f}"
            if found.keypoints is not None:
                line += _points(found.keypoints[i], width, height)
        else:
            line = f"{found.class_ids[i]}{_outline(found, i, (width, height))}"
        if scores:
            line += f" {found.scores[i]:.6f}"
            if found.track_ids is not None and found.track_ids[i] >= 0:
                line += f" {found.track_ids[i]}"
        lines.append(line + "\n")
    return lines


def _outline(found: Detections, number: int, size: tuple[int, int]) -> str:
    """The corners of a turned box, or the outline of a mask; of one without an outline, its box."""
    outline = found.corners[number]
    if found.angles is None and found.masks is not None:
        joined = one_outline(found.masks.polygons(number))
        if len(joined) > 2:
            outline = joined
    shares = np.clip(outline / np.array(size), 0, 1)
    return "".join(f" {value:.6f}" for value in shares.ravel().tolist())


def _points(keypoints: Floats, width: int, height: int) -> str:
    text = []
    for x, y, score in keypoints.tolist():
        # Not a number compares as False, and is not known either.
        if score > 0 and 0 <= x <= width and 0 <= y <= height:
            text.append(f" {x / width:.6f} {y / height:.6f} {2 if score >= _VISIBLE else 1}")
        else:
            text.append(" 0 0 0")
    return "".join(text)


def one_outline(parts: Sequence[Ints]) -> Ints:
    """The outlines of an object's parts, each (M, 2), as one, (M, 2).

    Parts are joined where they are nearest, by a line there and back again, which has no area.
    """
    if not parts:
        return np.empty((0, 2), np.int64)
    first, *others = sorted(parts, key=len, reverse=True)
    for part in others:
        apart = ((first[:, None] - part[None]) ** 2).sum(axis=2)
        here, there = np.unravel_index(int(apart.argmin()), apart.shape)
        around = np.roll(part, -int(there), axis=0)
        detour = (first[: here + 1], around, around[:1], first[here:])
        first = np.concatenate(detour)
    return first
