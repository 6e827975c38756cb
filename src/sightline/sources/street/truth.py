"""What is really in a frame: exact boxes, classes, identities, visibility and masks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sightline.coco import COCO_NAMES
from sightline.types import Detections, Floats, Ints, Label, Mask


@dataclass(frozen=True, eq=False)
class StreetTruth:
    """All objects of which at least one pixel is seen, nearest last.

    Somebody on a bicycle or motorcycle is a ``person``, and what they ride an object of its own,
    each with its own identity, as in COCO. People inside vehicles are not annotated; parked
    vehicles are. What fog has swallowed is not there.

    Args:
        boxes: (N, 4) float32, x1 y1 x2 y2: the tight box of the visible pixels; x2 and y2 lie
            one past the last pixel.
        class_ids: (N,) int64, numbers of COCO's 80 classes.
        track_ids: (N,) int64, one identity's number for as long as the scene runs.
        visibility: (N,) float32, visible pixels / pixels when drawn alone within an infinite
            frame. Of a vehicle that reaches behind the camera the part nearer than 2 m counts as
            not there.
        id_map: (height, width) uint8: row number + 1 of the object seen at each pixel, 0 is none.
        labels: (N,) type and colour of each vehicle, see ``labels_of``; none of people.
    """

    boxes: Floats
    class_ids: Ints
    track_ids: Ints
    visibility: Floats
    id_map: NDArray[np.uint8]
    labels: tuple[tuple[Label, ...], ...]

    def __len__(self) -> int:
        return len(self.boxes)

    @cached_property
    def detections(self) -> Detections:
        """The same objects, with scores of 1 and no masks."""
        scores = np.ones(len(self), np.float32)
        return Detections(
            self.boxes, scores, self.class_ids, self.track_ids, class_names=COCO_NAMES
        )

    @property
    def masks(self) -> Mask:
        """(N, height, width) bool: the visible pixels of each object. Made anew on each call."""
        numbers = np.arange(1, len(self) + 1, dtype=np.uint8)
        return np.asarray(self.id_map[None] == numbers[:, None, None])

    def visible(self, share: float, pixels: int = 0) -> Detections:
        """Objects of which at least ``share`` is seen and whose box holds ``pixels`` or more."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return self.detections[(self.visibility >= share) & (sides[:, 0] * sides[:, 1] >= pixels)]
