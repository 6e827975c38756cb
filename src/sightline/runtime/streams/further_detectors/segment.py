"""The stage that gives the objects of a frame the masks of a segmentation model."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from sightline.config import SegmentOptions
from sightline.errors import ModelError
from sightline.protocols import Detector
from sightline.runtime.streams.further_detectors.object_detection import (
    FoundInObjects,
    ObjectDetection,
)
from sightline.tracking.matching import Pairs, assign, overlaps
from sightline.types import Detections, Ints, Mask, Masks, Observation

SAME = 0.4
"""Intersection over union from which a box of the segmentation model is that of an object."""


class SegmentObjects:
    """Gives objects the masks that a segmentation model finds for them.

    What the model finds is matched with the objects by the overlap of boxes, so that the sum is largest.
    An object whose class the model knows gets a mask of that class only; others get any.

    Args:
        detector: tells masks; shared by streams, its owner closes it.
        options: which objects it is shown, and how.
        class_names: of the objects.
        class_ids: of the objects that it is shown; None: all.
        name: of this stage among those of its stream.
    """

    def __init__(
        self,
        detector: Detector,
        options: SegmentOptions,
        class_names: Sequence[str],
        class_ids: Ints | None = None,
        name: str = "segment",
    ) -> None:
        self.name = name
        self._looking = ObjectDetection(detector, options, class_ids)
        self._model = options.model
        self._alike = _alike(class_names, detector.class_names)

    def submit(self, seen: Observation) -> Future[FoundInObjects] | None:
        """Show the model what is to be segmented in this frame; see ``Stage.submit``."""
        return self._looking.submit(seen)

    def settle(self, seen: Observation, found: FoundInObjects | None) -> Observation:
        """The observation, whose objects have their masks. Raises ModelError: the model tells none."""
        if found is None or not len(found.objects):
            return seen
        masks = found.objects.masks
        if masks is None:
            raise ModelError(
                f"{self.name}: {self._model} tells no masks: a segmentation model is needed"
            )
        pairs = assign(self._pairs(seen.detections, found))
        whole = _with(seen.detections, pairs.rows, masks[pairs.columns])
        return replace(seen, detections=replace(seen.detections, masks=whole))

    def _pairs(self, objects: Detections, found: FoundInObjects) -> Pairs:
        """Every object and found object that may be the same, by their overlap."""
        boxes, others = (x.extents.astype(np.float64).T for x in (objects, found.objects))
        pairs = overlaps(boxes, others)
        owners = found.owners[pairs.columns]
        may = (owners == pairs.rows) | ((owners < 0) & np.isin(pairs.rows, found.rows))
        may &= pairs.weights >= SAME
        if self._alike is not None:
            ours = np.minimum(objects.class_ids[pairs.rows], len(self._alike) - 1)
            may &= self._alike[ours, found.objects.class_ids[pairs.columns]]
        return pairs[may]


def _alike(ours: Sequence[str], theirs: Sequence[str]) -> Mask | None:
    """Which class (rows) may have a mask of which (columns); None: where there are no names, any.

    The last row is that of classes without a name.
    """
    if not (ours and theirs):
        return None
    rows = [[a == b or a not in theirs for b in theirs] for a in ours]
    return np.array([*rows, [True] * len(theirs)], np.bool_)


def _with(objects: Detections, rows: Ints, masks: Masks) -> Masks:
    """The masks of all objects: new ones of ``rows``, those that the others had, or empty ones."""
    before = objects.masks
    none = np.zeros((0, 0), np.bool_)
    crops = [none] * len(objects) if before is None else list(before.crops)
    corners = np.zeros((len(objects), 2), np.int64) if before is None else before.corners.copy()
    corners[rows] = masks.corners
    for row, crop in zip(rows.tolist(), masks.crops, strict=True):
        crops[row] = crop
    return Masks(tuple(crops), corners, masks.size)
