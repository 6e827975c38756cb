"""Reads COCO's JSON: pictures with their annotations.

https://cocodataset.org/#format-data. Files are read as people have them: an entry that cannot be
used is left out and noted, the rest counts as in pycocotools.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import numpy as np

from sightline.evaluation.comparison import Reals
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.coco_boxes import (
    Id,
    UnusableEntry,
    is_true,
    number,
    plain_id,
    read_box,
)
from sightline.evaluation.pictures.coco_shapes import all_keypoints, read_keypoints, read_outline
from sightline.evaluation.pictures.labels import Dataset, LabelledPicture
from sightline.evaluation.pictures.picture_names import PictureFiles, plain_name
from sightline.evaluation.shapes import Outline, TrueShapes
from sightline.evaluation.text_files import parse_json, read_text, refuse
from sightline.types import Detections, Floats

_NAME_KEYS = ("file_name", "filename", "path", "name")
_URL_KEYS = ("coco_url", "flickr_url", "url")


class _Image(NamedTuple):
    name: str
    size: tuple[int, int] | None


class _Object(NamedTuple):
    box: Reals
    category: int
    crowd: bool
    area: float
    outline: Outline | None
    keypoints: list[float] | None


def read_coco(path: Path, *, images: Path | None = None, notes: Notes | None = None) -> Dataset:
    """Read an annotation file.

    Args:
        path: a JSON object with ``images``, ``annotations`` and ``categories``.
        images: the folder that the pictures' ``file_name`` are relative to; by default the file's
            own folder, ``images`` in it, or those beside ``annotations``.
        notes: what is left out is added.

    Raises:
        ConfigError: it cannot be read, is no such object, or not one annotation can be used; the
            entry is named.

    Pictures and classes are in the order of their ids, as in pycocotools. An annotation without an
    ``area`` has that of its box, one without a ``bbox`` the box around its ``segmentation``.
    """
    notes = Notes() if notes is None else notes
    content = load_json(path)
    if not isinstance(content, dict):
        refuse(path, 1, "this is a list; ground truth is an object with images and annotations")
    pictures = _images(path, entries(path, content, "images", notes), notes)
    annotations = entries(path, content, "annotations", notes)
    categories = read_categories(path, content, annotations, notes)
    objects = _objects(path, annotations, pictures, categories, notes)
    files = PictureFiles([images] if images else _picture_folders(path, pictures))
    names = unique_names(path, categories, notes)
    return Dataset(
        tuple(names),
        tuple(
            _picture(i, pictures[i], files.path(pictures[i].name), objects[i], tuple(names))
            for i in sorted(pictures, key=_order)
        ),
        tuple(categories),
        written_names=tuple(categories.values()),
        has_ids=True,
    )


def load_json(path: Path) -> Any:
    """The content of a JSON file. Raises ConfigError with the line of a mistake."""
    try:
        return parse_json(read_text(path))
    except json.JSONDecodeError as exc:
        refuse(path, exc.lineno, f"this is not JSON: {exc.msg}")


def entries(path: Path, content: dict[str, object], key: str, notes: Notes) -> list[dict[str, Any]]:
    """The objects in a list of a COCO file, each with its place as ``place``.

    Raises ConfigError where there is no such list. What is no object is noted and left out.
    """
    found = content.get(key)
    if not isinstance(found, list):
        refuse(path, key, "COCO's ground truth needs a list of objects here")
    kept = []
    for index, entry in enumerate(found):
        if isinstance(entry, dict):
            kept.append({**entry, "place": f"{key}[{index}]"})
        else:
            notes.add(path, "left out, this is no object", f"{key}[{index}]")
    if found and not kept:
        refuse(path, f"{key}[0]", "this is no object")
    return kept


def read_categories(
    path: Path, content: dict[str, object], annotations: Sequence[dict[str, object]], notes: Notes
) -> dict[Id, str]:
    """The names of the categories by their ids, in the order of these; see ``read_coco``."""
    if "categories" not in content:
        used = (plain_id(item.get("category_id")) for item in annotations)
        ids = {category for category in used if category is not None}
        notes.add(path, "there are no categories: their ids stand for their names")
        return {i: str(i) for i in sorted(ids, key=_order)}
    found: dict[Id, str] = {}
    for entry in entries(path, content, "categories", notes):
        category = plain_id(entry.get("id"))
        if category is None:
            notes.add(path, "left out, a category without an id", entry["place"])
            continue
        name = str(entry.get("name") or category).strip()
        if found.setdefault(category, name) != name:
            refuse(path, entry["place"], f"the id {category} is there twice, with two names")
    return {i: found[i] for i in sorted(found, key=_order)}


def unique_names(path: Path, categories: dict[Id, str], notes: Notes) -> list[str]:
    """A name of its own for each category: the id stands behind one that is there already."""
    names: list[str] = []
    for category, name in categories.items():
        if name in names:
            notes.add(path, f"several categories are named {name}", f"id {category}")
            name = f"{name} ({category})"  # noqa: PLW2901 - the name that it is shown by
        names.append(name)
    return names


def _order(value: Id) -> tuple[bool, int, str]:
    """Sorts numbers before texts."""
    is_text = isinstance(value, str)
    return is_text, 0 if isinstance(value, str) else value, str(value)


def _images(path: Path, items: Sequence[dict[str, Any]], notes: Notes) -> dict[Id, _Image]:
    found: dict[Id, _Image] = {}
    for item in items:
        picture = plain_id(item.get("id"))
        if picture is None:
            notes.add(path, "left out, an image without an id", item["place"])
            continue
        width, height = number(item.get("width")), number(item.get("height"))
        image = _Image(
            _image_name(item, picture),
            (int(width), int(height)) if width and height else None,
        )
        if picture in found:
            if found[picture].name != image.name:
                refuse(path, item["place"], f"the id {picture} is there twice, for two pictures")
            notes.add(path, "left out, this image is there already", item["place"])
        found.setdefault(picture, image)
    if items and not found:
        refuse(path, items[0]["place"], "it needs an id (a number or a text)")
    if any(item.get("neg_category_ids") is not None for item in items):
        notes.add(path, "LVIS's lists of classes that were not looked for are not regarded")
    for name, count in Counter(image.name for image in found.values()).items():
        if count > 1:
            notes.add(path, "several images have one file_name: by id they are several", name)
    return found


def _image_name(item: dict[str, Any], picture: Id) -> str:
    for key in _NAME_KEYS:
        if isinstance(item.get(key), str) and item[key].strip():
            return plain_name(item[key])
    for key in _URL_KEYS:
        if isinstance(item.get(key), str) and item[key].strip():
            return PurePosixPath(urlsplit(item[key]).path).name
    return str(picture)


def _objects(
    path: Path,
    items: Sequence[dict[str, Any]],
    pictures: dict[Id, _Image],
    categories: dict[Id, str],
    notes: Notes,
) -> dict[Id, list[_Object]]:
    places = {category: place for place, category in enumerate(categories)}
    found: dict[Id, list[_Object]] = defaultdict(list)
    seen: set[tuple[object, ...]] = set()
    first: str | None = None
    for item in items:
        picture, category = plain_id(item.get("image_id")), plain_id(item.get("category_id"))
        try:
            if picture is None or picture not in pictures:
                raise UnusableEntry("its image_id is not in images")
            if category is None or category not in places:
                raise UnusableEntry("its category_id is not in categories")
            box = read_box(item, pictures[picture].size)
        except UnusableEntry as exc:
            notes.add(path, f"left out, {exc}", item["place"])
            first = first or f"{path}:{item['place']}: {exc}"
            continue
        thing = _object(path, item, box, places[category], notes)
        key = (picture, category, thing.crowd, *box.tolist())
        if key in seen:
            notes.add(path, "there twice, and counted twice as by pycocotools", item["place"])
        seen.add(key)
        found[picture].append(thing)
    if items and not found:
        refuse(path, "annotations", f"not one of them can be used; {first}")
    _note_ids(path, items, notes)
    return found


def _object(path: Path, item: dict[str, Any], box: Reals, category: int, notes: Notes) -> _Object:
    area = number(item.get("area"))
    if area is None:
        area = float(box[2] * box[3])
        if item.get("area", "") is None or isinstance(item.get("area"), str):
            notes.add(path, "its area is no number, that of its box counts", item["place"])
    crowd = item.get("iscrowd")
    if isinstance(crowd, str):
        notes.add(path, "its iscrowd is a text, and read as a number", item["place"])
    return _Object(box, category, is_true(crowd), area, read_outline(item), read_keypoints(item))


def _note_ids(path: Path, items: Sequence[dict[str, object]], notes: Notes) -> None:
    """Note what pycocotools makes of ids that are odd: matches are told by them."""
    ids = Counter(plain_id(item.get("id")) for item in items)
    if ids[0]:
        notes.add(path, "its id is 0: pycocotools never finds it, here it counts", "id 0")
    for value, count in ids.items():
        if value is not None and count > 1:
            reason = "its id is there already: pycocotools mixes them up, here both count"
            notes.add(path, reason, f"id {value}", count=count - 1)


def _picture_folders(path: Path, pictures: dict[Id, _Image]) -> list[Path]:
    """Folders in which the pictures may be, that of the first picture first.

    Beside the file or in ``images`` there; of ``annotations/instances_val2017.json`` also above, in
    ``images`` and ``val2017``, as COCO itself and CVAT have it.
    """
    folders = [path.parent, path.parent / "images"]
    if path.parent.name == "annotations":
        above, part = path.parent.parent, path.stem.rpartition("_")[2]
        folders += [above / "images", above / part, above / "images" / part, above]
    first = next(iter(pictures.values()), None)
    likely = [folder for folder in folders if first and (folder / first.name).exists()]
    return likely + [folder for folder in folders if folder not in likely]


def _picture(
    id_: Id, image: _Image, file: Path, rows: Sequence[_Object], names: tuple[str, ...]
) -> LabelledPicture:
    boxes = np.array([row.box for row in rows], np.float64).reshape(-1, 4)
    truth = Detections(
        corners(boxes),
        np.ones(len(rows), np.float32),
        np.array([row.category for row in rows], np.int64),
        class_names=names,
    )
    crowd = np.array([row.crowd for row in rows], np.bool_)
    areas = np.array([row.area for row in rows], np.float64)
    shapes = TrueShapes(
        tuple(row.outline for row in rows) if any(row.outline for row in rows) else (),
        all_keypoints([row.keypoints for row in rows]),
        image.size,
    )
    return LabelledPicture(id_, image.name, file, truth, crowd, areas, shapes)


def corners(boxes: Reals) -> Floats:
    """Corners (N, 4) of boxes (N, 4) as x, y, width, height.

    In double precision, as read, so that overlaps and areas meet thresholds as in pycocotools.
    """
    return cast("Floats", np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1))
