"""Masks and keypoints of what a detector found, as they stand in its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sightline.evaluation.pictures.coco_boxes import number
from sightline.evaluation.pictures.coco_shapes import all_keypoints, read_keypoints
from sightline.types import Ints, Mask, Masks
from sightline.types.shapes.run_lengths import crop_of, unpacked

Crop = tuple[Mask, tuple[int, int]]
"""Pixels (height, width) bool, and x and y of the first one in the picture."""


class FoundShape(NamedTuple):
    """What a row of results tells of an object beside its box.

    ``crop`` is its mask, in a picture of ``size`` (width, height); ``keypoints`` are x, y and score of each
    in a row.
    """

    crop: Crop | None = None
    size: tuple[int, int] | None = None
    keypoints: list[float] | None = None


def read_shape(item: dict[str, Any]) -> FoundShape:
    """The shape of a row: run lengths of its ``segmentation`` or ``mask``, and its ``keypoints``.

    What cannot be used is as if it were not there; so are polygons.
    """
    crop, size = _mask(item.get("segmentation", item.get("mask")))
    points = item.get("keypoints")
    if isinstance(points, list) and points and all(isinstance(point, list) for point in points):
        points = [value for point in points for value in point]  # as JSON lines have them
    return FoundShape(crop, size, read_keypoints({"keypoints": points}))


def fields_of(shapes: Sequence[FoundShape]) -> dict[str, Any]:
    """``masks`` and ``keypoints`` of the objects of a picture, those that are told.

    An object without a mask has an empty one. Masks of another size than the first one are left out.
    """
    fields: dict[str, object] = {}
    size = next((shape.size for shape in shapes if shape.size is not None), None)
    if size is not None:
        nothing: Crop = (np.zeros((0, 0), np.bool_), (0, 0))
        crops = [
            shape.crop if shape.crop is not None and shape.size == size else nothing
            for shape in shapes
        ]
        corners = np.array([corner for _, corner in crops], np.int64).reshape(-1, 2)
        fields["masks"] = Masks(tuple(crop for crop, _ in crops), corners, size)
    keypoints = all_keypoints([shape.keypoints for shape in shapes])
    if keypoints is not None:
        fields["keypoints"] = keypoints
    return fields


def _mask(told: object) -> tuple[Crop | None, tuple[int, int] | None]:
    match told:
        case {"size": [int(height), int(width)], "counts": str() | list() as counts}:
            try:
                lengths = unpacked(counts) if isinstance(counts, str) else _plain(counts)
                return crop_of(lengths, (width, height)), (width, height)
            except ValueError:
                pass
    return None, None


def _plain(values: list[object]) -> Ints:
    counts = [value for one in values if (value := number(one)) is not None]
    if not counts or len(counts) != len(values) or any(count != int(count) for count in counts):
        raise ValueError("run lengths are whole numbers")
    return np.array(counts, np.int64)
