"""Labels in forms that are not read: which they are, and what makes COCO's or YOLO's form of them."""

from __future__ import annotations

import itertools
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path

READ = "COCO JSON and YOLO's folders, lists and data.yaml are read"

_DATUM = "`datum convert -if {kind} -i {folder} -f coco -o coco_labels` (pip install datumaro)"
_EXPORT = "Export them from there again, as COCO or YOLO"

FORMS: Mapping[str, tuple[str, str]] = {
    "voc": ("Pascal VOC's XML", f"Convert them: {_DATUM.replace('{kind}', 'voc')}"),
    "cvat": ("CVAT's XML", _EXPORT),
    "xml": ("XML", _EXPORT),
    "labelme": (
        "labelme's JSON",
        "Convert them: `labelme2coco {folder}` (pip install labelme2coco)",
    ),
    "kitti": ("KITTI's text", f"Convert them: {_DATUM.replace('{kind}', 'kitti')}"),
    "via": ("JSON of the VGG Image Annotator", _EXPORT),
    "label-studio": ("Label Studio's JSON", _EXPORT),
    "createml": ("Create ML's JSON", _EXPORT),
    "supervisely": ("Supervisely's JSON", _EXPORT),
    "vott": ("VoTT's JSON", _EXPORT),
    "bdd": (
        "the JSON of BDD100K and Scalabel",
        "Convert them: `python -m scalabel.label.to_coco -m det -i {path} -o coco.json`",
    ),
    "csv": ("a table", "Export them again, as COCO or YOLO, from where the table was made"),
    "darknet": (
        "Darknet's .data file",
        "Give the list of pictures that its `valid` names, or their folder",
    ),
    "lines": (
        "Sightline's own JSON lines",
        "They are results: give them as --predictions, and labels as the truth",
    ),
    "picture": ("a picture", "Give the labels: its folder, where they lie beside it"),
    "labels only": ("labels without their pictures", "Give the folder above, which has both"),
}
"""What a form is called, and what to do."""

_MOST_BYTES = 100_000_000
_LOOKED_AT = 50
"""Files of a folder; their order is any."""

_BY_SUFFIX = {".csv": "csv", ".tsv": "csv", ".data": "darknet", ".jsonl": "lines", ".ndjson": "lines",
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"), "picture")}  # fmt: skip

_KITTI_COLUMNS = (15, 16)


def about(path: Path) -> str | None:
    """What labels are that could not be read, and what to do; None where they are of no known form."""
    try:
        form = _of_folder(path) if path.is_dir() else _of_file(path)
    except (OSError, ValueError, RecursionError, ET.ParseError):
        return None  # the reader's own error tells more
    if form is None:
        return None
    name, remedy = FORMS[form]
    return f"{path}: this is {name}; {READ}. {remedy.format(path=path, folder=path if path.is_dir() else path.parent)}"


def _of_folder(folder: Path) -> str | None:
    files = sorted(itertools.islice(folder.rglob("*"), 100_000))
    if any(file.is_dir() and file.name == "labels" for file in files):
        return None  # YOLO's, with a mistake that its reader names
    if folder.name == "labels" and any(file.suffix == ".txt" for file in files):
        return "labels only"
    for suffixes in ({".xml"}, {".json"}, {".txt"}, {".csv"}):
        found = [f for f in files if f.suffix.lower() in suffixes and f.is_file()]
        for file in found[:_LOOKED_AT]:
            if (form := _of_file(file)) is not None:
                return form
    return None


def _of_file(file: Path) -> str | None:
    suffix = file.suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if file.stat().st_size > _MOST_BYTES:
        return None
    readers: Mapping[str, Callable[[Path], str | None]] = {
        ".xml": _of_xml,
        ".json": _of_json,
        ".txt": _of_text,
    }
    return readers[suffix](file) if suffix in readers else None


def _of_xml(file: Path) -> str:
    root = ET.parse(file).getroot()  # noqa: S314 - expat of today refuses bombs; nothing is loaded
    if root.tag == "annotations" and root.find("version") is not None:
        return "cvat"
    return "voc" if root.tag == "annotation" else "xml"


def _of_json(file: Path) -> str | None:
    content = json.loads(file.read_text(encoding="utf-8-sig"))
    if isinstance(content, list):
        return _of_entry(content[0]) if content and isinstance(content[0], dict) else None
    if not isinstance(content, dict) or "images" in content:
        return None
    first = next(iter(content.values()), None)
    return _of_object(content, first if isinstance(first, dict) else {})


def _of_entry(entry: Mapping[str, object]) -> str | None:
    """The form of a list, told by what its first entry has."""
    keys = set(entry)
    if {"image", "annotations"} <= keys:
        return "createml"
    if "data" in keys and keys & {"annotations", "completions", "predictions"}:
        return "label-studio"
    return "bdd" if {"name", "labels"} <= keys else None


def _of_object(content: Mapping[str, object], first: Mapping[str, object]) -> str | None:
    """The form of an object, told by what it has, or by what its first value has."""
    keys = set(content)
    for needed, form in (
        ({"shapes", "imagePath"}, "labelme"),
        ({"_via_img_metadata"}, "via"),
        ({"asset", "regions"}, "vott"),
        ({"objects", "size"}, "supervisely"),
        ({"stream", "frame", "objects"}, "lines"),
    ):
        if needed <= keys:
            return form
    return "via" if {"filename", "regions"} <= set(first) else None


def _of_text(file: Path) -> str | None:
    """KITTI's rows: a word, then 14 or 15 numbers."""
    lines = file.read_text(encoding="utf-8").splitlines()
    parts = lines[0].split() if lines else []
    return "kitti" if len(parts) in _KITTI_COLUMNS and parts[0].isalpha() else None
