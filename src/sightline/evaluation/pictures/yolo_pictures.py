"""Finds the pictures of a YOLO dataset, and the label file of each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.yolo_yaml import SPLITS, Description
from sightline.evaluation.text_files import read_text
from sightline.media_suffixes import PICTURES, UNREAD_PICTURES

LISTS = frozenset(
    {"classes.txt", "predefined_classes.txt", "labels.txt", "train.txt", "val.txt", "test.txt"}
)
_NO_DATA = frozenset({"__MACOSX"})


class PictureFile(NamedTuple):
    """A picture, what the dataset calls it, and where its labels would be."""

    name: str
    path: Path
    labels: Path


def pictures_below(folder: Path, labels: Path | None, notes: Notes) -> list[PictureFile]:
    """All pictures in a folder and in those below it, in the order of their paths.

    ``labels`` is the folder that mirrors it; None: see ``label_path``. Hidden files, as macOS makes
    them for itself (``._0.jpg``), are left out and noted.
    """
    found = []
    for path in files_below(folder):
        suffix = path.suffix.lower()
        if suffix not in PICTURES and suffix not in UNREAD_PICTURES:
            continue
        name = path.relative_to(folder)
        if is_hidden(name):
            notes.add("images", "left out, a hidden file", name.as_posix())
            continue
        if suffix in UNREAD_PICTURES:
            notes.add("images", f"left out, {suffix} is not read", name.as_posix())
            continue
        where = labels / name.with_suffix(".txt") if labels else label_path(path)
        found.append(PictureFile(name.as_posix(), path, where))
    return found


def files_below(folder: Path) -> list[Path]:
    """All files in a folder and those below it, in the order of their paths; links are followed."""
    found: list[Path] = []
    seen: set[Path] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = Path(root).resolve()
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        found += [Path(root) / name for name in names]
    return sorted(found)


def inner_folder(folder: Path, name: str) -> Path:
    """The folder of this name in another, whatever its letters' case: ``Images``."""
    exact = folder / name
    if exact.is_dir() or not folder.is_dir():
        return exact
    alike = [p for p in sorted(folder.iterdir()) if p.name.lower() == name and p.is_dir()]
    return alike[0] if alike else exact


def is_hidden(name: Path) -> bool:
    """Whether a path below a folder is no data but what a system keeps for itself."""
    return any(part.startswith(".") or part in _NO_DATA for part in name.parts)


def label_path(picture: Path) -> Path:
    """Where Ultralytics looks for the labels: the last ``images`` in the path becomes ``labels``.

    Otherwise they are beside the picture, or in ``labels`` beside it.
    """
    parts = list(picture.parts)
    for i in range(len(parts) - 2, -1, -1):
        if parts[i].lower() == "images":
            labels = inner_folder(Path(*parts[:i]), "labels")
            mirrored = labels.joinpath(*parts[i + 1 :]).with_suffix(".txt")
            beside = picture.with_suffix(".txt")
            return beside if not mirrored.exists() and beside.exists() else mirrored
    beside = picture.with_suffix(".txt")
    in_labels = picture.parent / "labels" / beside.name
    return in_labels if in_labels.exists() and not beside.exists() else beside


def choose_split(described: Description, split: str | None) -> str:
    """The split that is scored. Raises ConfigError where there is no such one."""
    wanted = (split,) if split else SPLITS
    aliases = {"val": ("val", "valid", "validation")}
    for name in wanted:
        for alias in aliases.get(name, (name,)):
            if alias in described.splits:
                return alias
    there = ", ".join(described.splits) or "none"
    raise ConfigError(f"{described.path}: there is no split {split or 'val'}: there are {there}")


def pictures_of_split(described: Description, split: str, notes: Notes) -> list[PictureFile]:
    """The pictures of a split: of folders, of lists (``.txt``), or single ones.

    Raises ConfigError where a path of it is not there.
    """
    found: list[PictureFile] = []
    for entry in described.splits[split]:
        place = _place(described, entry)
        if place is None:
            raise ConfigError(
                f"{described.path}:{split}: {entry} is not there, from {described.path.parent}: "
                "correct `path` or the path of the split"
            )
        if place.is_dir():
            found += pictures_below(place, None, notes)
        elif place.suffix.lower() == ".txt":
            found += _listed(described, place, notes)
        else:
            found.append(PictureFile(place.name, place, label_path(place)))
    return found


def _roots(described: Description) -> Iterator[Path]:
    """Folders that paths may be relative to: that of `path`, and, as files move, the YAML's own."""
    here = described.path.parent
    if described.root:
        root = PurePosixPath(described.root.replace("\\", "/"))
        yield here / root
        yield Path(root)
        yield here / root.name
        # Where Ultralytics keeps datasets: beside the project.
        yield here / "datasets" / root
        yield here.parent / "datasets" / root
    yield here
    yield here.parent


def _place(described: Description, entry: str) -> Path | None:
    text = entry.strip().replace("\\", "/")
    climbed = text
    while climbed.startswith(("../", "./")):  # Roboflow's lead out of the folder that they are in
        climbed = climbed.partition("/")[2]
    for root in _roots(described):
        for relative in (text, climbed):
            for end in ("", "/images"):
                place = root / (relative.rstrip("/") + end)
                if place.is_file() or (place.is_dir() and _holds_pictures(place)):
                    return place
    tails = PurePosixPath(climbed).parts
    for start in range(1, len(tails)):  # a path of another machine
        for root in _roots(described):
            place = root.joinpath(*tails[start:])
            if place.is_file() or (place.is_dir() and _holds_pictures(place)):
                return place
    return None


def _holds_pictures(folder: Path) -> bool:
    return any(path.suffix.lower() in PICTURES for path in files_below(folder))


def _listed(described: Description, file: Path, notes: Notes) -> list[PictureFile]:
    """The pictures that a list names, one a line."""
    found: list[PictureFile] = []
    missing: str | None = None
    roots = [file.parent, *_roots(described)]
    for number, line in enumerate(read_text(file).splitlines(), 1):
        name = line.strip().replace("\\", "/")
        if not name:
            continue
        path = _listed_path(name, roots)
        if path is None:
            notes.add(file, "left out, the picture is not there", number)
            missing = missing or f"{file}:{number}: {name} is not there"
            continue
        while name.startswith(("./", "../")):
            name = name.partition("/")[2]
        found.append(PictureFile(name.lstrip("/"), path, label_path(path)))
    if missing and not found:
        raise ConfigError(f"{missing}: paths are relative to {file.parent}")
    return found


def _listed_path(name: str, roots: Sequence[Path]) -> Path | None:
    parts = PurePosixPath(name).parts
    for start in range(len(parts)):
        for root in roots:
            if (path := root.joinpath(*parts[start:])).is_file():
                return path
    return None


def list_of_pictures(file: Path, notes: Notes) -> list[PictureFile]:
    """The pictures of a list that is itself the truth. Raises ConfigError if none is there."""
    return _listed(Description(file, "", (), None, {}), file, notes)


def stray_labels(labels: Path, used: set[Path]) -> list[Path]:
    """Text files below a folder of labels that belong to no picture, lists of names aside."""
    return [
        path
        for path in files_below(labels)
        if path.suffix.lower() == ".txt"
        and path not in used
        and path.name not in LISTS
        and not is_hidden(path.relative_to(labels))
    ]
