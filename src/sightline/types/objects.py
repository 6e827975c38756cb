"""What drawings and tables need to know of the objects of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sightline.types.arrays import Floats, Ints
from sightline.types.frames import Frame
from sightline.types.shapes.masks import Masks


@dataclass(frozen=True, slots=True)
class Label:
    """What a classifier says of one object: ``attribute`` ("colour") is ``value`` ("red")."""

    attribute: str
    value: str
    score: float


class DetectedObjects(Protocol):
    """What drawings and tables need to know of ``Detections``; see there."""

    @property
    def boxes(self) -> Floats:
        """(N, 4) float32: x1 y1 x2 y2 in source pixels."""

    @property
    def scores(self) -> Floats:
        """(N,) float32, 0 to 1."""

    @property
    def class_ids(self) -> Ints:
        """(N,) int64, from 0."""

    @property
    def track_ids(self) -> Ints | None:
        """(N,) int64, -1 of objects that are not tracked; None before tracking."""

    @property
    def parent_ids(self) -> Ints | None:
        """(N,) int64: the track ids of the objects that they were found in, or -1; or None."""

    @property
    def masks(self) -> Masks | None:
        """Which pixels belong to each object; None where nothing tells."""

    @property
    def embeddings(self) -> Floats | None:
        """(N, D) float32, or None."""

    @property
    def keypoints(self) -> Floats | None:
        """(N, K, 3) float32, or None."""

    @property
    def keypoint_names(self) -> tuple[str, ...]:
        """The name of each keypoint; may be empty."""

    @property
    def angles(self) -> Floats | None:
        """(N,) float32, radians; None where boxes stand upright."""

    @property
    def corners(self) -> Floats:
        """(N, 4, 2) float32: the corners of the boxes, turned by the angles."""

    @property
    def extents(self) -> Floats:
        """(N, 4) float32: upright boxes around the objects."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class id; may be empty."""

    @property
    def frame(self) -> Frame | None:
        """The frame, while it is there."""

    def __len__(self) -> int: ...
    def class_name(self, class_id: int) -> str:
        """The name of a class id; the number itself where it has none."""

    def to_dict(self) -> list[dict[str, Any]]:
        """One dictionary for each object, as JSON lines have them."""


def ids_of(ids: Ints | None, count: int) -> list[int | None]:
    """The id of each of ``count`` objects, of ``track_ids`` or ``parent_ids``; None where it has none."""
    return [None] * count if ids is None else [None if i < 0 else i for i in ids.tolist()]


class DetectedFrame(Protocol):
    """What drawings need to know of an ``Observation``; see there."""

    @property
    def frame(self) -> Frame:
        """The frame that was looked at."""

    @property
    def detections(self) -> DetectedObjects:
        """What was found in it."""

    @property
    def labels(self) -> Mapping[int, tuple[Label, ...]]:
        """What classifiers say, by track id."""

    @property
    def predicted(self) -> bool:
        """Whether the tracker says where its objects are, because the frame was not analysed."""
