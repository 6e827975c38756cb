"""Reads labelled pictures, whatever the form of the labels, and scores what was found in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sightline.errors import ConfigError
from sightline.evaluation.detection import DetectionScores, pick_classes
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures import other_labels
from sightline.evaluation.pictures.coco import read_coco
from sightline.evaluation.pictures.labels import Dataset, SizeOf
from sightline.evaluation.pictures.predictions import pair_predictions
from sightline.evaluation.pictures.yolo import read_yolo
from sightline.evaluation.pictures.yolo_pictures import inner_folder
from sightline.evaluation.pictures.yolo_yaml import find_description

_YOLO_SUFFIXES = frozenset({".yaml", ".yml", ".txt"})


def read_dataset(
    path: Path,
    size_of: SizeOf,
    *,
    images: Path | None = None,
    class_names: Sequence[str] = (),
    split: str | None = None,
    notes: Notes | None = None,
) -> Dataset:
    """Read a COCO JSON file, or a dataset in YOLO's layout.

    Args:
        path: the JSON file, or a folder with one and no other labels in it; or a YOLO folder, a
            ``data.yaml`` or a list of pictures.
        size_of: YOLO's boxes are shares of a picture, so its size is needed.
        images: the folder of the pictures, where they are not beside the labels.
        class_names: of a YOLO dataset that does not name its classes.
        split: which part of a YOLO dataset; see ``read_yolo``.
        notes: what is left out is added.

    Raises:
        ConfigError: there is nothing there, or nothing that can be used; file and line are named.
    """
    if images is not None and not images.is_dir():
        raise ConfigError(f"--images {images}: there is no such folder")
    try:
        if path.is_dir() and (inside := _coco_in(path)):
            return read_coco(inside, images=images, notes=notes)
        if path.is_dir() or path.suffix.lower() in _YOLO_SUFFIXES:
            return read_yolo(
                path, size_of, images=images, class_names=class_names, split=split, notes=notes
            )
        return read_coco(path, images=images, notes=notes)
    except ConfigError as exc:
        if (other := other_labels.about(path)) is not None:
            raise ConfigError(other) from exc
        raise


def _coco_in(folder: Path) -> Path | None:
    """The only JSON file of a folder that holds no YOLO labels, as Roboflow and CVAT export it."""
    if inner_folder(folder, "labels").is_dir() or find_description(folder):
        return None
    places = (folder.glob("*.json"), folder.glob("annotations/*.json"))
    files = [file for found in places for file in found if not file.name.startswith(".")]
    return files[0] if len(files) == 1 else None


def score_files(
    truth: Path,
    predictions: Path,
    size_of: SizeOf,
    *,
    images: Path | None = None,
    class_names: Sequence[str] = (),
    split: str | None = None,
    classes: Sequence[str] | None = None,
) -> DetectionScores:
    """Score a file of results against a file or folder of labels.

    Args:
        truth, size_of, images, class_names, split: see ``read_dataset``.
        predictions: see ``read_predictions``.
        classes: only these count, by name.

    Raises:
        ConfigError: see ``read_dataset`` and ``read_predictions``.

    What was left out of either is in the scores' ``notes``.
    """
    notes = Notes()
    dataset = read_dataset(
        truth, size_of, images=images, class_names=class_names, split=split, notes=notes
    )
    pick_classes(classes or (), dataset.by_name().class_names)
    dataset, found = pair_predictions(predictions, dataset, notes, size_of)
    return replace(dataset.score(found, classes), notes=notes.lines())
