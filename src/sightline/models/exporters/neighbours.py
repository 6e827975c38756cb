"""What the files that deployment tools write beside an exported detector say of its pictures and classes.

PaddleDetection writes ``infer_cfg.yml`` (PaddleX ``inference.yml``), MMDeploy ``pipeline.json``. They
count for models of the tool's own families only: nothing in them is an error, since they may be
another model's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightline.foreign_files.yaml_text import read_yaml

_MOST_BYTES = 10_000_000
"""Bytes of such a file; one from elsewhere may be of any size."""

_CENTRED = ("LetterResize", "YOLOv5KeepRatioResize")
"""MMYOLO's steps that put the picture into the middle of the input."""


@dataclass(frozen=True)
class Neighbour:
    """Fields of the card, and the name of the file that tells them."""

    file: str
    fields: Mapping[str, Any]


def neighbour(model: Path, family: str, classes: int | None) -> Neighbour | None:
    """What a file beside a model says of it, where it is one of this family's tool.

    Args:
        model: the model file.
        family: a key of the table of decoders.
        classes: how many classes the outputs tell. The names of another number are not taken.
    """
    for name, families, read, fields_of in _TOOLS:
        if family in families:
            fields = fields_of(read(model.parent / name))
            names = fields.get("class_names")
            if names and classes not in {None, len(names)}:
                continue  # the file is another model's
            if fields:
                return Neighbour(name, fields)
    return None


def _paddle(content: Mapping[str, object]) -> dict[str, object]:
    """How PaddleDetection feeds a model, and its ``label_list``."""
    steps = {str(step.get("type")): step for step in _mappings(content.get("Preprocess"))}
    if "Resize" not in steps:
        return {}
    found: dict[str, object] = {"order": "rgb"}
    ratio = bool(steps["Resize"].get("keep_ratio"))
    found |= {"resize": "letterbox-top-left", "pad": 0} if ratio else {"resize": "stretch"}
    norm = steps.get("NormalizeImage")
    if norm is None:  # the graph does it
        found |= {"scale": 1.0, **_PLAIN}
    else:
        found |= {"scale": 1 / 255 if norm.get("is_scale", True) else 1.0, **_PLAIN}
        if norm.get("norm_type", "mean_std") == "mean_std":
            found |= _mean_and_std(norm)
    labels = content.get("label_list")
    if isinstance(labels, list) and labels and all(isinstance(n, str | int) for n in labels):
        found["class_names"] = tuple(map(str, labels))
    return found


def _mmdeploy(content: Mapping[str, object]) -> dict[str, object]:
    """How MMDeploy feeds a model."""
    pipeline = content.get("pipeline")
    tasks = _mappings(pipeline.get("tasks") if isinstance(pipeline, Mapping) else None)
    steps = {
        str(step.get("type")): step
        for task in tasks
        if task.get("module") == "Transform"
        for step in _mappings(task.get("transforms"))
    }
    norm = steps.get("Normalize")
    if norm is None:
        return {}
    found: dict[str, object] = {"order": "rgb" if norm.get("to_rgb", True) else "bgr", "scale": 1.0}
    found |= _mean_and_std(norm)
    centred = next((steps[name] for name in _CENTRED if name in steps), None)
    if centred is not None:
        padded = steps.get("LetterResize", centred)
        return found | {"resize": "letterbox", **_pad(padded.get("pad_val"))}
    if "Resize" in steps:
        ratio = bool(steps["Resize"].get("keep_ratio"))
        padding = _pad(steps.get("Pad", {}).get("pad_val", 0))
        found |= {"resize": "letterbox-top-left", **padding} if ratio else {"resize": "stretch"}
    return found


def _pad(value: Any) -> dict[str, int]:
    """The grey level of a border from ``114``, ``[114, 114, 114]`` or ``{"img": …}`` of one of them."""
    if isinstance(value, Mapping):
        value = value.get("img")
    if isinstance(value, list) and value:
        value = value[0]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"pad": int(value)} if number and 0 <= value <= 255 else {}


_PLAIN: Mapping[str, Any] = {"mean": (0.0,) * 3, "std": (1.0,) * 3}


def _mean_and_std(norm: Mapping[str, object]) -> dict[str, tuple[float, ...]]:
    """Mean and deviation of three channels, where both are whole."""
    found: dict[str, tuple[float, ...]] = {}
    for key in ("mean", "std"):
        values = norm.get(key)
        if not isinstance(values, list) or len(values) != 3:
            return {}
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            return {}
        found[key] = tuple(map(float, values))
    return found if min(found["std"]) > 0 else {}


def _mappings(values: object) -> Iterator[Mapping[str, object]]:
    yield from (v for v in (values if isinstance(values, list) else ()) if isinstance(v, Mapping))


def _text(path: Path) -> str | None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _json(path: Path) -> Mapping[str, object]:
    text = _text(path)
    try:
        content = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _yaml(path: Path) -> Mapping[str, object]:
    text = _text(path)
    if text is None or "Preprocess" not in text:
        return {}
    try:
        content = read_yaml(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


_OF_PADDLE = ("paddle", "boxes-and-scores", "picodet-heads", "pp-yoloe-rows")
_OF_MMDEPLOY = ("mmdet", "efficient-nms", "boxes-and-scores")
_TOOLS: tuple[
    tuple[
        str,
        tuple[str, ...],
        Callable[[Path], Mapping[str, Any]],
        Callable[[Mapping[str, Any]], dict[str, Any]],
    ],
    ...,
] = (
    ("infer_cfg.yml", _OF_PADDLE, _yaml, _paddle),
    ("inference.yml", _OF_PADDLE, _yaml, _paddle),
    ("pipeline.json", _OF_MMDEPLOY, _json, _mmdeploy),
)
"""The file, the families of its tool, how it is read and what it says."""

FILES = tuple(name for name, *_ in _TOOLS)
