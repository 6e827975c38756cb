"""What exporters write about a model into its file, as fields of a model card."""

from __future__ import annotations

import ast
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sightline.errors import ModelError
from sightline.foreign_files.archives import read_member
from sightline.foreign_files.yaml_text import read_yaml

RTDETR = ("RTDETRDecoder", "rtdetr")
"""How Ultralytics' exports call RT-DETR: by its head, and in older ones by the model."""

TASKS = {
    **dict.fromkeys(("detect", "segment", "pose", "obb"), "a detection model"),
    "classify": "a classifier",
    "embed": "an embedder",
}
"""What models are called by their task; all detectors find boxes, and some more than that."""

DETECTION_TASKS = ("detect", "segment", "pose", "obb")

_MOST_WORDS = 10_000_000
"""Bytes of what a program says of itself; a file from elsewhere may unpack to any size."""

_UNREADABLE = (
    ValueError,
    SyntaxError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)
"""The last two are raised for text that is nested too deeply: a file from elsewhere may hold any."""


def refuse_task(task: str, wanted: Sequence[str], path: Path) -> None:
    """Raise ModelError where a file's task is none of those wanted."""
    if task not in wanted:
        kinds = " or ".join(dict.fromkeys(TASKS[w] for w in wanted))
        remedy = (
            "`sightline classify` names whole pictures with it, `track --classify` tracked objects"
            if task == "classify" and "detect" in wanted
            else "export one of those"
        )
        raise ModelError(f"{path}: this model's task is {task!r}; {kinds} is needed: {remedy}")


def from_metadata(metadata: Mapping[str, str], tasks: Sequence[str], path: Path) -> dict[str, Any]:
    """Fields in the metadata that Ultralytics exports carry (names, stride, task, imgsz), and ours.

    Raises ModelError, which names ``path``: the task is none of ``tasks``, or a word is unreadable.
    """
    found: dict[str, object] = {}
    if "task" in metadata:
        refuse_task(metadata["task"], tasks, path)
        found["task"] = metadata["task"]
    if found.get("task") == "classify" and metadata.get("author") == "Ultralytics":
        found |= {"resize": "centre-crop", "crop": 1.0}  # torchvision's Resize and CenterCrop
    readers: dict[str, tuple[str, Callable[[str], object]]] = {
        "names": ("class_names", _names),
        "stride": ("stride", lambda text: int(float(text))),
        "imgsz": ("size", _width_height),
        "kpt_shape": ("keypoint_shape", _keypoint_shape),
        "kpt_names": ("keypoint_names", _keypoint_names),
        "license": ("licence", str),
        "attributes": ("attributes", json.loads),
        "margin": ("margin", float),
        "resize": ("resize", str),
    }
    for key, (field, read) in readers.items():
        if key in metadata:
            try:
                found[field] = read(metadata[key])
            except _UNREADABLE as exc:
                raise ModelError(
                    f"{path}: the model's metadata {key}={metadata[key]!r:.200} is unreadable"
                ) from exc
    return found


def yaml_metadata(path: Path) -> dict[str, str]:
    """The words of the ``metadata.yaml`` that Ultralytics writes beside its exports; else nothing.

    Raises:
        ModelError: it is Ultralytics' file, but not whole.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return {}
    except OSError as exc:
        raise ModelError(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    if "author: Ultralytics" not in text:
        return {}  # another program's file of this name
    try:
        content = read_yaml(text)
    except ValueError as exc:
        raise ModelError(f"{path}: not whole: {exc}") from exc
    return {str(k): str(v) for k, v in content.items()} if isinstance(content, dict) else {}


def program_metadata(path: Path) -> dict[str, str]:
    """The words that Ultralytics puts into a TorchScript program; nothing of other programs."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((n for n in archive.namelist() if n.endswith("/extra/config.txt")), None)
            if name is None:
                return {}
            content = json.loads(read_member(archive, name, _MOST_WORDS))
    except (OSError, zipfile.BadZipFile, *_UNREADABLE):
        return {}  # the engine says what is wrong with the file
    return {k: str(v) for k, v in content.items()} if isinstance(content, dict) else {}


def told_family(metadata: Mapping[str, str]) -> str | None:
    """The family that Ultralytics' exporter tells of a model, where shapes may leave it open."""
    if metadata.get("author") != "Ultralytics":
        return None
    head, model = RTDETR
    if metadata.get("head") == head or model in metadata.get("description", "").lower():
        return "detr-rows"
    try:
        options = ast.literal_eval(metadata.get("args", "{}"))
    except _UNREADABLE:
        options = {}  # only a hint is lost
    with_nms = isinstance(options, Mapping) and options.get("nms") is True
    head = "end-to-end" if with_nms or metadata.get("end2end") == "True" else "yolov8"
    task = metadata.get("task")
    if task in {"segment", "pose", "obb"}:
        return f"{head}-{task}"
    return head if head == "end-to-end" or metadata.get("head") == "Detect" else None


def _names(text: str) -> object:
    """Names by their ids, which JSON keeps as texts."""
    names = ast.literal_eval(text)
    if isinstance(names, dict) and all(isinstance(k, str) and k.isdecimal() for k in names):
        return {int(k): name for k, name in names.items()}
    return names


def _keypoint_shape(text: str) -> tuple[int, int]:
    """From ``[keypoints, values of each]``."""
    count, each = ast.literal_eval(text)
    return int(count), int(each)


def _keypoint_names(text: str) -> tuple[str, ...]:
    """The names that all classes have for their keypoints, from ``{class id: [name, …]}``; else none."""
    by_class = ast.literal_eval(text)
    lists = {tuple(names) for names in by_class.values()}
    return tuple(map(str, lists.pop())) if len(lists) == 1 else ()


def _width_height(text: str) -> tuple[int, int]:
    """From ``[height, width]``."""
    height, width = ast.literal_eval(text)
    return int(width), int(height)
