"""Reads COCO's JSON: annotations of pictures, and results.

https://cocodataset.org/#format-data, https://cocodataset.org/#format-results
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from sightline.evaluation.comparison import Reals
from sightline.evaluation.labels import Dataset, LabelledPicture
from sightline.evaluation.text_files import read_text, refuse
from sightline.types import Detections


def read_coco(path: Path, *, images: Path | None = None) -> Dataset:
    """Read an annotation file.

    Args:
        path: a JSON object with ``images``, ``annotations`` and ``categories``.
        images: the folder that the pictures' ``file_name`` are relative to; the file's own folder,
            or ``images`` in it, by default.

    Raises:
        ConfigError: it cannot be read or is malformed; the entry is named.

    Pictures and classes are in the order of their ids, as in pycocotools. An annotation without an
    ``area`` has that of its box.
    """
    content = _load(path)
    if not isinstance(content, dict):
        refuse(path, 1, "this is a list; ground truth is an object with images and annotations")
    tables = {key: _entries(path, content, key) for key in ("images", "annotations", "categories")}
    categories = _by_id(path, "categories", tables["categories"], "name")
    pictures = _by_id(path, "images", tables["images"], "file_name")
    names = tuple(categories[i] for i in sorted(categories))
    if len(set(names)) != len(names):
        refuse(path, "categories", "two categories have the same name: rename one")
    places = {category: place for place, category in enumerate(sorted(categories))}
    rows: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for number, item in enumerate(tables["annotations"]):
        place = f"annotations[{number}]"
        box = read_box(path, place, item)
        picture = _known(path, place, item, "image_id", pictures)
        category = places[_known(path, place, item, "category_id", categories)]
        area = _number(path, place, item.get("area", box[2] * box[3]), "area")
        rows[picture].append((box, category, bool(item.get("iscrowd", 0)), area))
    folder = images or _folder(path, pictures)
    return Dataset(
        names,
        tuple(
            _picture(i, pictures[i], folder / pictures[i], rows[i], names) for i in sorted(pictures)
        ),
        tuple(sorted(categories)),
    )


def read_coco_results(path: Path, dataset: Dataset) -> list[Detections]:
    """Read a results file: the objects of each of the dataset's pictures, in their order.

    Args:
        path: a JSON list of ``{"image_id", "category_id", "bbox": [x, y, w, h], "score"}``.
        dataset: whose pictures and classes these are. ``image_id`` may also be the name of a
            picture's file without its suffix.

    Raises:
        ConfigError: it cannot be read or is malformed, or a picture or category is not in the
            dataset; the entry is named.
    """
    content = _load(path)
    if not isinstance(content, list):
        refuse(path, 1, "this is no list of results")
    places: dict[Any, int] = {Path(p.name).stem: i for i, p in enumerate(dataset.pictures)}
    places |= {p.id: i for i, p in enumerate(dataset.pictures)}
    categories = {category: i for i, category in enumerate(dataset.category_ids)}
    rows: list[list[tuple[Reals, float, int]]] = [[] for _ in dataset.pictures]
    for number, item in enumerate(content):
        place = f"[{number}]"
        if not isinstance(item, dict):
            refuse(path, place, "this is no object")
        row = (
            read_box(path, place, item),
            _number(path, place, item.get("score"), "score"),
            categories[_known(path, place, item, "category_id", categories)],
        )
        rows[places[_known(path, place, item, "image_id", places)]].append(row)
    return [_detections(r, dataset.class_names) for r in rows]


def read_box(path: Path, place: str, item: dict[str, Any]) -> Reals:
    """The ``bbox`` of an entry: (4,) float64, x, y, width, height. Raises ConfigError."""
    box = item.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        refuse(path, place, f"bbox must be [x, y, width, height], not {box!r}")
    numbers = np.array([_number(path, place, value, "bbox") for value in box])
    if (numbers[2:] < 0).any():
        refuse(path, place, f"the width or height of bbox {box} is negative")
    return numbers


def _load(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as exc:
        refuse(path, exc.lineno, f"this is not JSON: {exc.msg}")


def _entries(path: Path, content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    entries = content.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        refuse(path, key, "COCO's ground truth needs a list of objects here")
    return entries


def _by_id(path: Path, key: str, entries: list[dict[str, Any]], value: str) -> dict[int, str]:
    """The ``value`` (a text) of each entry by its id."""
    found: dict[int, str] = {}
    for number, entry in enumerate(entries):
        place = f"{key}[{number}]"
        if not isinstance(entry.get("id"), int) or not isinstance(entry.get(value), str):
            refuse(path, place, f"it needs an id (a whole number) and a {value} (a text)")
        if entry["id"] in found:
            refuse(path, place, f"the id {entry['id']} is there twice")
        found[entry["id"]] = entry[value]
    return found


def _known(path: Path, place: str, item: dict[str, Any], key: str, known: dict[Any, Any]) -> Any:
    value = item.get(key)
    if not isinstance(value, (int, str)) or value not in known:
        refuse(path, place, f"{key} {value!r} is not in the ground truth")
    return value


def _number(path: Path, place: str, value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        refuse(path, place, f"{what} must be a number, not {value!r}")
    return float(value)


def _folder(path: Path, pictures: dict[int, str]) -> Path:
    """The folder of the pictures: ``images`` beside the file where the first one is there."""
    beside = path.parent / "images"
    first = next(iter(pictures.values()), None)
    return beside if first is not None and (beside / first).exists() else path.parent


def _picture(
    number: int, name: str, path: Path, rows: list[tuple[Any, ...]], names: tuple[str, ...]
) -> LabelledPicture:
    return LabelledPicture(
        number,
        name,
        path,
        _detections([(box, 1.0, category) for box, category, _, _ in rows], names),
        np.array([crowd for _, _, crowd, _ in rows], np.bool_),
        np.array([area for _, _, _, area in rows], np.float64),
    )


def _detections(rows: list[tuple[Reals, float, int]], names: tuple[str, ...]) -> Detections:
    boxes = np.array([box for box, _, _ in rows], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return Detections(
        boxes.astype(np.float32),
        np.array([score for _, score, _ in rows], np.float32),
        np.array([category for _, _, category in rows], np.int64),
        class_names=names,
    )
