"""All objects of one frame as parallel arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from sightline.errors import ConfigError
from sightline.other_names import attribute_error
from sightline.types.arrays import MOST_CLASSES, Floats, Ints, Mask, Pixels
from sightline.types.frames import Frame, default_place, file_of

if TYPE_CHECKING:
    import pandas as pd
    import supervision


@dataclass(frozen=True, eq=False, repr=False)
class Detections:
    """All objects of one frame as parallel arrays.

    Args:
        boxes: (N, 4) float32, x1 y1 x2 y2 in pixels of the source picture.
        scores: (N,) float32.
        class_ids: (N,) int64.
        track_ids: (N,) int64, or None before tracking.
        masks: (N, height, width) bool, or None.
        class_names: name of each class id; may be empty. Shared, not copied.
        frame_ref: gives the frame that they were found in, or None where it is gone. Pixels of a
            stream are not kept for it, and it is not pickled.
        embeddings: (N, D) float32, what each object looks like as a vector of length 1, or None.

    Raises:
        ValueError: the arrays differ in length or have another shape.

    Indexing with a mask, a slice or an index array gives ``Detections``; with a number, and in a
    loop, a ``Detection``.
    """

    boxes: Floats
    scores: Floats
    class_ids: Ints
    track_ids: Ints | None = None
    masks: Mask | None = None
    class_names: tuple[str, ...] = field(default=(), repr=False)
    frame_ref: Callable[[], Frame | None] | None = field(default=None, repr=False)
    embeddings: Floats | None = None

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
        if self.embeddings is not None and (self.embeddings.ndim != 2 or len(self.embeddings) != n):
            raise ValueError(
                f"embeddings must be ({n}, D) like the boxes, not {self.embeddings.shape}"
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

    @overload
    def __getitem__(self, index: SupportsIndex) -> Detection: ...
    @overload
    def __getitem__(
        self, index: slice | Mask | NDArray[np.integer[Any]] | Sequence[int] | Sequence[bool]
    ) -> Detections: ...
    def __getitem__(self, index: Any) -> Detections:
        if isinstance(index, list):
            index = np.asarray(index, None if index else np.int64)
        if isinstance(index, slice) or (isinstance(index, np.ndarray) and index.ndim):
            return self._taken(Detections, index)
        if isinstance(index, (bool, np.bool_)):
            raise TypeError("one bool picks nothing: give a mask, (N,) bool")
        try:
            number = operator.index(index)
        except TypeError:
            kind = type(index).__name__
            message = f"objects are picked by a number, a slice, a mask or a list, not by a {kind}"
            raise TypeError(message) from None
        n = len(self)
        if not -n <= number < n:
            raise IndexError(f"there is no object {number}: there are {n}")
        return self._taken(Detection, slice(number % n, number % n + 1))

    def _taken(self, kind: type[Detections], index: Any) -> Detections:
        return kind(
            self.boxes[index],
            self.scores[index],
            self.class_ids[index],
            None if self.track_ids is None else self.track_ids[index],
            None if self.masks is None else self.masks[index],
            self.class_names,
            self.frame_ref,
            None if self.embeddings is None else self.embeddings[index],
        )

    def __iter__(self) -> Iterator[Detection]:
        """Each object as a ``Detection``."""
        return (self[i] for i in range(len(self)))

    def __str__(self) -> str:
        """``3 objects: 2 person, 1 car (640×480, street.jpg)``."""
        from sightline.imaging.display import summary

        return summary(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled and copied: the arrays and names, without the picture."""
        return {**self.__dict__, "frame_ref": None}

    if not TYPE_CHECKING:  # else every attribute would be fine for type checkers

        def __getattr__(self, name: str) -> Any:
            kind = "Detection" if isinstance(self, Detection) else "Detections"
            raise attribute_error(self, kind, name)

    @property
    def frame(self) -> Frame | None:
        """The frame that the objects were found in; None where it is not known or is gone."""
        return None if self.frame_ref is None else self.frame_ref()

    def plot(self, image: Pixels | Frame | None = None) -> Pixels:
        """A copy of the picture with boxes, masks and captions such as ``car #3 0.91``.

        Args:
            image: what to draw on, (height, width, 3) uint8 BGR or a Frame; the picture that
                the objects were found in where it is None.

        Returns:
            (height, width, 3) uint8, BGR. RGB, for matplotlib, is ``plot()[..., ::-1]``.

        Raises:
            ConfigError: no image is given, and the picture is not known (any more); or what is
                given is none.
            SinkError: supervision is not installed.
            SourceError: the picture was a file, which cannot be read any more.
        """
        from sightline.imaging.drawing import annotate

        return annotate(self._pixels(image), self)

    def save(self, path: str | Path | None = None, image: Pixels | Frame | None = None) -> Path:
        """Write the picture of ``plot`` to a file.

        Args:
            path: .jpg, .png, .webp, .bmp or .tif; ``PICTURE-000000-annotated.jpg`` in the current
                folder where it is None, or in a folder that is given (``found/``). Folders are
                made where they are missing. Without a name, no other result's file of this
                process is overwritten: ``…-annotated-2.jpg`` is taken then.
            image: as for ``plot``.

        Returns the file. Raises what ``plot`` does, and SinkError: it cannot be written.
        """
        from sightline.imaging.picture_files import save_picture

        frame = image if isinstance(image, Frame) else self.frame
        place = default_place(self, frame, path, "-annotated")
        return save_picture(place, self.plot(image), file_of(frame) if frame else None)

    def to_pandas(self) -> pd.DataFrame:
        """A table with the columns of the CSV output; what is not known is missing (NA).

        ``stream``, ``frame`` and ``time`` are those of ``frame``; ``track_id`` is there after tracking.

        Raises MissingPackage: pandas is not installed.
        """
        from sightline.imaging.display import data_frame

        return data_frame(self, self.frame)

    def _repr_html_(self) -> str:
        """What a notebook shows: the picture where it is known, and a table."""
        from sightline.imaging.display import as_html

        return as_html(self, None if self.frame is None else self.plot)

    def _pixels(self, image: Pixels | Frame | None) -> Pixels:
        if isinstance(image, Frame):
            return image.image
        if image is not None:
            from sightline.imaging.pixels import bgr_pixels

            given: Any = image
            if not isinstance(given, np.ndarray):
                kind = type(given).__name__
                raise ConfigError(
                    f"image: give pixels (height, width, 3) uint8 BGR, or a Frame, not a {kind}"
                )
            try:
                return bgr_pixels(given)
            except ValueError as exc:
                raise ConfigError(f"image: {exc}") from exc
        frame = self.frame
        if frame is None:
            raise ConfigError(
                "these detections do not know their picture (any more): give it, as plot(image) or "
                "save(path, image)"
            )
        # Not frame.image, which keeps the pixels: results of a thousand pictures may be drawn.
        return frame.scaled(frame.width, frame.height, "bgr")

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
        """The same objects as ``supervision.Detections``.

        ``data`` has ``class_name``, and ``embeddings`` where there are some.
        """
        import supervision

        names = np.array([self.class_name(i) for i in self.class_ids.tolist()], dtype=str)
        vectors = {} if self.embeddings is None else {"embeddings": self.embeddings}
        return supervision.Detections(
            xyxy=self.boxes,
            confidence=self.scores,
            class_id=self.class_ids,
            tracker_id=self.track_ids,
            mask=self.masks,
            data={"class_name": names, **vectors},
            # All names, for the way back; supervision keeps it through its own steps.
            metadata={"class_names": self.class_names} if self.class_names else {},
        )

    @classmethod
    def from_supervision(
        cls, detections: supervision.Detections, class_names: Sequence[str] = ()
    ) -> Detections:
        """Objects of a ``supervision.Detections``; missing scores are 1, missing classes 0.

        Args:
            detections: of any origin.
            class_names: name of each class id. Where none are given, they are those that
                ``to_supervision`` kept, else those in ``data["class_name"]``.

        Raises:
            ValueError: one class id has two names in ``data``.
        """
        n = len(detections)
        scores, classes = detections.confidence, detections.class_id
        tracks, masks = detections.tracker_id, detections.mask
        vectors = detections.data.get("embeddings")
        names = tuple(class_names) or tuple(detections.metadata.get("class_names", ()))
        if classes is None or not names:
            classes, names = _classes_of(classes, detections.data.get("class_name"), names, n)
        return cls(
            np.asarray(detections.xyxy, np.float32).reshape(n, 4),
            np.ones(n, np.float32) if scores is None else np.asarray(scores, np.float32),
            np.asarray(classes, np.int64),
            None if tracks is None else np.asarray(tracks, np.int64),
            None if masks is None else np.asarray(masks, np.bool_),
            names,
            embeddings=None if vectors is None else np.asarray(vectors, np.float32),
        )


def _classes_of(
    class_ids: Any, each: Any, class_names: tuple[str, ...], n: int
) -> tuple[Any, tuple[str, ...]]:
    """Class ids and the names of all ids, from the name of each object."""
    if each is None or len(each) != n:
        return np.zeros(n, np.int64) if class_ids is None else class_ids, class_names
    words = [str(name) for name in each]
    if class_ids is None:
        class_names = class_names or tuple(dict.fromkeys(words))
        missing = sorted({word for word in words if word not in class_names})
        if missing:
            raise ValueError(f"class_names has no {missing[0]!r}, which an object is called")
        return np.array([class_names.index(word) for word in words], np.int64), class_names
    named: dict[int, str] = {}
    for class_id, word in zip(np.asarray(class_ids).tolist(), words, strict=True):
        if named.setdefault(int(class_id), word) != word:
            raise ValueError(
                f"class id {class_id} is called both {named[int(class_id)]!r} and {word!r}: "
                "give class_names"
            )
    if any(not 0 <= class_id < MOST_CLASSES for class_id in named):
        return class_ids, ()
    # Ids that no object has are called by their number, as ids without a name are.
    return class_ids, tuple(named.get(i, str(i)) for i in range(max(named, default=-1) + 1))


@dataclass(frozen=True, eq=False, repr=False)
class Detection(Detections):
    """One object: ``Detections`` of length 1 whose values can be had without an index."""

    def __str__(self) -> str:
        """``car #3 0.91 at 12 30 100 200``: the class, the track, the score and the corners."""
        from sightline.imaging.display import one_line

        return one_line(self)

    @property
    def box(self) -> Floats:
        """(4,) float32, x1 y1 x2 y2 in pixels of the source picture."""
        box: Floats = self.boxes[0]
        return box

    @property
    def score(self) -> float:
        """The score, 0 to 1."""
        return float(self.scores[0])

    @property
    def class_id(self) -> int:
        """The class id, from 0."""
        return int(self.class_ids[0])

    @property
    def name(self) -> str:
        """The name of its class, or the class's number where no name is known."""
        return self.class_name(self.class_id)

    @property
    def track_id(self) -> int | None:
        """None before tracking."""
        return None if self.track_ids is None else int(self.track_ids[0])

    @property
    def mask(self) -> Mask | None:
        """(height, width) bool, or None."""
        return None if self.masks is None else self.masks[0]
