"""Outlines and keypoints of a YOLO label file in pixels."""

from __future__ import annotations

import numpy as np

from sightline.evaluation.comparison import Reals
from sightline.evaluation.pictures.coco_shapes import all_keypoints
from sightline.evaluation.pictures.yolo_lines import LabelLines
from sightline.evaluation.shapes import OF_A_BOX, TrueShapes


def label_shapes(found: LabelLines, size: tuple[int, int]) -> TrueShapes:
    """What the lines of a picture of this size (width, height) tell beside boxes."""
    scale = np.array(size, np.float64)
    outlines = tuple(
        None if outline is None else [(outline * scale).ravel().tolist()]
        for outline in found.outlines
    )
    points = [None if one is None else _labelled(one, scale) for one in found.keypoints]
    told = any(outline is not None for outline in outlines)
    return TrueShapes(outlines if told else (), all_keypoints(points), size, OF_A_BOX)


def _labelled(points: Reals, scale: Reals) -> list[float]:
    """x, y in pixels and v of each point in a row; without a v, those in the upper left corner are not labelled."""
    places = points[:, :2] * scale
    seen = points[:, 2] if points.shape[1] == 3 else 2.0 * (points != 0).any(axis=1)
    rows: list[float] = np.column_stack((places, seen)).ravel().tolist()
    return rows
