"""Which class a number in a file of results means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sightline.coco import COCO_NAMES
from sightline.evaluation.comparison import Reals, overlaps, real_boxes
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.coco_boxes import Id
from sightline.evaluation.pictures.found_shapes import FoundShape
from sightline.evaluation.pictures.labels import Dataset
from sightline.types import Detections, Mask

_COCO_GAPS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
"""Numbers that COCO's own categories 1 … 90 leave out."""

_OVERLAP = 0.5
_CLEARLY = 2


class ResultRow(NamedTuple):
    """One row of results: its picture's place, box (4,) as corners, score and class number.

    ``shape`` is what it tells beside its box.
    """

    picture: int
    box: Reals
    score: float
    category: Id
    where: str
    shape: FoundShape = FoundShape()


def class_places(
    path: Path, rows: Sequence[ResultRow], dataset: Dataset, notes: Notes
) -> dict[Id, int]:
    """The place of the class that each number in the rows means.

    The dataset's own numbers are meant where they explain all rows, as in pycocotools. Otherwise
    the classes may have been counted from 0 or from 1 (Ultralytics has done both), or as COCO's
    own 80 are: of the numberings that explain all rows the one is taken whose objects agree best
    with the truth, and noted.
    """
    own: dict[Id, int] = {name: i for i, name in enumerate(dataset.class_names)}
    own |= {category: i for i, category in enumerate(dataset.category_ids)}
    numberings = _numberings(own, dataset)
    used = {row.category for row in rows}
    whole = [name for name, places in numberings.items() if used <= places.keys()]
    if dataset.has_ids and used <= own.keys():
        _note_better(path, rows, dataset, {n: numberings[n] for n in whole}, notes)
        return own
    own_may_be = _OWN in whole or (dataset.has_ids and bool(used & own.keys())) or not whole
    candidates = [_OWN] * own_may_be + [name for name in whole if name != _OWN]
    if len(candidates) == 1:
        chosen = candidates[0]
    else:
        agreed = _agreement(rows, dataset, [numberings[name] for name in candidates])
        chosen = candidates[int(np.argmax(agreed))]
    if chosen != _OWN:
        notes.add(path, f"category_id is taken as {chosen}")
    return numberings[chosen]


_OWN = "the truth numbers its classes"


def _numberings(own: dict[Id, int], dataset: Dataset) -> dict[str, dict[Id, int]]:
    n = len(dataset.class_names)
    found: dict[str, dict[Id, int]] = {
        _OWN: own,
        "the place of the class, counted from 0": {i: i for i in range(n)},
        "the place of the class, counted from 1": {i + 1: i for i in range(n)},
    }
    if dataset.class_names == COCO_NAMES:
        numbers = [i for i in range(1, 91) if i not in _COCO_GAPS]
        found["COCO's own number of the class"] = {number: i for i, number in enumerate(numbers)}
    kept: dict[str, dict[Id, int]] = {}
    for name, places in found.items():
        if places not in kept.values():
            kept[name] = places
    return kept


def _note_better(
    path: Path,
    rows: Sequence[ResultRow],
    dataset: Dataset,
    numberings: Mapping[str, dict[Id, int]],
    notes: Notes,
) -> None:
    """Note where the dataset's own numbers can be meant, but others fit far better."""
    if len(numberings) < 2:
        return
    agreed = _agreement(rows, dataset, list(numberings.values()))
    best = int(np.argmax(agreed))
    if agreed[best] > _CLEARLY * agreed[0]:
        reason = (
            f"category_id is taken as the truth has it, and {agreed[0]} objects lie on one of "
            f"their class; as {list(numberings)[best]} it would be {agreed[best]}"
        )
        notes.add(path, reason)


def on_an_object(rows: Sequence[ResultRow], dataset: Dataset) -> int:
    """How many rows overlap with a true object of any class."""
    return sum(int(near.any(axis=1).sum()) for _, _, near in _overlapping(rows, dataset))


def _agreement(
    rows: Sequence[ResultRow], dataset: Dataset, numberings: Sequence[dict[Id, int]]
) -> list[int]:
    """How many rows overlap with a true object of their class, for each way to number classes."""
    agreed = [0] * len(numberings)
    for found, truth, near in _overlapping(rows, dataset):
        for i, places in enumerate(numberings):
            classes = np.array([places.get(row.category, -1) for row in found])
            same = classes[:, None] == truth.class_ids[None, :]
            agreed[i] += int((near & same).any(axis=1).sum())
    return agreed


def _overlapping(
    rows: Sequence[ResultRow], dataset: Dataset
) -> Iterator[tuple[list[ResultRow], Detections, Mask]]:
    """For each picture, its rows, its true objects, and which overlap with which."""
    of_picture: dict[int, list[ResultRow]] = {}
    for row in rows:
        of_picture.setdefault(row.picture, []).append(row)
    for place, found in of_picture.items():
        truth = dataset.pictures[place].truth
        near: Mask = overlaps(np.array([row.box for row in found]), real_boxes(truth)) >= _OVERLAP
        yield found, truth, near
