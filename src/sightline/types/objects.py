"""What drawings and tables need to know of the objects of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sightline.types.arrays import Floats, Ints, Mask
from sightline.types.frames import Frame

if TYPE_CHECKING:
    import supervision


@dataclass(frozen=True, slots=True)
class Label:
    """What a classifier says of one object: ``attribute`` ("colour") is ``value`` ("red")."""

    attribute: str
    value: str
    score: float


class DetectedObjects(Protocol):
    """What drawings and tables need to know of ``Detections``; see there."""

    @property
    def boxes(self) -> Floats: ...
    @property
    def scores(self) -> Floats: ...
    @property
    def class_ids(self) -> Ints: ...
    @property
    def track_ids(self) -> Ints | None: ...
    @property
    def masks(self) -> Mask | None: ...
    @property
    def frame(self) -> Frame | None: ...
    def __len__(self) -> int: ...
    def class_name(self, class_id: int) -> str: ...
    def to_dict(self) -> list[dict[str, Any]]: ...
    def to_supervision(self) -> supervision.Detections: ...


class DetectedFrame(Protocol):
    """What drawings need to know of an ``Observation``; see there."""

    @property
    def frame(self) -> Frame: ...
    @property
    def detections(self) -> DetectedObjects: ...
    @property
    def labels(self) -> Mapping[int, tuple[Label, ...]]: ...
    @property
    def predicted(self) -> bool: ...
