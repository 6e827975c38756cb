"""What a decoder found, from the pixels of a model's input to those of the source picture."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from sightline.geometry import Placement
from sightline.models.postprocess.unplaced_masks import UnplacedMasks
from sightline.types import Detections, Floats, Mask, Masks


def to_source(
    found: Detections,
    spot: Placement,
    class_names: tuple[str, ...],
    keypoint_names: tuple[str, ...] = (),
) -> Detections:
    """Objects in canvas pixels as objects in pixels of the source picture, with names.

    Boxes are clipped to the picture, unless they are turned; each crop of a mask is scaled once.
    """
    if found.masks is None and found.keypoints is None and found.angles is None:
        return replace(found, boxes=spot.to_source(found.boxes), class_names=class_names)
    keypoints = found.keypoints
    if keypoints is not None:
        keypoints = keypoints.copy()
        keypoints[..., :2] = spot.points_to_source(keypoints[..., :2])
    boxes, angles = _turned(found, spot)
    masks = found.masks
    if masks is not None:
        masks = masks.placed(spot) if isinstance(masks, UnplacedMasks) else _masks(masks, spot)
    return replace(
        found,
        boxes=boxes,
        angles=angles,
        keypoints=keypoints,
        masks=masks,
        class_names=class_names,
        keypoint_names=keypoint_names,
    )


def moved(found: Detections, corner: tuple[int, int], size: tuple[int, int]) -> Detections:
    """Objects of a part of a picture as objects of the picture.

    Args:
        found: in pixels of the part.
        corner: x and y of the part's upper left pixel.
        size: (width, height) of the picture.
    """
    if not len(found) or (corner == (0, 0) and (found.masks is None or found.masks.size == size)):
        return found
    keypoints, masks = found.keypoints, found.masks
    if keypoints is not None:
        keypoints = keypoints + np.array((*corner, 0), np.float32)
    if masks is not None:
        masks = Masks(masks.crops, masks.corners + np.array(corner), size)
    boxes: Floats = found.boxes + np.tile(np.array(corner, np.float32), 2)
    return replace(found, boxes=boxes, keypoints=keypoints, masks=masks)


def _turned(found: Detections, spot: Placement) -> tuple[Floats, Floats | None]:
    """Boxes and angles; a turned box keeps its direction and sides where both axes are not alike."""
    if found.angles is None:
        return spot.to_source(found.boxes), None
    low, high = found.boxes[:, :2], found.boxes[:, 2:]
    centres = spot.points_to_source((low + high) * np.float32(0.5))
    along = np.stack((np.cos(found.angles), np.sin(found.angles)), axis=1)
    down = np.stack((-along[:, 1], along[:, 0]), axis=1)
    along, down = along * spot.scale, down * spot.scale
    half = (high - low) / 2
    half = half * np.stack((np.hypot(*along.T), np.hypot(*down.T)), axis=1)
    boxes = np.concatenate((centres - half, centres + half), axis=1).astype(np.float32)
    return boxes, np.arctan2(along[:, 1], along[:, 0]).astype(np.float32)


def _masks(masks: Masks, spot: Placement) -> Masks:
    """The masks, each crop in the size that it has in the source picture."""
    parts = [
        _mask(crop, (x, y), spot)
        for crop, (x, y) in zip(masks.crops, masks.corners.tolist(), strict=True)
    ]
    corners = np.array([corner for _, corner in parts], np.int64).reshape(-1, 2)
    size = (spot.source_width, spot.source_height)
    return Masks(tuple(crop for crop, _ in parts), corners, size)


def _mask(crop: Mask, corner: tuple[int, int], spot: Placement) -> tuple[Mask, tuple[int, int]]:
    """One crop and its corner in the source picture; what lies on the canvas' border is cut off."""
    height, width = crop.shape
    x0, y0 = max(corner[0], spot.left), max(corner[1], spot.top)
    x1 = min(corner[0] + width, spot.left + spot.width)
    y1 = min(corner[1] + height, spot.top + spot.height)
    if x0 >= x1 or y0 >= y1:
        return np.zeros((0, 0), np.bool_), (0, 0)
    crop = crop[y0 - corner[1] : y1 - corner[1], x0 - corner[0] : x1 - corner[0]]
    edges = spot.points_to_source(np.array([[x0, y0], [x1, y1]], np.float32))
    (left, top), (right, bottom) = np.rint(edges).astype(int).tolist()
    size = (max(1, right - left), max(1, bottom - top))
    how = cv2.INTER_LINEAR if size[0] > crop.shape[1] else cv2.INTER_AREA
    grey = cv2.resize(crop.astype(np.uint8) * 255, size, interpolation=how)
    left = min(left, spot.source_width - size[0])
    return grey > 127, (left, min(top, spot.source_height - size[1]))
