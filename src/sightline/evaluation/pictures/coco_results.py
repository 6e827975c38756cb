"""Reads what a detector found from JSON: COCO's list of results, or a whole COCO file with scores.

https://cocodataset.org/#format-results
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.comparison import Reals
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.class_names import as_written
from sightline.evaluation.pictures.class_numbers import ResultRow, class_places, on_an_object
from sightline.evaluation.pictures.coco import corners, entries, load_json, read_categories
from sightline.evaluation.pictures.coco_boxes import Id, UnusableEntry, number, plain_id, read_box
from sightline.evaluation.pictures.found_shapes import FoundShape, fields_of, read_shape
from sightline.evaluation.pictures.labels import Dataset
from sightline.evaluation.pictures.picture_names import PictureNames
from sightline.evaluation.text_files import refuse
from sightline.types import Detections, Floats

_LISTS = ("annotations", "predictions", "results", "detections")


def read_coco_results(path: Path, dataset: Dataset, notes: Notes) -> list[Detections]:
    """Read a list of results: the objects of each of the dataset's pictures, in their order.

    Args:
        path: a JSON list of ``{"image_id", "category_id", "bbox": [x, y, w, h], "score"}``, or an
            object with such a list and no ``images``.
        dataset: whose pictures and classes these are. A picture is told by its id, by the stem of
            its file (as Ultralytics has it), or by ``file_name`` beside the id.
        notes: what is left out is added.

    Raises:
        ConfigError: it cannot be read, a row may mean several pictures, or no row can be used.
    """
    content = load_json(path)
    key = ""
    if isinstance(content, dict):
        key = next((k for k in _LISTS if isinstance(content.get(k), list)), "")
        content = content.get(key)
    if not isinstance(content, list):
        refuse(path, 1, "this is no list of results")
    if not all(isinstance(item, dict) for item in content):
        bad = next(i for i, item in enumerate(content) if not isinstance(item, dict))
        refuse(path, f"{key}[{bad}]", "this is no object")
    items = [{**item, "place": f"{key}[{i}]"} for i, item in enumerate(content)]
    pictures = _Pictures(path, dataset, notes)
    rows = _rows(path, items, pictures.place, notes)
    pictures.note_better(rows, dataset)
    return detections(rows, class_places(path, rows, dataset, notes), dataset, path, notes)


def read_coco_file(path: Path, dataset: Dataset, notes: Notes) -> list[Detections]:
    """Read a COCO file with scores, as ``--coco`` of ``sightline detect`` writes it.

    Pictures and classes go together by name. Otherwise as ``read_coco_results``.

    Raises ConfigError: none of its classes or pictures is in the ground truth.
    """
    content = load_json(path)
    assert isinstance(content, dict)
    annotations = entries(path, content, "annotations", notes)
    names = PictureNames([picture.name for picture in dataset.pictures])
    places: dict[Id, int | None] = {}
    for image in entries(path, content, "images", notes):
        key = plain_id(image.get("id"))
        if key is not None:
            name = image.get("file_name")
            places[key] = names.by_name(name) if isinstance(name, str) else names.by_id(key)
    categories = read_categories(path, content, annotations, notes)

    def place(item: dict[str, object]) -> int:
        key = plain_id(item.get("image_id"))
        if key is None:
            raise UnusableEntry("it has no image_id")
        found = places.get(key)
        if found is None:
            raise UnusableEntry("its picture is not in the ground truth")
        return found

    rows = _rows(path, annotations, place, notes)
    known = {name: i for i, name in enumerate(dataset.class_names)}
    written = as_written(list(categories.values()), dataset.class_names, notes)
    classes = {i: known[n] for i, n in zip(categories, written, strict=True) if n in known}
    if categories and not classes:
        raise ConfigError(
            f"{path}: none of its classes ({', '.join(list(categories.values())[:6])}) is in the "
            f"ground truth ({', '.join(dataset.class_names[:6])}): the names must agree"
        )
    return detections(rows, classes, dataset, path, notes)


class _Pictures:
    """Finds the picture of a row."""

    def __init__(self, path: Path, dataset: Dataset, notes: Notes) -> None:
        self._path, self._notes = path, notes
        self._ids = {picture.id: i for i, picture in enumerate(dataset.pictures)}
        texts = [p.id for p in dataset.pictures if isinstance(p.id, str) and p.id.isdecimal()]
        if len({int(text) for text in texts}) == len(texts):  # 007 is 7 where it can be no other
            self._ids |= {int(t): self._ids[t] for t in texts if int(t) not in self._ids}
        self._has_ids = dataset.has_ids
        self._names = PictureNames([picture.name for picture in dataset.pictures])
        self._known: dict[tuple[Id, object], int | None] = {}

    def place(self, item: dict[str, Any]) -> int:
        """The picture's place. Raises UnusableEntry where there is none, ConfigError if several."""
        key = plain_id(item.get("image_id"))
        name = item.get("file_name")
        if key is None and not isinstance(name, str):
            raise UnusableEntry("it has no image_id")
        asked = (key if key is not None else "", name if isinstance(name, str) else None)
        if asked not in self._known:
            self._known[asked] = self._find(*asked, item["place"])
        found = self._known[asked]
        if found is None:
            raise UnusableEntry("its image_id is not in the ground truth")
        return found

    def _find(self, key: Id, name: str | None, place: str) -> int | None:
        by_id = self._ids.get(key) if self._has_ids else None
        if by_id is not None and name is None:
            return by_id
        by_name = self._names.by_name(name) if name is not None else None
        if by_id is not None and by_name is not None and by_id != by_name:
            reason = "its file_name is another picture's than its image_id; the name counts"
            self._notes.add(self._path, reason, place)
        if by_name is not None:
            return by_name
        if by_id is not None:
            return by_id
        if self._has_ids or self._names.numbered or isinstance(key, str):
            return self._names.by_id(key)
        # No picture has a number for its name: it is the place in the order of names.
        self._notes.add(self._path, "image_id is taken as the place in the order of names, from 1")
        return self._ids.get(key)

    def note_better(self, rows: Sequence[ResultRow], dataset: Dataset) -> None:
        """Note where ids were meant as the truth has them, but file names would fit far better."""
        if not (self._has_ids and self._names.numbered):
            return
        by_name = {i: self._names.number(key) for key, i in self._ids.items()}
        moved = [
            row._replace(picture=picture)
            for row in rows
            if (picture := by_name[row.picture]) is not None
        ]
        if all(row.picture == by_name[row.picture] for row in rows):
            return
        if (other := on_an_object(moved, dataset)) > 2 * (own := on_an_object(rows, dataset)):
            reason = (
                f"image_id is taken as the truth has it, and {own} objects lie on a true one; as "
                f"the pictures' file names it would be {other}"
            )
            self._notes.add(self._path, reason)


def _rows(
    path: Path, items: Sequence[dict[str, Any]], place: object, notes: Notes
) -> list[ResultRow]:
    """The rows that can be used. Raises ConfigError where there are some, but none can be."""
    rows: list[ResultRow] = []
    first: str | None = None
    for item in items:
        try:
            rows.append(_row(item, place))
        except UnusableEntry as exc:
            notes.add(path, f"left out, {exc}", item["place"])
            first = first or f"{path}:{item['place']}: {exc}"
    if items and not rows:
        raise ConfigError(f"{first}. Not one of {len(items)} objects can be used")
    return rows


def _row(item: dict[str, Any], place: Any) -> ResultRow:
    score = number(item.get("score"))
    if score is None:
        raise UnusableEntry("its score must be a number")
    keys = ("category_id", "category_name", "category")
    category = next((i for key in keys if (i := plain_id(item.get(key))) is not None), None)
    if category is None:
        raise UnusableEntry("it has no category_id")
    box = corners(read_box(item)[None])[0].astype(np.float64)
    return ResultRow(place(item), box, score, category, item["place"], read_shape(item))


def detections(
    rows: Sequence[ResultRow],
    classes: dict[Id, int],
    dataset: Dataset,
    path: Path,
    notes: Notes,
) -> list[Detections]:
    """The objects of each picture. Those of a class that the dataset does not have are noted.

    Raises ConfigError where there are rows and none is of a class of the dataset.
    """
    found: list[list[tuple[Reals, float, int]]] = [[] for _ in dataset.pictures]
    shapes: list[list[FoundShape]] = [[] for _ in dataset.pictures]
    used = False
    for row in rows:
        place = classes.get(row.category)
        if place is None:
            notes.add(path, "left out, its category_id is no class of the ground truth", row.where)
            continue
        used = True
        found[row.picture].append((row.box, row.score, place))
        shapes[row.picture].append(row.shape)
    if rows and not used:
        numbers = sorted({str(row.category) for row in rows})
        raise ConfigError(
            f"{path}: none of its category_id ({', '.join(numbers[:6])}) is a class of the ground "
            f"truth ({', '.join(map(str, dataset.category_ids[:6]))})"
        )
    return [
        as_detections(objects, dataset.class_names, told)
        for objects, told in zip(found, shapes, strict=True)
    ]


def as_detections(
    rows: Sequence[tuple[Reals, float, int]],
    names: tuple[str, ...],
    shapes: Sequence[FoundShape] = (),
) -> Detections:
    """Objects from rows of corners (4,), score and class, and what is told of them beside.

    In double precision, as read, so that overlaps and the order of scores are pycocotools'.
    """
    return Detections(
        cast("Floats", np.array([box for box, _, _ in rows], np.float64).reshape(-1, 4)),
        cast("Floats", np.array([score for _, score, _ in rows], np.float64)),
        np.array([place for _, _, place in rows], np.int64),
        class_names=names,
        **fields_of(shapes),
    )
