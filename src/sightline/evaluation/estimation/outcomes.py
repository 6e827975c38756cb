"""Which detections are right, by the rules of COCO's matching at an overlap of 0.5."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.agreement import THRESHOLD
from sightline.evaluation.comparison import overlaps, real_boxes
from sightline.types import Detections, Mask

RIGHT, WRONG, UNCOUNTED = 1, 0, -1


def outcomes(found: Detections, truth: Detections, uncounted: Mask) -> NDArray[np.int64]:
    """(N,) whether each detection is ``RIGHT``, ``WRONG`` or ``UNCOUNTED``.

    Args:
        found: what a model found in a picture.
        truth: what is there, with class ids of the same names.
        uncounted: (M,) which true objects may be found or not; what lies on them counts neither way.
    """
    told = np.zeros(len(found), np.int64)
    if not len(truth) or not len(found):
        return told
    boxes = real_boxes(found)
    near = overlaps(boxes, real_boxes(truth))
    same = found.class_ids[:, None] == truth.class_ids[None]
    near[~same] = 0
    taken = uncounted.copy()
    regions = real_boxes(truth)[uncounted]
    for row in np.argsort(-found.scores, kind="stable").tolist():
        open_ = np.where(taken, 0.0, near[row])
        best = int(open_.argmax())
        if open_[best] >= THRESHOLD:
            told[row], taken[best] = RIGHT, True
        elif _inside(boxes[row], regions[same[row][uncounted]]):
            told[row] = UNCOUNTED
    return told


def _inside(box: NDArray[np.float64], regions: NDArray[np.float64]) -> bool:
    """Whether a region covers half of a box."""
    low, high = np.maximum(box[:2], regions[:, :2]), np.minimum(box[2:], regions[:, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    area = float(np.prod(np.maximum(box[2:] - box[:2], 0)))
    return bool((common >= THRESHOLD * area).any()) if area > 0 else False
