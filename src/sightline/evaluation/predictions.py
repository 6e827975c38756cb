"""Reads what a detector found in labelled pictures: COCO results or Sightline's JSON lines."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.coco import read_coco_results
from sightline.evaluation.labels import Dataset
from sightline.evaluation.text_files import read_text, refuse
from sightline.types import Detections


def read_predictions(path: Path, dataset: Dataset) -> list[Detections]:
    """The objects of each of the dataset's pictures, in their order.

    Args:
        path: COCO results (a JSON list), or JSON lines as ``sightline detect`` writes them.
        dataset: whose pictures these are. A picture that is not in the file holds nothing.

    Raises:
        ConfigError: it cannot be read or is malformed, or it tells of other pictures or classes;
            file and line are named.
    """
    with_list = read_text(path).lstrip().startswith("[")
    return read_coco_results(path, dataset) if with_list else read_json_lines(path, dataset)


def read_json_lines(path: Path, dataset: Dataset) -> list[Detections]:
    """Read JSON lines; see ``read_predictions``.

    ``stream`` names the picture: as the dataset calls it, or its file name where that is the only
    one of its kind. Objects of classes that the dataset does not have are left out.
    """
    places = _places(dataset)
    classes = {name: i for i, name in enumerate(dataset.class_names)}
    found = [Detections.empty(dataset.class_names)] * len(dataset.pictures)
    lines: dict[int, int] = {}
    seen: Counter[str] = Counter()
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        item = _parse(path, number, line)
        name = str(item["stream"])
        place = places.get(name, places.get(PurePosixPath(name).name))
        if place is None:
            refuse(path, number, f"picture {name!r} is not in the ground truth")
        if place in lines:
            refuse(path, number, f"picture {name!r} is in line {lines[place]} already")
        lines[place] = number
        rows = [_read_object(path, number, o) for o in item["objects"]]
        seen.update(class_name for _, _, class_name in rows)
        found[place] = _detections([r for r in rows if r[2] in classes], classes, dataset)
    if seen and not seen.keys() & classes.keys():
        raise ConfigError(
            f"{path}: none of its classes ({', '.join(sorted(seen)[:6])}) is in the ground truth "
            f"({', '.join(dataset.class_names[:6])}): the names must agree"
        )
    return found


def _places(dataset: Dataset) -> dict[str, int]:
    """Where a picture is in the dataset, by its name, path or file name where that is unique."""
    files = Counter(PurePosixPath(p.name).name for p in dataset.pictures)
    places: dict[str, int] = {}
    for place, picture in enumerate(dataset.pictures):
        file = PurePosixPath(picture.name).name
        if files[file] == 1:
            places[file] = place
        places[str(picture.path)] = place
    return places | {picture.name: place for place, picture in enumerate(dataset.pictures)}


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except json.JSONDecodeError as exc:
        refuse(path, number, f"this is not JSON: {exc.msg}")
    if not isinstance(item, dict) or "stream" not in item:
        refuse(path, number, "this is no line of `sightline detect`: it has no stream")
    if not isinstance(item.get("objects"), list):
        refuse(path, number, "this is no line of `sightline detect`: it has no list of objects")
    return item


def _read_object(path: Path, number: int, item: Any) -> tuple[list[float], float, str]:
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


def _detections(
    rows: list[tuple[list[float], float, str]], classes: dict[str, int], dataset: Dataset
) -> Detections:
    return Detections(
        np.array([box for box, _, _ in rows], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in rows], np.float32),
        np.array([classes[name] for _, _, name in rows], np.int64),
        class_names=dataset.class_names,
    )
