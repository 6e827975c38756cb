"""Which objects of which frames are shown to a model, and how much their crops tell.

Knows boxes, pixels and the options of a stage; knows no model.
"""

from __future__ import annotations

import cv2
import numpy as np

from sightline.config.stages import CropStageOptions
from sightline.geometry import common_areas, inside
from sightline.models.crops import parts_of
from sightline.types import Detections, Floats, Frame, Ints, Mask, Observation

LEAST = 1e-4
"""The weight of a crop that shows nothing."""
ENOUGH = 128 * 128
"""Pixels of a crop beyond which a larger one tells no more."""
BLURRED = 100.0
"""Variance of the Laplacian (of grey levels) at which a crop counts half: Pech-Pacheco et al. 2000."""
SHARPEST = 1.1
"""The most that sharpness multiplies the pixels of a crop with."""
CUT_OFF = 0.5
"""How much a crop counts whose object is cut off by the border of the picture."""


CONTEXT = 0.1
"""Seen around a box in the picture that is kept of it, as a share of its sides."""


class CropChoice:
    """The objects that a stage is shown: by class, size and place, in each so many-th frame.

    Args:
        options: of the stage.
        class_ids: of the objects that it is shown; None: all.
    """

    def __init__(self, options: CropStageOptions, class_ids: Ints | None = None) -> None:
        self._min_size = options.min_size
        self._every = options.every
        self._analyzed, self._newest = 0, -1
        within = options.only_in
        self._area = None if within is None else np.array(within, np.float32)
        self._class_ids = class_ids

    def is_turn(self, seen: Observation) -> bool:
        """Whether a frame is looked at. Frames come in order; asked again for one, it is the same."""
        if seen.skipped is not None:
            return False
        if seen.frame.index != self._newest:
            self._newest = seen.frame.index
            self._analyzed += 1
        return (self._analyzed - 1) % self._every == 0

    def of(self, seen: Observation) -> Mask:
        """Whether each object of a frame is one of them, (N,) bool."""
        found = seen.detections
        sides = (found.boxes[:, 2:] - found.boxes[:, :2]).min(axis=1)
        shown: Mask = sides >= self._min_size
        if self._area is not None:
            shown &= inside(_feet(found.boxes, seen.frame), self._area)
        if self._class_ids is not None:
            # Not isin(): few classes and few objects are compared at once in a fifth of its time.
            shown &= (found.class_ids[:, None] == self._class_ids).any(axis=1)
        return shown


def weight(frame: Frame, box: Floats) -> float:
    """How much a look at a box (4,) xyxy counts: the crop's pixels, less where it is blurred."""
    limit = np.array([frame.width, frame.height] * 2)
    cut = np.clip(np.round(box).astype(np.int64), 0, limit)
    if (cut[:2] >= cut[2:]).any():
        return LEAST
    (crop,) = parts_of(frame, cut[None])
    sharpness = float(cv2.Laplacian(crop[..., 1], cv2.CV_32F).var())
    pixels = min(crop.shape[0] * crop.shape[1], ENOUGH)
    return float(pixels) * (SHARPEST - 1 + sharpness / (sharpness + BLURRED))


def rough_weights(found: Detections, frame: Frame) -> Floats:
    """How much a look at each object may count at most, (N,): what is seen without looking at pixels.

    The pixels of the box within the frame, less where the border cuts it off, where objects that stand
    nearer to the camera cover it, and where the detector is not sure. 0 of a box without pixels.
    """
    size = np.array([frame.width, frame.height] * 2, np.float32)
    boxes = np.clip(np.nan_to_num(found.extents, nan=0.0), 0, size)
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    cut_off = (boxes[:, :2] <= 1).any(axis=1) | (boxes[:, 2:] >= size[2:] - 1).any(axis=1)
    rough: Floats = np.minimum(areas, np.float32(ENOUGH)) * found.scores * _seen(boxes, areas)
    rough[cut_off] *= CUT_OFF
    return rough


def _seen(boxes: Floats, areas: Floats) -> Floats:
    """The share (N,) of each box that no single object in front of it covers."""
    common = common_areas(boxes, boxes)
    behind = boxes[:, None, 3] < boxes[None, :, 3]
    covered = np.where(behind, common, 0).max(axis=1, initial=0) / np.maximum(areas, 1e-6)
    seen: Floats = (1 - covered).astype(np.float32)
    return seen


def _feet(boxes: Floats, frame: Frame) -> Floats:
    """Where objects stand: the middle (N, 2) of the lower side of boxes, as shares of the picture."""
    size = np.array((frame.width, frame.height), np.float32)
    middles = boxes[:, :4:2].mean(axis=1)
    feet = np.stack((middles, boxes[:, 3]), axis=1) / size
    return feet.astype(np.float32)
