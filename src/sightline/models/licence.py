"""The licence of a model, as its file says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sightline.errors import ModelError
from sightline.foreign_files.yaml_text import read_yaml
from sightline.models.file import open_model
from sightline.models.graphs import fields

_KEYS = {"license", "licence", "spdx-license-identifier", "license_name"}


def licence_of(path: Path) -> str | None:
    """What the card beside a model file, or else the file itself, says of its licence.

    None where neither says anything, or cannot be read: a list of models must not fail for one.
    """
    return _line(_of_card(path) or _of_file(path))


def _of_card(path: Path) -> str | None:
    try:
        card = read_yaml(path.with_suffix(".yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return _found(card.items()) if isinstance(card, dict) else None


def _of_file(path: Path) -> str | None:
    try:
        if path.suffix.lower() == ".onnx":
            return _found(fields.metadata(path).items())
        return _found(open_model(path).metadata.items()) if path.suffix.lower() == ".xml" else None
    except (OSError, ValueError, ModelError):
        return None


def _found(texts: Iterable[tuple[object, object]]) -> str | None:
    named = (value for key, value in texts if str(key).lower() in _KEYS)
    return next((str(value) for value in named if value), None)


def _line(text: str | None) -> str | None:
    """One line that a terminal can show: files of strangers may hold anything."""
    plain = "".join(c if c.isprintable() else " " for c in text or "")
    return " ".join(plain.split())[:200] or None
