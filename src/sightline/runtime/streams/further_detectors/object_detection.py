"""A further detector that looks at the objects of a frame: at the crop of each, or at the whole picture.

Knows which crops there are and the way back to the frame; what becomes of what is found, the stages know.
"""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

import numpy as np

from sightline.config import DetectOptions, SegmentOptions
from sightline.futures import joined
from sightline.models.postprocess.placed import moved
from sightline.protocols import Detector
from sightline.runtime.streams.crop_choice import CropChoice
from sightline.types import Detections, Floats, Ints, Observation

Region = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the frame."""


class FoundInObjects(NamedTuple):
    """What a detector found in the objects of a frame; without what it has no class name for.

    ``objects`` are in pixels of the frame. ``owners`` (M,) are the rows of the frame's objects in whose
    crops they were found; -1: the detector was shown the whole picture. ``rows`` (K,) are the objects
    that it was to look at.
    """

    objects: Detections
    owners: Ints
    rows: Ints


class ObjectDetection:
    """Shows a detector the objects of a stream's frames, or the frames in which there are some.

    Args:
        detector: shared by streams; its owner closes it.
        options: of the stage.
        class_ids: of the objects that it is shown; None: all.
    """

    def __init__(
        self, detector: Detector, options: DetectOptions | SegmentOptions, class_ids: Ints | None
    ) -> None:
        self.detector = detector
        self._options = options
        self._choice = CropChoice(options, class_ids)

    def submit(self, seen: Observation) -> Future[FoundInObjects] | None:
        """Begin with the next frame; None: there is nothing to look at. Raises what the detector does."""
        if not self._choice.is_turn(seen) or not len(seen.detections):
            return None
        rows = np.flatnonzero(self._choice.of(seen))
        if not len(rows):
            return None
        frame = seen.frame
        size = (frame.width, frame.height)
        if not self._options.crops:
            whole = partial(_of_whole, rows, len(self.detector.class_names))
            return joined([self.detector.submit((frame,))], whole)
        rows, regions = self._regions(seen.detections.extents, rows, size)
        if not regions:
            return None
        crops = [frame.cropped(*region) for region in regions]
        named = len(self.detector.class_names)
        return joined([self.detector.submit(crops)], partial(_of_crops, rows, regions, size, named))

    def _regions(
        self, boxes: Floats, rows: Ints, size: tuple[int, int]
    ) -> tuple[Ints, list[Region]]:
        """The rows and crops of the largest objects, none of which is without pixels."""
        edge = np.array([*size, *size], np.float64)
        inside = np.clip(np.nan_to_num(boxes[rows].astype(np.float64)), 0, edge)
        sides = inside[:, 2:] - inside[:, :2]
        areas = sides.prod(axis=1)
        largest = np.argsort(-areas, kind="stable")[: self._options.max_objects]
        largest = np.sort(largest[areas[largest] > 0])
        margin = np.tile(sides, 2) * self._options.margin * (-1, -1, 1, 1)
        grown = np.clip(inside + margin, 0, edge)[largest]
        # From even pixels on, as the colours of video are.
        low = np.floor(grown[:, :2] / 2).astype(np.int64) * 2
        high = np.minimum(np.ceil(grown[:, 2:] / 2).astype(np.int64) * 2, size)
        corners = np.concatenate((low, high), axis=1).tolist()
        return rows[largest], [(left, top, right, bottom) for left, top, right, bottom in corners]


def _of_whole(rows: Ints, named: int, found: list[list[Detections]]) -> FoundInObjects:
    ((objects,),) = found
    objects = _named(objects, named)
    return FoundInObjects(objects, np.full(len(objects), -1, np.int64), rows)


def _of_crops(
    rows: Ints,
    regions: list[Region],
    size: tuple[int, int],
    named: int,
    found: list[list[Detections]],
) -> FoundInObjects:
    (parts,) = found
    placed = [
        moved(_named(part, named), region[:2], size)
        for part, region in zip(parts, regions, strict=True)
    ]
    owners = np.repeat(rows, [len(part) for part in placed])
    return FoundInObjects(Detections.concatenate(placed), owners, rows)


def _named(found: Detections, named: int) -> Detections:
    """Those whose class has a name, where classes have any: the detector has warned of others."""
    without = found.class_ids >= named
    return found[~without] if named and without.any() else found
