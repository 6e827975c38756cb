"""Numbers, ids, boxes and outlines as they stand in COCO's JSON, and in what people make of it.

https://cocodataset.org/#format-data
"""

from __future__ import annotations

import math
import re
from typing import Any, TypeAlias

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.comparison import Reals
from sightline.evaluation.text_files import read_number

Id: TypeAlias = int | str

_NO_BOX = "neither bbox nor segmentation gives a box"
_WHOLE = re.compile(r"-?(0|[1-9]\d*)(\.0+)?")


class UnusableEntry(Exception):
    """An entry of a file cannot be used; the text says why. Never leaves the readers."""


def plain_id(value: object) -> Id | None:
    """An id as a whole number where it is one, also as text or float; else as text.

    None: it is no id. Leading zeros make a text: ``007`` is not 7.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        text = value.strip()
        return int(text.partition(".")[0]) if _WHOLE.fullmatch(text) else text or None
    return None


def number(value: object) -> float | None:
    """A finite number, also as text; None: it is none."""
    if isinstance(value, str):
        try:
            value = read_number(value.strip())
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def is_true(value: object) -> bool:
    """Whether a flag is set: 1, true, "1" and "true" are, 0, null, "0" and "false" are not."""
    if isinstance(value, str):
        return value.strip().lower() not in {"", "0", "0.0", "false", "no", "none", "null"}
    return bool(value)


def read_box(item: dict[str, object], size: tuple[int, int] | None = None) -> Reals:
    """The box of an entry: (4,) float64, x, y, width, height.

    Args:
        item: has ``bbox``, as numbers or text, or else ``segmentation``: polygons, or a mask in
            run lengths.
        size: width and height of the picture.

    Raises:
        UnusableEntry: there is no box, or it is malformed.
    """
    numbers = _numbers(item.get("bbox"))
    if not numbers:
        return _box_around(item.get("segmentation"), size)
    if len(numbers) != 4:
        raise UnusableEntry("bbox is not [x, y, width, height]")
    values = [number(value) for value in numbers]
    if None in values:
        raise UnusableEntry("bbox is not made of numbers")
    box = np.array(values, np.float64)
    if (box[2:] < 0).any():
        raise UnusableEntry("the width or height of its bbox is negative")
    return box


def _numbers(value: object) -> list[Any]:
    if isinstance(value, str):
        return value.strip().strip("[]()").replace(",", " ").split()
    return value if isinstance(value, list) else []


def _box_around(outline: object, size: tuple[int, int] | None) -> Reals:
    if isinstance(outline, dict):
        return _box_of_mask(outline, size)
    if not isinstance(outline, list) or not outline:
        raise UnusableEntry(_NO_BOX)
    polygons = outline if isinstance(outline[0], list) else [outline]
    values = [number(value) for polygon in polygons for value in _flat(polygon)]
    if not values or None in values or len(values) % 2:
        raise UnusableEntry(_NO_BOX)
    points = np.array(values, np.float64).reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    return np.concatenate((low, high - low))


def _flat(polygon: object) -> list[object]:
    """``[x, y, x, y]`` of a polygon, also where it is a list of points."""
    if not isinstance(polygon, list):
        return [polygon]
    return [v for point in polygon for v in (point if isinstance(point, list) else [point])]


def _box_of_mask(mask: dict[str, Any], size: tuple[int, int] | None) -> Reals:
    """The box of a mask in run lengths, packed (a text) or not."""
    try:
        from faster_coco_eval import mask as masks
    except ImportError as exc:
        raise ConfigError(
            "faster-coco-eval is not installed: pip install 'sightline[evaluation]'"
        ) from exc
    sides = mask.get("size") or (size and [size[1], size[0]])
    counts = mask.get("counts")
    if not sides or not isinstance(counts, (str, list)) or len(sides) != 2:
        raise UnusableEntry(_NO_BOX)
    try:
        rle = {"size": [int(side) for side in sides], "counts": counts}
        packed = masks.frPyObjects(rle, *rle["size"]) if isinstance(counts, list) else rle
        box: Reals = np.asarray(masks.toBbox(packed), np.float64)
    except (TypeError, ValueError, RuntimeError) as exc:
        raise UnusableEntry(_NO_BOX) from exc
    return box
