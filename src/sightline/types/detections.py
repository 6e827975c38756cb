"""All objects of one frame as parallel arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from sightline.types.array_checks import check_arrays, check_rows
from sightline.types.arrays import Floats, Ints, Mask, Pixels
from sightline.types.frames import Frame, default_place, file_of
from sightline.types.further_fields import further_fields
from sightline.types.json_form import json_objects
from sightline.types.objects import ids_of
from sightline.types.shapes.masks import Masks, as_masks
from sightline.types.shapes.turned import turned_corners, upright_boxes
from sightline.vocabulary.other_names import attribute_error

if TYPE_CHECKING:
    import pandas as pd
    import supervision


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Detections:
    """All objects of one frame as parallel arrays.

    Args:
        boxes: (N, 4) float32, x1 y1 x2 y2 in pixels of the source picture.
        scores: (N,) float32.
        class_ids: (N,) int64.
        track_ids: (N,) int64, or None before tracking; -1 of objects that are not tracked.
        masks: ``Masks``, which keep crops, or whole ones, (N, height, width) bool; None: no masks.
        class_names: name of each class id; may be empty. Shared, not copied.
        frame_ref: gives the frame that they were found in, or None where it is gone. Pixels of a
            stream are not kept for it, and it is not pickled.
        embeddings: (N, D) float32, what each object looks like as a vector of length 1, or None.
        keypoints: (N, K, 3) float32: x and y in pixels of the source picture, and how visible or
            sure the point is, 0 to 1; None: no keypoints.
        angles: (N,) float32, radians, or None: boxes stand upright. With angles, an object is its
            box turned about the box's centre; a positive angle turns the x axis towards the y axis,
            clockwise as one sees it. ``corners`` and ``extents`` are made from both.
        keypoint_names: name of each of the K keypoints; may be empty. Shared, not copied.
        parent_ids: (N,) int64, the track id of the object in which a further detector found each
            object, -1: in none; or None.

    Raises:
        ValueError: the arrays differ in length or have another shape.

    Indexing with a mask, a slice or an index array gives ``Detections``; with a number, and in a
    loop, a ``Detection``. ``dataclasses.replace`` makes one with other values.
    """

    boxes: Floats
    scores: Floats
    class_ids: Ints
    track_ids: Ints | None = None
    masks: Masks | None = None
    class_names: tuple[str, ...] = field(default=(), repr=False)
    frame_ref: Callable[[], Frame | None] | None = field(default=None, repr=False)
    embeddings: Floats | None = None
    keypoints: Floats | None = None
    angles: Floats | None = None
    keypoint_names: tuple[str, ...] = field(default=(), repr=False)
    parent_ids: Ints | None = None

    def __init__(
        self,
        boxes: Floats,
        scores: Floats,
        class_ids: Ints,
        track_ids: Ints | None = None,
        masks: Masks | Mask | None = None,
        class_names: tuple[str, ...] = (),
        frame_ref: Callable[[], Frame | None] | None = None,
        embeddings: Floats | None = None,
        keypoints: Floats | None = None,
        angles: Floats | None = None,
        keypoint_names: tuple[str, ...] = (),
        parent_ids: Ints | None = None,
    ) -> None:
        check_arrays(boxes, scores, class_ids, track_ids, angles, parent_ids)
        if embeddings is not None or keypoints is not None:
            check_rows(len(boxes), embeddings, keypoints)
        # Not one by one: frozen dataclasses are slow at that, and these are made several times a frame.
        self.__dict__.update(
            boxes=boxes,
            scores=scores,
            class_ids=class_ids,
            track_ids=track_ids,
            masks=None if masks is None else as_masks(masks, boxes),
            class_names=class_names,
            frame_ref=frame_ref,
            embeddings=embeddings,
            keypoints=keypoints,
            angles=angles,
            keypoint_names=keypoint_names,
            parent_ids=parent_ids,
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

    @classmethod
    def concatenate(cls, parts: Iterable[Detections]) -> Detections:
        """The objects of all parts, in order; of none, no objects.

        What only some parts know (``masks``, say) is an error, but for parts without objects. The
        picture is known where all parts are of the same one.

        Raises:
            ValueError: a field is known in some parts only, or the class names differ.
        """
        parts = list(parts)
        names = {part.class_names for part in parts if part.class_names}
        if len(names) > 1:
            raise ValueError("detections with different class names cannot be put together")
        full = [part for part in parts if len(part)] or parts[:1]
        if not full:
            return Detections.empty()
        pictures = {part.frame_ref for part in full}
        return Detections(
            np.concatenate([part.boxes for part in full]),
            np.concatenate([part.scores for part in full]),
            np.concatenate([part.class_ids for part in full]),
            class_names=names.pop() if names else (),
            frame_ref=pictures.pop() if len(pictures) == 1 else None,
            keypoint_names=next((p.keypoint_names for p in full if p.keypoint_names), ()),
            **further_fields(full),
        )

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def area(self) -> Floats:
        """The area of each box, (N,), in square pixels."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return sides[:, 0] * sides[:, 1]

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
            if isinstance(index, str):
                message += f": those of a class are [d for d in detections if d.name == {index!r}]"
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
            None if self.keypoints is None else self.keypoints[index],
            None if self.angles is None else self.angles[index],
            self.keypoint_names,
            None if self.parent_ids is None else self.parent_ids[index],
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

    @property
    def corners(self) -> Floats:
        """(N, 4, 2) float32: x and y of each object's corners, in pixels.

        From the upper left one clockwise, before they are turned by ``angles``.
        """
        return turned_corners(self.boxes, self.angles)

    @property
    def extents(self) -> Floats:
        """(N, 4) float32: the upright boxes x1 y1 x2 y2 around the objects: ``boxes`` without angles."""
        return self.boxes if self.angles is None else upright_boxes(self.corners)

    @property
    def upright(self) -> Detections:
        """The same with ``extents`` as boxes: what forms without angles are told."""
        return self if self.angles is None else replace(self, boxes=self.extents, angles=None)

    @property
    def outlines_only(self) -> Detections:
        """The same by upright boxes alone, without masks, keypoints and angles, for forms that have none."""
        if self.masks is None and self.keypoints is None:
            return self.upright
        return replace(self.upright, masks=None, keypoints=None)

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
        from sightline.imaging.pixels import pixels_of

        return annotate(pixels_of(image, self.frame), self)

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

    def class_name(self, class_id: int) -> str:
        """The name of a class id, or its number where no name is known."""
        return (
            self.class_names[class_id] if 0 <= class_id < len(self.class_names) else str(class_id)
        )

    def to_dict(self, *, polygons: bool = False) -> list[dict[str, Any]]:
        """The objects as they stand in a JSON line: boxes with two decimals, scores with four.

        ``track_id`` is there only after tracking, ``parent_id`` of parts; ``angle`` (radians), ``keypoints`` (x, y, score of
        each) and ``mask`` (COCO's packed run lengths) where they are known. With ``polygons`` a mask's
        outlines are there instead, [[x, y], …] of each part, without holes. Embeddings are left out.
        """
        return json_objects(self, polygons=polygons)

    def to_supervision(self) -> supervision.Detections:
        """The same objects as ``supervision.Detections``, with whole masks.

        ``data`` has ``class_name``, and ``embeddings``, ``keypoints`` and ``xyxyxyxy`` (the corners of
        turned boxes) where they are known. Turned boxes are given as their ``extents``.
        """
        from sightline.types.supervision_ import to_supervision

        return to_supervision(self)

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
        from sightline.types.supervision_ import fields_of

        return cls(**fields_of(detections, class_names))


@dataclass(frozen=True, eq=False, repr=False, init=False)
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
        """None before tracking, and of an object that is not tracked."""
        return ids_of(self.track_ids, 1)[0]

    @property
    def parent_id(self) -> int | None:
        """The track id of the object that a further detector found it in; None: there is none."""
        return ids_of(self.parent_ids, 1)[0]

    @property
    def angle(self) -> float | None:
        """How far the box is turned, radians; see ``angles``. None: it stands upright."""
        return None if self.angles is None else float(self.angles[0])

    @property
    def mask(self) -> Mask | None:
        """(height, width) bool, or None."""
        return None if self.masks is None else self.masks[0]
