"""Non-maximum suppression and the cut to what is wanted."""

from __future__ import annotations

import cv2
import numpy as np

from sightline.models.postprocess.turned_nms import turned_nms
from sightline.types import Detections

MAX_CANDIDATES = 3000
"""Only the best so many enter NMS: at a very low threshold its cost would grow without limit."""

FARTHEST = 1e6
"""Pixels. A wild box, infinite perhaps, must not swallow the differences between all others."""


def suppress(candidates: Detections, iou: float, *, agnostic: bool, limit: int) -> Detections:
    """The best ``limit`` objects after greedy NMS, best first.

    Boxes that overlap a better one of their own class by more than ``iou`` go; with ``agnostic``,
    of any class. So do boxes without an area: OpenCV says that one with a negative area covers all others.
    Turned boxes overlap by their probabilistic IoU, see ``turned_nms``.
    """
    if len(candidates) > MAX_CANDIDATES:
        candidates = best(candidates, MAX_CANDIDATES)
    without_area = candidates.boxes[:, 2:] <= candidates.boxes[:, :2]
    if without_area.any():
        candidates = candidates[np.flatnonzero(~without_area.any(axis=1))]
    if len(candidates) < 2:
        return candidates
    if candidates.angles is not None:
        return candidates[turned_nms(candidates, iou, agnostic=agnostic, limit=limit)]
    # OpenCV takes doubles: float32 is twice as slow.
    rects = np.clip(candidates.boxes, -FARTHEST, FARTHEST).astype(np.float64)
    rects[:, 2:] -= rects[:, :2]
    if agnostic:
        keep = cv2.dnn.NMSBoxes(rects, candidates.scores, 0.0, iou)
    else:
        # OpenCV parts the classes by moving each beyond the largest coordinate, so it must not
        # be given negative ones: those would reach back into the class before.
        rects[:, :2] -= rects[:, :2].min(axis=0)
        classes = candidates.class_ids.astype(np.int32)
        keep = cv2.dnn.NMSBoxesBatched(rects, candidates.scores, classes, 0.0, iou)
    return best(candidates[np.asarray(keep, np.int64)], limit)


def best(detections: Detections, limit: int) -> Detections:
    """The ``limit`` objects with the highest scores, best first."""
    order = np.argsort(-detections.scores, kind="stable")[:limit]
    return detections[order]
