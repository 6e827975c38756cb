"""How much alike the shapes are that two models give to the same objects: masks, turned boxes, keypoints.

Works on objects in memory; row i of both sides is the same object.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.comparison import EPS, Reals, real_boxes
from sightline.evaluation.shapes import OF_A_BOX, oks_deviations
from sightline.types import Detections, Masks

SURE_POINT = 0.5
"""The score from which a keypoint of the reference stands for the truth."""

SHAPES = {"mask_iou": "masks", "turned_iou": "turned boxes", "keypoint_oks": "keypoints"}
"""The figures of shapes, and what they are about."""

ShapeLikeness: TypeAlias = dict[str, Reals]
"""For each figure of ``SHAPES`` its values (N,), from 0 to 1; NaN where one side does not tell."""


def shape_likeness(reference: Detections, found: Detections) -> ShapeLikeness:
    """How much alike the shapes of N objects are, each figure of ``SHAPES`` by itself.

    Masks and turned boxes by intersection over union, keypoints by COCO's OKS over those that the
    reference is sure of.

    Raises ConfigError: the keypoints of both sides are not as many.
    """
    likeness = {name: np.full(len(reference), np.nan) for name in SHAPES}
    if not len(reference):
        return likeness
    if reference.masks is not None and found.masks is not None:
        likeness["mask_iou"] = _mask_ious(reference.masks, found.masks)
    if reference.angles is not None and found.angles is not None:
        likeness["turned_iou"] = _turned_ious(reference, found)
    if reference.keypoints is not None and found.keypoints is not None:
        likeness["keypoint_oks"] = _similarities(reference, found)
    return likeness


def _mask_ious(reference: Masks, found: Masks) -> Reals:
    ious = np.zeros(len(reference))
    for number in range(len(reference)):
        mine, theirs = reference.window(number), found.window(number)
        rows, columns = (
            slice(max(a.start, b.start), min(a.stop, b.stop))
            for a, b in zip(mine, theirs, strict=True)
        )
        shared = 0
        if rows.start < rows.stop and columns.start < columns.stop:
            parts = (
                masks.crops[number][
                    rows.start - window[0].start : rows.stop - window[0].start,
                    columns.start - window[1].start : columns.stop - window[1].start,
                ]
                for masks, window in ((reference, mine), (found, theirs))
            )
            shared = int(np.count_nonzero(np.logical_and(*parts)))
        either = (
            np.count_nonzero(reference.crops[number])
            + np.count_nonzero(found.crops[number])
            - shared
        )
        ious[number] = shared / either if either else 1.0  # neither sees a pixel
    return ious


def _turned_ious(reference: Detections, found: Detections) -> Reals:
    import cv2

    ious = np.zeros(len(reference))
    pairs = zip(reference.corners, found.corners, strict=True)
    for number, (mine, theirs) in enumerate(pairs):
        shared, _ = cv2.intersectConvexConvex(mine, theirs)
        either = cv2.contourArea(mine) + cv2.contourArea(theirs) - shared
        ious[number] = shared / either if either > 0 else 0.0
    return ious


def _similarities(reference: Detections, found: Detections) -> Reals:
    """OKS (N,); NaN of objects of which the reference is sure of no point."""
    points, theirs = (np.asarray(one.keypoints, np.float64) for one in (reference, found))
    if points.shape != theirs.shape:
        raise ConfigError(
            f"the reference has {points.shape[1]} keypoints, the model {theirs.shape[1]}: they cannot be compared"
        )
    apart = ((points[..., :2] - theirs[..., :2]) ** 2).sum(axis=-1)
    boxes = real_boxes(reference)
    areas = OF_A_BOX * np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    spread = (2 * np.array(oks_deviations(points.shape[1]))) ** 2
    near = np.exp(-apart / spread / (areas[:, None] + EPS) / 2)
    sure = points[..., 2] >= SURE_POINT
    count = sure.sum(axis=1)
    similarities: Reals = np.divide(
        (near * sure).sum(axis=1), count, out=np.full(len(points), np.nan), where=count > 0
    )
    return similarities
