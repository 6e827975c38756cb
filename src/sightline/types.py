"""The words of Sightline: what travels from a source to the sinks.

A stage never reaches back into the one before it, so everything that a later stage needs is in
the object that is handed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import supervision

    from sightline.protocols import Picture

Pixels: TypeAlias = NDArray[np.uint8]
"""Interleaved pixels, (height, width, 3), uint8."""

Floats: TypeAlias = NDArray[np.float32]
Ints: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

ChannelOrder: TypeAlias = Literal["bgr", "rgb"]

RunState: TypeAlias = Literal["done", "failed", "interrupted"]
"""How a run, or a stream of one, has ended."""


@dataclass(eq=False)
class Frame:
    """One picture of one stream. Pixels are made when they are asked for.

    ``index`` is the number of frames before it in the stream, damaged ones included; what a live
    stream dropped does not count. ``time`` is the position in the stream in seconds and never goes back; ``captured_at`` is
    ``time.monotonic()`` at the moment the picture was decoded.
    """

    stream: str
    index: int
    time: float
    captured_at: float
    picture: Picture = field(repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled and copied: the picture, without the pixels that were made of it."""
        return {name: value for name, value in self.__dict__.items() if name != "image"}

    @property
    def width(self) -> int:
        return self.picture.width

    @property
    def height(self) -> int:
        return self.picture.height

    @cached_property
    def image(self) -> Pixels:
        """The whole picture, (height, width, 3), uint8, BGR. Made once, then kept."""
        return self.picture.scaled(self.width, self.height, "bgr")

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        """The picture at another size, written into ``out`` where it is given.

        ``out`` is (height, width, 3), uint8, and need not be contiguous: a letterbox passes the
        middle of its canvas. Returns ``out``, or a new array.
        """
        return self.picture.scaled(width, height, order, out)


@dataclass(frozen=True, eq=False)
class Detections:
    """All objects of one frame as parallel arrays.

    Args:
        boxes: (N, 4) float32, x1 y1 x2 y2 in pixels of the source picture.
        scores: (N,) float32.
        class_ids: (N,) int64.
        track_ids: (N,) int64, or None before tracking.
        masks: (N, height, width) bool, or None.
        class_names: name of each class id; may be empty. Shared, not copied.

    Raises:
        ValueError: the arrays differ in length or have another shape.

    Indexing with a mask, a slice or an index array gives ``Detections``.
    """

    boxes: Floats
    scores: Floats
    class_ids: Ints
    track_ids: Ints | None = None
    masks: Mask | None = None
    class_names: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        n = len(self.boxes)
        if self.boxes.shape != (n, 4):
            raise ValueError(f"boxes must be (N, 4), not {self.boxes.shape}")
        for name in ("scores", "class_ids", "track_ids"):
            array = getattr(self, name)
            if array is not None and array.shape != (n,):
                raise ValueError(f"{name} must be ({n},) like the boxes, not {array.shape}")
        if self.masks is not None and (self.masks.ndim != 3 or len(self.masks) != n):
            raise ValueError(
                f"masks must be ({n}, height, width) like the boxes, not {self.masks.shape}"
            )

    @classmethod
    def empty(cls, class_names: tuple[str, ...] = ()) -> Detections:
        """No objects."""
        return cls(
            np.empty((0, 4), np.float32),
            np.empty(0, np.float32),
            np.empty(0, np.int64),
            class_names=class_names,
        )

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: slice | Mask | NDArray[np.integer[Any]]) -> Detections:
        return Detections(
            self.boxes[index],
            self.scores[index],
            self.class_ids[index],
            None if self.track_ids is None else self.track_ids[index],
            None if self.masks is None else self.masks[index],
            self.class_names,
        )

    def class_name(self, class_id: int) -> str:
        """The name of a class id, or its number where no name is known."""
        return (
            self.class_names[class_id] if 0 <= class_id < len(self.class_names) else str(class_id)
        )

    def to_dict(self) -> list[dict[str, Any]]:
        """The objects as they stand in a JSON line: boxes with two decimals, scores with four.

        ``track_id`` is there only after tracking. Masks are left out: they are arrays.
        """
        ids = self.class_ids.tolist()
        objects: list[dict[str, Any]] = [
            {
                "box": [round(x, 2) for x in box],
                "score": round(score, 4),
                "class_id": class_id,
                "class": self.class_name(class_id),
            }
            for box, score, class_id in zip(
                self.boxes.tolist(), self.scores.tolist(), ids, strict=True
            )
        ]
        if self.track_ids is not None:
            for item, track_id in zip(objects, self.track_ids.tolist(), strict=True):
                item["track_id"] = track_id
        return objects

    def to_supervision(self) -> supervision.Detections:
        """The same objects as ``supervision.Detections``, with ``data["class_name"]``."""
        import supervision

        names = np.array([self.class_name(i) for i in self.class_ids.tolist()], dtype=str)
        return supervision.Detections(
            xyxy=self.boxes,
            confidence=self.scores,
            class_id=self.class_ids,
            tracker_id=self.track_ids,
            mask=self.masks,
            data={"class_name": names},
        )

    @classmethod
    def from_supervision(
        cls, detections: supervision.Detections, class_names: tuple[str, ...] = ()
    ) -> Detections:
        """Objects of a ``supervision.Detections``; missing scores are 1, missing classes 0."""
        n = len(detections)
        scores, classes = detections.confidence, detections.class_id
        tracks, masks = detections.tracker_id, detections.mask
        return cls(
            np.asarray(detections.xyxy, np.float32).reshape(n, 4),
            np.ones(n, np.float32) if scores is None else np.asarray(scores, np.float32),
            np.zeros(n, np.int64) if classes is None else np.asarray(classes, np.int64),
            None if tracks is None else np.asarray(tracks, np.int64),
            None if masks is None else np.asarray(masks, np.bool_),
            class_names,
        )


@dataclass(frozen=True, slots=True)
class Label:
    """What a classifier says of one object: ``attribute`` ("colour") is ``value`` ("red")."""

    attribute: str
    value: str
    score: float


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a stream; ``time`` is stream time in seconds."""

    kind: str
    time: float
    stream: str
    track_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """What sinks see of one frame. ``labels`` are keyed by track id.

    ``predicted`` frames were not analysed: the tracker says where its objects are by now.
    """

    frame: Frame
    detections: Detections
    labels: Mapping[int, tuple[Label, ...]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    predicted: bool = False


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What is known of a stream once it is open.

    ``fps`` is the nominal rate or None; ``frames`` is the expected number of frames or None (live
    streams, containers that do not say). ``live`` streams keep the newest frame and drop others.
    ``still`` streams are pictures that have nothing to do with one another.
    """

    name: str
    width: int
    height: int
    fps: float | None = None
    frames: int | None = None
    live: bool = False
    still: bool = False


class SourceState(StrEnum):
    """The states of a source. ``FAILED`` and ``ENDED`` are final."""

    CONNECTING = "connecting"
    RUNNING = "running"
    RECONNECTING = "reconnecting"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A snapshot of a source. ``read`` = frames handed on + the sum of ``dropped``.

    ``dropped`` counts frames by reason, for example ``stale`` (a newer one came) or ``corrupt``.
    """

    state: SourceState
    read: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    reconnects: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Normalization:
    """What turns uint8 pixels into a network's input: ``(pixel * scale - mean) / std``.

    ``mean`` and ``std`` are per channel in the network's own channel order, after scaling.
    """

    scale: float = 1.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name and shape of a network's input or output; None stands for a dimension left open."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine is: ``requests`` inferences can be in flight at once.

    ``input`` is what ``submit`` takes, (N, H, W, C) uint8; open dimensions are None.
    """

    backend: str
    device: str
    precision: str
    requests: int
    input: TensorSpec
    outputs: tuple[TensorSpec, ...]
