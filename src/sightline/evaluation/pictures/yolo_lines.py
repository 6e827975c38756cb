"""Reads a label file of YOLO: a line for each object of a picture.

A line is ``class cx cy width height`` in shares of the picture's sides. More numbers are an outline
(``class x y x y x y …``), key points behind a box (``kpt_shape`` of ``data.yaml`` tells), or a score
behind a box.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sightline.evaluation.comparison import Reals
from sightline.evaluation.notes import Notes
from sightline.evaluation.text_files import read_number, read_text

_SLACK = 1e-2
"""How far out of the picture a rounded label may lie, in shares of its side, as in Ultralytics."""

_BOX, _SCORED = 4, 5
_VISIBILITY = frozenset({0.0, 1.0, 2.0})


class UnusableLine(Exception):
    """A line cannot be used; the text says why. Never leaves the readers."""


@dataclass(frozen=True, eq=False)
class LabelLines:
    """The objects of one label file.

    Args:
        boxes: (N, 4) float64, corners in shares of the picture's sides.
        class_ids: (N,) int64.
        bad: the first line that was left out and why; none where all could be used.
        outlines: (M, 2) float64 of each object that has one, shares as well, else None.
        keypoints: what stands behind each object's box, x, y and perhaps v of each point; else None.
    """

    boxes: Reals
    class_ids: np.ndarray
    bad: str | None
    outlines: tuple[Reals | None, ...] = ()
    keypoints: tuple[Reals | None, ...] = ()


class _Labelled(NamedTuple):
    """One object of a label file."""

    class_id: int
    box: Reals
    outline: Reals | None
    keypoints: Reals | None


def read_labels(
    path: Path, n_classes: int, key_points: tuple[int, int] | None, notes: Notes
) -> LabelLines:
    """Read a label file.

    Args:
        path: the file.
        n_classes: class ids are below it.
        key_points: how many there are for each object, and of how many numbers each is.
        notes: lines that cannot be used are left out and added, and so are lines that are there
            twice: they count once, as in Ultralytics.

    Raises:
        ConfigError: it cannot be read or is no text.
    """
    objects: list[_Labelled] = []
    seen: set[tuple[float, ...]] = set()
    bad: str | None = None
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = read_values(line)
            labelled = _object(values, n_classes, key_points, path, number, notes)
        except UnusableLine as exc:
            notes.add("labels", f"left out, {exc}", f"{path.name}:{number}")
            bad = bad or f"{path}:{number}: {exc}"
            continue
        if values in seen:
            notes.add("labels", "left out, the line is there twice", f"{path.name}:{number}")
            continue
        seen.add(values)
        objects.append(labelled)
    return LabelLines(
        np.array([one.box for one in objects], np.float64).reshape(-1, 4),
        np.array([one.class_id for one in objects], np.int64),
        bad,
        tuple(one.outline for one in objects),
        tuple(one.keypoints for one in objects),
    )


def read_values(line: str) -> tuple[float, ...]:
    """The numbers of a line. Raises UnusableLine."""
    return tuple(map(_read_value, line.split()))


def _read_value(word: str) -> float:
    """Raises UnusableLine: it is no number."""
    try:
        return read_number(word)
    except ValueError as exc:
        hint = ": blanks stand between numbers, no commas" if "," in word or ";" in word else ""
        raise UnusableLine(f"this is not a row of numbers: {word!r:.100}{hint}") from exc


def _object(
    values: tuple[float, ...],
    n_classes: int,
    key_points: tuple[int, int] | None,
    path: Path,
    number: int,
    notes: Notes,
) -> _Labelled:
    points: Reals | None = None
    class_id, rest = values[0], values[1:]
    if not (math.isfinite(class_id) and class_id == int(class_id) and 0 <= class_id < n_classes):
        raise UnusableLine(f"class {class_id:g} has no name: there are {n_classes} names")
    place = f"{path.name}:{number}"
    if len(rest) > _SCORED and _has_key_points(rest, key_points):
        if key_points is None:
            notes.add("labels", "taken as a box with key points, by their visibility", place)
        each = 3 if key_points is None else key_points[1]
        points = np.array(rest[_BOX:]).reshape(-1, each)
        rest = rest[:_BOX]
    elif len(rest) == _SCORED:
        notes.add("labels", "the number behind the box, a score, does not count", place)
        rest = rest[:_BOX]
    if len(rest) != _BOX and (len(rest) < 6 or len(rest) % 2):
        raise UnusableLine(
            f"{len(values)} numbers: a box is `class cx cy width height`, an outline is "
            "`class x y x y x y …`"
        )
    for value in rest:
        if not (math.isfinite(value) and -_SLACK <= value <= 1 + _SLACK):
            raise UnusableLine("not all numbers are shares of a side, from 0 to 1")
    outline = None if len(rest) == _BOX else np.array(rest).reshape(-1, 2)
    return _Labelled(int(class_id), _box(rest), outline, points)


def _has_key_points(rest: Sequence[float], key_points: tuple[int, int] | None) -> bool:
    """Whether key points are behind a box; without ``kpt_shape`` only visibilities tell."""
    points = rest[_BOX:]
    if key_points is not None:
        return len(points) == key_points[0] * key_points[1]
    return len(points) % 3 == 0 and _VISIBILITY.issuperset(points[2::3])


def _box(values: Sequence[float]) -> Reals:
    """Corners (4,) of a box by centre and size, or of the box around an outline."""
    if len(values) == _BOX:
        centre, half = np.array(values[:2]), np.array(values[2:]) / 2
        return np.concatenate((centre - half, centre + half))
    points = np.array(values).reshape(-1, 2)
    return np.concatenate((points.min(axis=0), points.max(axis=0)))
