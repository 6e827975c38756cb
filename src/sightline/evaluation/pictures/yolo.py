"""Reads labels in YOLO's layout: a text file for each picture.

``images/a.jpg`` goes with ``labels/a.txt``, and folders below ``images`` with the same below
``labels``; ``data.yaml`` names the classes and splits. Datasets are read as people have them: what
cannot be used is left out and noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from sightline.errors import ConfigError, SourceError
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.labels import Dataset, LabelledPicture, SizeOf
from sightline.evaluation.pictures.yolo_label_shapes import label_shapes
from sightline.evaluation.pictures.yolo_lines import LabelLines, read_labels
from sightline.evaluation.pictures.yolo_pictures import (
    PictureFile,
    choose_split,
    inner_folder,
    list_of_pictures,
    pictures_below,
    pictures_of_split,
    stray_labels,
)
from sightline.evaluation.pictures.yolo_yaml import (
    SPLITS,
    Description,
    find_description,
    read_description,
    read_name_list,
    unique,
)
from sightline.evaluation.shapes import TrueShapes
from sightline.types import Detections, Floats


def read_yolo(
    place: Path,
    size_of: SizeOf,
    *,
    images: Path | None = None,
    class_names: Sequence[str] = (),
    split: str | None = None,
    notes: Notes | None = None,
) -> Dataset:
    """Read a dataset of pictures with a label file each.

    Args:
        place: a folder with ``labels`` and ``images`` in it, in one of both orders (``images/val``
            or ``val/images``), or with labels beside the pictures; a ``data.yaml``; or a list of
            pictures (``.txt``). A ``data.yaml`` in the folder, or in the one above, names the
            classes, or else ``classes.txt`` or ``obj.names``.
        size_of: tells the size of a picture.
        images: the pictures, where they are not in ``images``.
        class_names: the classes where no file names them.
        split: which part of the dataset; by default ``val``, or ``test`` or ``train`` where there
            is no other.
        notes: what is left out is added.

    Raises:
        ConfigError: a folder is missing, there are no pictures, or not one label can be used;
            file and line are named.

    A picture without a label file holds no object. Pictures are in the order of their paths.
    """
    notes = Notes() if notes is None else notes
    described = _description(place, notes)
    folder = place if place.is_dir() else place.parent
    labels = inner_folder(folder, "labels")
    files = _files(place, described, images, split, notes)
    if not files:
        raise ConfigError(f"{images or place} holds no pictures")
    written = (described and described.names) or read_name_list(folder) or tuple(class_names)
    names = unique(written)
    key_points = described.key_points if described else None
    pictures, lines = _pictures(files, size_of, names, key_points, notes)
    _check(place, pictures, lines)
    _note_stray(place, labels, {file.labels for file in files}, bool(lines), notes)
    return Dataset(names, tuple(pictures), tuple(range(len(names))), written)


def _pictures(
    files: Sequence[PictureFile],
    size_of: SizeOf,
    names: tuple[str, ...],
    key_points: tuple[int, int] | None,
    notes: Notes,
) -> tuple[list[LabelledPicture], list[LabelLines]]:
    """The pictures that can be read, and the lines of their label files."""
    pictures: list[LabelledPicture] = []
    lines: list[LabelLines] = []
    for number, file in enumerate(files, 1):
        try:
            size = size_of(file.path)
        except SourceError as exc:
            notes.add("images", "left out, the picture cannot be read", f"{file.name}, {exc}")
            continue
        found = None
        if file.labels.is_file():
            found = read_labels(file.labels, len(names), key_points, notes)
            lines.append(found)
        pictures.append(_picture(number, file, found, size, names))
    return pictures, lines


def _description(place: Path, notes: Notes) -> Description | None:
    if place.is_file() and place.suffix.lower() in {".yaml", ".yml"}:
        return read_description(place, notes)
    folder = place if place.is_dir() else place.parent
    if path := find_description(folder):
        return read_description(path, notes)
    # What lies above may be of something else: it may name the classes, and never stops anything.
    above = find_description(folder.resolve().parent)
    try:
        return read_description(above, notes) if above else None
    except ConfigError as exc:
        notes.add("classes", f"not read from the folder above: {exc}")
        return None


def _files(
    place: Path, described: Description | None, images: Path | None, split: str | None, notes: Notes
) -> list[PictureFile]:
    if place.is_file() and place.suffix.lower() == ".txt":
        return list_of_pictures(place, notes)
    if place.is_file() and images:
        return pictures_below(images, None, notes)
    if place.is_file():
        assert described is not None
        return _of_split(described, split, notes)
    own = described if described and described.path.parent == place else None
    if own and own.splits and not images and _has_split(own, split, notes):
        return _of_split(own, split, notes)
    inside = images or inner_folder(place, "images")
    if inside.is_dir():
        return _mirrored(place, inside, images, split, notes)
    return _of_part(place, split, notes) or _beside(place, notes)


def _mirrored(
    place: Path, inside: Path, images: Path | None, split: str | None, notes: Notes
) -> list[PictureFile]:
    """Pictures in ``images``, with their labels in ``labels`` or beside them."""
    labels = inner_folder(place, "labels")
    if split and (inside / split).is_dir():
        return pictures_below(inside / split, labels / split, notes)
    _need_labels(place, inside, images)
    return pictures_below(inside, labels if labels.is_dir() else None, notes)


def _of_part(place: Path, split: str | None, notes: Notes) -> list[PictureFile]:
    """Pictures of the first part that has its own ``images``: ``val/images`` with ``val/labels``."""
    for name in (split,) if split else SPLITS:
        inside = inner_folder(place / name, "images")
        if inside.is_dir():
            notes.add(place, f"only its part {name} is scored")
            return pictures_below(inside, inner_folder(place / name, "labels"), notes)
    return []


def _of_split(described: Description, split: str | None, notes: Notes) -> list[PictureFile]:
    name = choose_split(described, split)
    files = pictures_of_split(described, name, notes)
    scored = described.splits[name]
    others = ", ".join(key for key, paths in described.splits.items() if paths != scored)
    if others and split is None:
        notes.add(described.path, f"only its split {name} is scored, not {others}")
    return files


def _has_split(described: Description, split: str | None, notes: Notes) -> bool:
    """Whether the splits lead anywhere; where the folder was moved about, it is taken as a whole."""
    try:
        return bool(pictures_of_split(described, choose_split(described, split), Notes()))
    except ConfigError as exc:
        if split:
            raise
        notes.add(described.path, f"its splits do not count: {exc}")
        return False


def _need_labels(place: Path, inside: Path, images: Path | None) -> None:
    if inner_folder(place, "labels").is_dir():
        return
    pictures = pictures_below(inside, None, Notes())
    if images is None and any(picture.labels.exists() for picture in pictures):
        return
    raise ConfigError(
        f"{place} is no YOLO folder: there is no {place / 'labels'}. Give a folder with images and "
        "labels in it, a data.yaml, or a COCO JSON file"
    )


def _beside(place: Path, notes: Notes) -> list[PictureFile]:
    """Pictures with their labels beside them, as labelImg and Darknet have them."""
    files = pictures_below(place, None, notes)
    if not any(file.labels.is_file() for file in files):
        raise ConfigError(
            f"{place} is no YOLO folder: there is no {place / 'labels'}, and no picture has labels "
            "beside it. Give a folder with images and labels in it, a data.yaml, or a COCO JSON file"
        )
    return files


def _check(place: Path, pictures: Sequence[LabelledPicture], lines: Sequence[LabelLines]) -> None:
    """Refuse a dataset of which nothing could be used. Raises ConfigError."""
    if not pictures:
        raise ConfigError(f"{place}: not one of its pictures can be read")
    bad = next((found.bad for found in lines if found.bad), None)
    if bad and not any(len(found.boxes) for found in lines):
        raise ConfigError(f"{bad}. Not one of its labels can be used")


def _note_stray(place: Path, labels: Path, used: set[Path], any_label: bool, notes: Notes) -> None:
    """Note label files without a picture. Raises ConfigError where there are no others."""
    if not place.is_dir() or not labels.is_dir():
        return
    stray = stray_labels(labels, used)
    if stray and not any_label:
        raise ConfigError(
            f"{stray[0]} has no picture: add it, or give the folder of the pictures with --images"
        )
    looked_at = {path.parent for path in used}  # other splits have their own
    for path in stray:
        if path.parent in looked_at:
            name = path.relative_to(labels).as_posix()
            notes.add("labels", "left out, no picture goes with the label file", name)


def _picture(
    number: int,
    file: PictureFile,
    found: LabelLines | None,
    size: tuple[int, int],
    names: tuple[str, ...],
) -> LabelledPicture:
    if found is None:
        truth = Detections.empty(names)
    else:
        boxes = found.boxes * np.array(size * 2, np.float64)
        scores = np.ones(len(boxes), np.float32)
        truth = Detections(cast("Floats", boxes), scores, found.class_ids, class_names=names)
    sides = (truth.boxes[:, 2:] - truth.boxes[:, :2]).astype(np.float64).round(9)
    crowd = np.zeros(len(truth), np.bool_)
    areas = sides[:, 0] * sides[:, 1]
    shapes = TrueShapes(size=size) if found is None else label_shapes(found, size)
    return LabelledPicture(number, file.name, file.path, truth, crowd, areas, shapes)
