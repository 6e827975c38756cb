"""Reads labelled pictures, whatever the form of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sightline.evaluation.coco import read_coco
from sightline.evaluation.labels import Dataset, SizeOf
from sightline.evaluation.yolo import read_yolo


def read_dataset(
    path: Path, size_of: SizeOf, *, images: Path | None = None, class_names: Sequence[str] = ()
) -> Dataset:
    """Read a COCO JSON file, or a folder in YOLO's layout.

    Args:
        path: the file or the folder.
        size_of: YOLO's boxes are shares of a picture, so its size is needed.
        images: the folder of the pictures, where they are not beside the labels.
        class_names: of a YOLO folder that does not name its classes.

    Raises:
        ConfigError: there is nothing there, or it is malformed; file and line are named.
    """
    if path.is_dir():
        return read_yolo(path, size_of, images=images, class_names=class_names)
    return read_coco(path, images=images)
