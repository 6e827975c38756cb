"""Pictures in folders that are called by what they show: ``red/1.jpg``, ``blue/2.jpg``, as torchvision reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline.errors import ConfigError
from sightline.media_suffixes import PICTURES

SPLITS = ("val", "valid", "validation", "test", "train")
"""Folders of which the first that is there is read, where nothing else lies in a dataset."""

_MOST_NAMED = 5


@dataclass(frozen=True)
class LabelledFile:
    """A picture's file, and the name of the folder that it lies in."""

    path: Path
    label: str


def read_class_folders(folder: Path) -> list[LabelledFile]:
    """The pictures of all folders in a folder, at any depth below them, in the order of their names.

    Of a dataset in parts (``train``, ``val``, ``test``) one part is read, see ``SPLITS``.

    Raises ConfigError: it is no folder, or no folder in it holds a picture.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: labels of a classifier are a folder with a folder of pictures for each class"
        )
    inner = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    if inner and all(one.name in SPLITS for one in inner):
        parts = {one.name: one for one in inner}
        return read_class_folders(next(parts[name] for name in SPLITS if name in parts))
    found = [
        LabelledFile(path, one.name)
        for one in inner
        for path in sorted(one.rglob("*"))
        if path.suffix.lower() in PICTURES
    ]
    if not found:
        raise ConfigError(
            f"{folder}: no folder in it holds a picture: labels of a classifier are a folder for each class, "
            "such as red/1.jpg and blue/2.jpg"
        )
    return found


def check_known(labels: Sequence[str], names: Sequence[str], where: str) -> None:
    """Raise ConfigError where a label is none of the ``names`` that a model gives; ``where`` they stand."""
    unknown = sorted(set(labels) - set(names))
    if unknown:
        listed = ", ".join(unknown[:_MOST_NAMED]) + (" …" if len(unknown) > _MOST_NAMED else "")
        known = ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")
        raise ConfigError(
            f"{where}: the model names nothing {listed}; it knows {known}: call the folders so, or write "
            "`class_names` into the model's card"
        )
