"""Reads what a detector found in labelled pictures: COCO's forms or Sightline's JSON lines."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.class_names import as_written
from sightline.evaluation.pictures.coco_results import (
    as_detections,
    read_coco_file,
    read_coco_results,
)
from sightline.evaluation.pictures.found_shapes import read_shape
from sightline.evaluation.pictures.labels import Dataset, SizeOf
from sightline.evaluation.pictures.picture_names import PictureNames
from sightline.evaluation.pictures.yolo_results import read_yolo_results
from sightline.evaluation.text_files import parse_json, read_text, refuse
from sightline.types import Detections


def read_predictions(
    path: Path, dataset: Dataset, notes: Notes | None = None, size_of: SizeOf | None = None
) -> list[Detections]:
    """The objects of each of the dataset's pictures, in their order.

    Args:
        path: COCO results (a JSON list), a COCO file with scores, JSON lines as
            ``sightline detect`` writes them, or a folder of text files as YOLO's tools do.
        dataset: whose pictures these are. A picture that is not in the file holds nothing.
        notes: what is left out is added.
        size_of: tells the size of a picture, for a folder of text files.

    Raises:
        ConfigError: it cannot be read or is malformed, it tells of other pictures or classes only,
            or a name may mean several pictures; file and line are named.
    """
    return pair_predictions(path, dataset, Notes() if notes is None else notes, size_of)[1]


def pair_predictions(
    path: Path, dataset: Dataset, notes: Notes, size_of: SizeOf | None = None
) -> tuple[Dataset, list[Detections]]:
    """The dataset as the file of results sees it, and the objects of each of its pictures.

    Results that tell pictures and classes by name cannot tell entries of one name apart: the
    dataset that is given back has them joined (``Dataset.by_name``). Otherwise as
    ``read_predictions``.

    Raises ConfigError: it cannot be read, or tells shares of pictures whose size is not known.
    """
    if path.is_dir():
        if size_of is None:
            raise ConfigError(f"{path}: text files hold shares of a picture: its size is needed")
        return dataset, read_yolo_results(path, dataset, size_of, notes)
    text = read_text(path).lstrip()
    content = _whole(text)
    if content is None:
        dataset = dataset.by_name()
        return dataset, read_json_lines(path, dataset, notes)
    if isinstance(content, dict) and "images" in content:
        dataset = dataset.by_name()
        return dataset, read_coco_file(path, dataset, notes)
    return dataset, read_coco_results(path, dataset, notes)


def _whole(text: str) -> Any:
    """The content of a JSON document; None where it is one of several lines, or none at all."""
    if text.startswith("["):
        return []
    try:
        content = parse_json(text)
    except json.JSONDecodeError:
        return None
    return None if isinstance(content, dict) and "stream" in content else content


def read_json_lines(path: Path, dataset: Dataset, notes: Notes) -> list[Detections]:
    """Read JSON lines; see ``read_predictions``.

    ``stream`` names the picture: as the dataset calls it, or by enough of its path to be the only
    one. Objects of classes that the dataset does not have are left out and noted.
    """
    names = PictureNames([picture.name for picture in dataset.pictures])
    classes = {name: i for i, name in enumerate(dataset.class_names)}
    found = [Detections.empty(dataset.class_names)] * len(dataset.pictures)
    lines: dict[int, int] = {}
    seen: Counter[str] = Counter()
    written: dict[str, str] = {}
    unknown: str | None = None
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        item = _parse(path, number, line)
        name = str(item["stream"])
        place = names.by_name(name)
        if place is None:
            unknown = (
                unknown or f"{path}:{number}: picture {name!r:.500} is not in the ground truth"
            )
            notes.add(path, "left out, the picture is not in the ground truth", number)
            continue
        if place in lines:
            refuse(path, number, f"picture {name!r} is in line {lines[place]} already")
        lines[place] = number
        rows = [_read_object(path, number, o) for o in item["objects"]]
        new = [name for name in dict.fromkeys(c for _, _, c in rows) if name not in written]
        written |= dict(zip(new, as_written(new, dataset.class_names, notes), strict=True))
        rows = [(box, score, written[name]) for box, score, name in rows]
        seen.update(class_name for _, _, class_name in rows)
        known = [(np.array(box), score, classes[c]) for box, score, c in rows if c in classes]
        told = [
            read_shape(o)
            for o, (_, _, c) in zip(item["objects"], rows, strict=True)
            if c in classes
        ]
        found[place] = as_detections(known, dataset.class_names, told)
    if unknown and not lines:
        raise ConfigError(unknown)
    _note_other_classes(path, seen, dataset, notes)
    return found


def _note_other_classes(path: Path, seen: Counter[str], dataset: Dataset, notes: Notes) -> None:
    """Note the classes that the dataset does not have. Raises ConfigError: it has none of them."""
    others = sorted(seen.keys() - set(dataset.class_names))
    if seen and len(others) == len(seen):
        raise ConfigError(
            f"{path}: none of its classes ({', '.join(others[:6])}) is in the ground truth "
            f"({', '.join(dataset.class_names[:6])}): the names must agree"
        )
    for name in others:
        notes.add(
            path, "left out, a class that the ground truth does not have", name, count=seen[name]
        )


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        item = parse_json(line)
    except json.JSONDecodeError as exc:
        refuse(path, number, f"this is not JSON: {exc.msg}")
    if not isinstance(item, dict) or "stream" not in item:
        refuse(path, number, "this is no line of `sightline detect`: it has no stream")
    if not isinstance(item.get("objects"), list):
        refuse(path, number, "this is no line of `sightline detect`: it has no list of objects")
    return item


def _read_object(path: Path, number: int, item: object) -> tuple[list[float], float, str]:
    match item:
        case {"box": [*box], "score": score, "class": str(name)}:
            values = [*box, score]
        case _:
            refuse(path, number, f"an object needs box, score and class: {json.dumps(item)[:80]}")
    if len(values) != 5 or not all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in values
    ):
        refuse(path, number, f"a box is four numbers and a score is one, not {values}")
    return [float(v) for v in box], float(score), name
