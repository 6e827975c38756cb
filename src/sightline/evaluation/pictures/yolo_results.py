"""Reads what a detector found from a folder of text files, as YOLO's tools write them.

A file goes with each picture; a line is ``class cx cy width height score`` in shares of its sides, and of a track its id behind that.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sightline.errors import ConfigError, SourceError
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.class_numbers import ResultRow
from sightline.evaluation.pictures.coco_boxes import Id
from sightline.evaluation.pictures.coco_results import detections
from sightline.evaluation.pictures.labels import Dataset, SizeOf
from sightline.evaluation.pictures.picture_names import PictureNames
from sightline.evaluation.pictures.yolo_lines import UnusableLine, read_values
from sightline.evaluation.pictures.yolo_pictures import LISTS, files_below, is_hidden
from sightline.evaluation.text_files import read_text
from sightline.types import Detections

_BOX, _SCORED, _TRACKED = 5, 6, 7
"""Numbers in a line: of a box, with its score, and with the id of its track."""


def read_yolo_results(
    folder: Path, dataset: Dataset, size_of: SizeOf, notes: Notes
) -> list[Detections]:
    """Read a folder of text files: the objects of each of the dataset's pictures, in their order.

    Args:
        folder: ``a.txt`` goes with the picture ``a.jpg``, whatever folders they are in, where it is
            the only one of its name.
        dataset: whose pictures these are. Class numbers are places in its classes, from 0.
        size_of: tells the size of a picture.
        notes: what is left out is added.

    Raises:
        ConfigError: there is no such file, a file may belong to several pictures, or not one line
            can be used.
    """
    files = [
        path
        for path in files_below(folder)
        if path.suffix.lower() == ".txt" and not is_hidden(path.relative_to(folder))
    ]
    if not files:
        raise ConfigError(f"{folder} holds no text files with results, NAME.txt for each picture")
    names = PictureNames([picture.name for picture in dataset.pictures])
    rows: list[ResultRow] = []
    first: str | None = None
    for file in files:
        name = file.relative_to(folder).with_suffix("").as_posix()
        place = names.by_name(name)
        if place is None:
            if file.name in LISTS:  # it lists classes or pictures
                continue
            notes.add(folder, "left out, no picture goes with the file", file.name)
            first = first or f"{file}: no picture of the ground truth goes with it"
            continue
        size = functools.partial(size_of, dataset.pictures[place].path)
        bad = _read_file(file, place, size, rows, notes)
        first = first or bad
    if first and not rows:
        raise ConfigError(f"{first}. Not one object can be used")
    classes: dict[Id, int] = {i: i for i in range(len(dataset.class_names))}
    return detections(rows, classes, dataset, folder, notes)


def _read_file(
    file: Path,
    place: int,
    size: Callable[[], tuple[int, int]],
    rows: list[ResultRow],
    notes: Notes,
) -> str | None:
    """Add the objects of a file. Returns the first line that was left out, and why."""
    first: str | None = None
    try:
        scale = np.array(size() * 2, np.float64)
    except SourceError as exc:
        notes.add(file, f"left out, its picture cannot be read: {exc}")
        return f"{file}: {exc}"
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip():
            continue
        where = f"{file.name}:{number}"
        try:
            values = np.array(read_values(line))
            tracked = len(values) == _TRACKED and float(values[-1]).is_integer()
            if not (tracked or len(values) in {_BOX, _SCORED}) or not np.isfinite(values).all():
                raise UnusableLine("a line is `class cx cy width height score`")
            if not float(values[0]).is_integer():
                raise UnusableLine(f"class {values[0]:g} is no whole number")
        except UnusableLine as exc:
            notes.add(file.parent, f"left out, {exc}", where)
            first = first or f"{file}:{number}: {exc}"
            continue
        if len(values) == _BOX:
            notes.add(file.parent, "there is no score, 1 is taken", where)
        centre, half = values[1:3], values[3:5] / 2
        box = np.concatenate((centre - half, centre + half)) * scale
        score = float(values[5]) if len(values) > _BOX else 1.0
        rows.append(ResultRow(place, box, score, int(values[0]), where))
    return first
