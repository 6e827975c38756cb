"""The stage that looks for parts of objects: number plates of cars, helmets of people."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from sightline.config import DetectOptions
from sightline.errors import ModelError
from sightline.models.postprocess.nms import suppress
from sightline.protocols import Detector
from sightline.runtime.streams.further_detectors.object_detection import (
    FoundInObjects,
    ObjectDetection,
)
from sightline.runtime.streams.further_detectors.parts import class_map, joined_names, with_parts
from sightline.tracking.matching import overlaps
from sightline.types import Detections, Floats, Ints, Mask, Observation

WITHIN = 0.5
"""The share of a part's box that lies in the object whose part it is."""
SAME = 0.5
"""Intersection over union from which what is found in an object, and has its class, is the object itself."""
TWICE = 0.5
"""Intersection over union above which a part of two objects, whose crops overlap, is one."""


class DetectInObjects:
    """Looks for objects within the objects of a frame, and puts them beside these.

    They have no track of their own: ``Detections.parent_ids`` tells in which one they were found. Their
    class names stand behind those that there are; a name that both have is one class.

    Args:
        detector: shared by streams; its owner closes it.
        options: which objects it is shown, and how.
        class_names: of the objects that there are.
        class_ids: of the objects that it is shown; None: all.
        name: of this stage among those of its stream; not ``detect``, which is the stream's detector.

    Raises ModelError: one of both has no class names.
    """

    def __init__(
        self,
        detector: Detector,
        options: DetectOptions,
        class_names: Sequence[str],
        class_ids: Ints | None = None,
        name: str = "detect parts",
    ) -> None:
        if not class_names or not detector.class_names:
            whose = "its detector" if class_names else "the detector of the stream"
            raise ModelError(
                f"stage {name}: {whose} has no class names, so that objects and their parts cannot be told apart: "
                "write `class_names` into the card of the model"
            )
        self.name = name
        self._looking = ObjectDetection(detector, options, class_ids)
        self.class_names = joined_names(class_names, detector.class_names)
        self._classes = class_map(self.class_names, detector.class_names)

    def submit(self, seen: Observation) -> Future[FoundInObjects] | None:
        """Show the detector the objects of this frame; see ``Stage.submit``."""
        return self._looking.submit(seen)

    def settle(self, seen: Observation, found: FoundInObjects | None) -> Observation:
        """The observation with the parts behind its objects, and with the names of all classes."""
        objects = replace(seen.detections, class_names=self.class_names)
        if found is None or not len(found.objects):
            return replace(seen, detections=objects)
        named = replace(
            found.objects,
            class_ids=self._classes[found.objects.class_ids],
            class_names=self.class_names,
        )
        size = (seen.frame.width, seen.frame.height)
        parts, owners = _parts(objects, found._replace(objects=named))
        return replace(seen, detections=with_parts(objects, parts, owners, size))


def _parts(objects: Detections, found: FoundInObjects) -> tuple[Detections, Ints]:
    """What was found in objects, each once, and the row of the object in which it lies."""
    boxes, theirs = objects.extents, found.objects.extents
    owners = found.owners.copy()
    if (owners < 0).any():  # the whole picture was looked at
        shares = _shares(theirs, boxes[found.rows])
        most = shares.argmax(axis=1)
        owners = np.where(shares.max(axis=1) >= WITHIN, found.rows[most], -1)
    kept = owners >= 0
    own = boxes[np.maximum(owners, 0)]
    # A crop has margins: what lies in them belongs to something else.
    kept &= _shares_of_pairs(theirs, own) >= WITHIN
    kept &= ~_themselves(objects, found.objects, owners)
    parts, owners = found.objects[kept], owners[kept]
    numbered = replace(parts, track_ids=np.arange(len(parts), dtype=np.int64))
    best = suppress(numbered, TWICE, agnostic=False, limit=len(parts)).track_ids
    assert best is not None
    best = np.sort(best)
    return parts[best], owners[best]


def _shares(boxes: Floats, others: Floats) -> Floats:
    """(N, M): which share of each box (N, 4) lies in each other one (M, 4)."""
    return _shares_of_pairs(boxes[:, None], others[None])


def _shares_of_pairs(boxes: Floats, others: Floats) -> Floats:
    low = np.maximum(boxes[..., :2], others[..., :2])
    high = np.minimum(boxes[..., 2:], others[..., 2:])
    common = np.maximum(high - low, 0).prod(axis=-1)
    areas = np.maximum((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1), np.float32(1e-6))
    shares: Floats = common / areas
    return shares


def _themselves(objects: Detections, found: Detections, owners: Ints) -> Mask:
    """Which found objects are the very objects in which they were found: the detector knows these too."""
    pairs = overlaps(found.extents.astype(np.float64).T, objects.extents.astype(np.float64).T)
    same = (pairs.weights >= SAME) & (owners[pairs.rows] == pairs.columns)
    same &= found.class_ids[pairs.rows] == objects.class_ids[pairs.columns]
    result = np.zeros(len(found), np.bool_)
    result[pairs.rows[same]] = True
    return result
