"""Reads what describes a YOLO dataset: ``data.yaml`` as Ultralytics has it, or a list of names.

https://docs.ultralytics.com/datasets/detect/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.text_files import read_text, refuse
from sightline.foreign_files.yaml_text import YamlTextError, read_yaml
from sightline.types import MOST_CLASSES, JsonObject

_NAMES_FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_NAME_LISTS = ("classes.txt", "labels/classes.txt", "obj.names", "_darknet.labels", "classes.names")

SPLITS = ("val", "valid", "validation", "test", "train")
"""Names of the parts of a dataset, the one that is scored first."""


@dataclass(frozen=True)
class Description:
    """What a file says of a dataset.

    Args:
        path: the file.
        root: the folder that paths are relative to.
        names: of the classes as written, where two may be the same; empty where it does not say.
        key_points: ``kpt_shape``; None: there are none.
        splits: paths of pictures, of folders of them, or of lists of them, by split.
    """

    path: Path
    root: str
    names: tuple[str, ...]
    key_points: tuple[int, int] | None
    splits: dict[str, tuple[str, ...]]


def find_description(folder: Path) -> Path | None:
    """The file that describes a folder, in it: ``data.yaml``, or the only YAML file with names.

    A YAML file of another name that cannot be read describes nothing.
    """
    for name in _NAMES_FILES:
        if (folder / name).is_file():
            return folder / name
    others = [p for pattern in ("*.yaml", "*.yml") for p in sorted(folder.glob(pattern))]
    described = [p for p in others if not p.name.startswith(".") and _has_names(p)]
    return described[0] if len(described) == 1 else None


def read_description(path: Path, notes: Notes) -> Description:
    """Read ``data.yaml``. Raises ConfigError where it is no YAML, or names its classes badly."""
    content = _load(path)
    if not content:
        refuse(path, "names", "give a list of class names, or a mapping from 0, 1, 2 … to them")
    splits = {
        key: tuple(str(part) for part in (value if isinstance(value, list) else [value]))
        for key in SPLITS
        if (value := content.get(key)) not in (None, "", "null", "~")
    }
    return Description(
        path,
        _text(content.get("path")),
        _names(path, content, notes),
        _key_points(path, content.get("kpt_shape")),
        splits,
    )


def read_name_list(folder: Path) -> tuple[str, ...]:
    """The classes that a text file beside the labels names, one a line; none where there is none."""
    for name in _NAME_LISTS:
        for place in (folder, folder.parent):
            if (place / name).is_file():
                lines = (line.strip() for line in read_text(place / name).splitlines())
                return tuple(line for line in lines if line)
    return ()


def _has_names(path: Path) -> bool:
    try:
        return "names" in _load(path)
    except ConfigError:
        return False


def _load(path: Path) -> JsonObject:
    """The content of a YAML file, all scalars as text: ``yes`` is a name, not a boolean."""
    try:
        content = read_yaml(read_text(path), typed=False)
    except YamlTextError as exc:
        refuse(path, exc.line or 1, f"this is not YAML: {exc}")
    return content if isinstance(content, dict) else {}


def _names(path: Path, content: JsonObject, notes: Notes) -> tuple[str, ...]:
    names = content.get("names")
    if isinstance(names, dict):
        if not all(str(key).isdecimal() for key in names):
            refuse(path, "names", "give a list of class names, or a mapping from 0, 1, 2 … to them")
        numbered = {_count(path, "names", key): str(name) for key, name in names.items()}
        missing = [i for i in range(max(numbered, default=-1)) if i not in numbered]
        for number in missing:
            notes.add(path, "a class has no name, its number stands for it", f"class {number}")
        names = [numbered.get(i, str(i)) for i in range(max(numbered, default=-1) + 1)]
    if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
        for name in sorted({str(n).strip() for n in names if names.count(n) > 1}):
            notes.add(
                path, f"several classes are named {name}: the number stands behind the others"
            )
        return tuple(name.strip() for name in names)
    count = content.get("nc")
    if names is None and isinstance(count, str) and count.isdecimal():
        notes.add(path, "classes have no names, their numbers stand for them")
        return tuple(str(i) for i in range(_count(path, "nc", count)))
    if names is not None or not any(key in content for key in SPLITS):
        refuse(path, "names", "give a list of class names, or a mapping from 0, 1, 2 … to them")
    return ()


def _count(path: Path, key: str, text: str) -> int:
    """A number of classes, or of a class: one that is made up would fill the memory with names."""
    if len(text) > len(str(MOST_CLASSES)) or int(text) > MOST_CLASSES:
        refuse(path, key, f"{text:.20}: there can be {MOST_CLASSES} classes at most")
    return int(text)


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """A name of its own for each class: the number stands behind one that is there already."""
    found: list[str] = []
    for number, name in enumerate(names):
        found.append(f"{name} ({number})" if name in found else name)
    return tuple(found)


def _text(value: object) -> str:
    return value if isinstance(value, str) and value not in {"null", "~"} else ""


def _key_points(path: Path, value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    if not (
        isinstance(value, list) and len(value) == 2 and all(str(part).isdecimal() for part in value)
    ):
        refuse(path, "kpt_shape", "give two numbers, such as [17, 3]")
    return int(value[0]), int(value[1])
