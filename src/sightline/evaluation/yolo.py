"""Reads labels in YOLO's layout: a text file for each picture.

``images/a.jpg`` goes with ``labels/a.txt``, and folders below ``images`` with the same below
``labels``. A line is ``class cx cy width height``, or ``class x y x y x y …`` for an outline, in
shares of the picture's sides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.labels import Dataset, LabelledPicture, SizeOf
from sightline.evaluation.text_files import read_text, refuse
from sightline.types import Detections, Floats

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})

_NAMES_FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")

_SLACK = 1e-3
"""How far out of the picture a rounded label may lie, in shares of its side."""


def read_yolo(
    folder: Path, size_of: SizeOf, *, images: Path | None = None, class_names: Sequence[str] = ()
) -> Dataset:
    """Read a folder with ``labels`` and ``images`` in it.

    Args:
        folder: its ``data.yaml``, or that of the folder above, names the classes.
        size_of: tells the size of a picture.
        images: the pictures, where they are not in ``images``.
        class_names: the classes where no ``data.yaml`` names them.

    Raises:
        ConfigError: a folder is missing, a line is malformed, a class has no name, or a label has
            no picture; file and line are named.

    A picture without a label file holds no object. Pictures are in the order of their paths.
    """
    labels = folder / "labels"
    images = images or folder / "images"
    for place in (labels, images):
        if not place.is_dir():
            raise ConfigError(
                f"{folder} is no YOLO folder: there is no {place}. Give a folder with images and "
                "labels in it, or a COCO JSON file"
            )
    names = _class_names(folder) or tuple(class_names)
    files = sorted(p for p in images.rglob("*") if p.suffix.lower() in SUFFIXES)
    pictures = []
    wanted = {p.relative_to(labels).with_suffix("") for p in labels.rglob("*.txt")}
    for number, path in enumerate(files, 1):
        name = path.relative_to(images)
        label = labels / name.with_suffix(".txt")
        wanted.discard(name.with_suffix(""))
        truth = _read_labels(label, size_of(path), names) if label.exists() else None
        pictures.append(_picture(number, name.as_posix(), path, truth, names))
    if wanted:
        raise ConfigError(
            f"{labels / min(wanted)}.txt has no picture in {images}: add it, or remove the label"
        )
    if not pictures:
        raise ConfigError(f"{images} holds no pictures")
    return Dataset(names, tuple(pictures), tuple(range(len(names))))


def _picture(
    number: int, name: str, path: Path, truth: Detections | None, names: tuple[str, ...]
) -> LabelledPicture:
    truth = Detections.empty(names) if truth is None else truth
    sides = (truth.boxes[:, 2:] - truth.boxes[:, :2]).astype(np.float64)
    return LabelledPicture(
        number, name, path, truth, np.zeros(len(truth), np.bool_), sides[:, 0] * sides[:, 1]
    )


def _read_labels(path: Path, size: tuple[int, int], names: tuple[str, ...]) -> Detections:
    boxes: list[Floats] = []
    class_ids: list[int] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        values = _values(path, number, line)
        class_id = int(values[0])
        if class_id != values[0] or not 0 <= class_id < len(names):
            refuse(path, number, f"class {values[0]:g} has no name: there are {len(names)} names")
        boxes.append(_box(values[1:]))
        class_ids.append(class_id)
    scale = np.array(size * 2, np.float64)
    return Detections(
        (np.array(boxes, np.float64).reshape(-1, 4) * scale).astype(np.float32),
        np.ones(len(boxes), np.float32),
        np.array(class_ids, np.int64),
        class_names=names,
    )


def _values(path: Path, number: int, line: str) -> list[float]:
    try:
        values = [float(word) for word in line.split()]
    except ValueError as exc:
        refuse(path, number, f"this is not a row of numbers: {exc}")
    if len(values) != 5 and (len(values) < 7 or len(values) % 2 == 0):
        refuse(
            path,
            number,
            f"{len(values)} numbers: a box is `class cx cy width height`, an outline is "
            "`class x y x y x y …`",
        )
    for value in values[1:]:
        if not (math.isfinite(value) and -_SLACK <= value <= 1 + _SLACK):
            refuse(path, number, f"{value:g} is no share of a side: it must be from 0 to 1")
    return values


def _box(values: list[float]) -> Any:
    """Corners (4,) of a box by centre and size, or of the box around an outline."""
    if len(values) == 4:
        centre, half = np.array(values[:2]), np.array(values[2:]) / 2
        return np.concatenate((centre - half, centre + half))
    points = np.array(values).reshape(-1, 2)
    return np.concatenate((points.min(axis=0), points.max(axis=0)))


def _class_names(folder: Path) -> tuple[str, ...]:
    """What ``data.yaml`` calls the classes; nothing where there is no such file."""
    import yaml

    for path in (parent / name for parent in (folder, folder.parent) for name in _NAMES_FILES):
        if not path.exists():
            continue
        try:
            content = yaml.safe_load(read_text(path))
        except yaml.YAMLError as exc:
            mark = getattr(exc, "problem_mark", None)
            refuse(path, mark.line + 1 if mark else 1, f"this is not YAML: {exc}")
        names = content.get("names") if isinstance(content, dict) else None
        if isinstance(names, dict) and sorted(names) == list(range(len(names))):
            names = [names[i] for i in range(len(names))]
        if not isinstance(names, list) or not names:
            refuse(path, "names", "give a list of class names, or a mapping from 0, 1, 2 … to them")
        if len({str(name) for name in names}) != len(names):
            refuse(path, "names", "two classes have the same name: rename one")
        return tuple(str(name) for name in names)
    return ()
