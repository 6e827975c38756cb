"""Outlines and keypoints of objects as they stand in COCO's JSON. What cannot be used is as if it were not there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sightline.evaluation.comparison import Reals
from sightline.evaluation.pictures.coco_boxes import number
from sightline.evaluation.shapes import Outline


def read_outline(item: dict[str, object]) -> Outline | None:
    """The ``segmentation`` of an entry: polygons of at least three points, or run lengths; else None."""
    told = item.get("segmentation")
    if isinstance(told, dict):
        size, counts = told.get("size"), told.get("counts")
        usable = isinstance(size, list) and len(size) == 2 and isinstance(counts, str | list)
        return told if usable and counts else None
    if not isinstance(told, list):
        return None
    polygons = [[number(value) for value in part] for part in told if isinstance(part, list)]
    kept = [part for part in polygons if len(part) >= 6 and not len(part) % 2 and None not in part]
    return kept or None


def read_keypoints(item: dict[str, object]) -> list[float] | None:
    """The ``keypoints`` of an entry, x, y and v of each in a row; None where there are none."""
    told = item.get("keypoints")
    if not isinstance(told, list) or not told or len(told) % 3:
        return None
    values = [value for one in told if (value := number(one)) is not None]
    return values if len(values) == len(told) else None


def all_keypoints(rows: Sequence[list[float] | None]) -> Reals | None:
    """The keypoints (N, K, 3) of a picture's objects; 0 of those that have none, or another number of them."""
    length = max((len(row) for row in rows if row is not None), default=0)
    if not length:
        return None
    nothing = [0.0] * length
    table = [row if row is not None and len(row) == length else nothing for row in rows]
    return np.array(table, np.float64).reshape(len(rows), -1, 3)
