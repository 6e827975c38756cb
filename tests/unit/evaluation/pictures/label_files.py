"""Files of labels, as COCO and YOLO have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def size_of(path: Path) -> tuple[int, int]:
    return (200, 100)


def annotations() -> dict[str, Any]:
    return {
        "images": [{"id": 9, "file_name": "b/x.jpg"}, {"id": 4, "file_name": "a.jpg"}],
        "categories": [{"id": 7, "name": "car"}, {"id": 2, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 7, "bbox": [10, 20, 30, 40], "area": 900},
            {"id": 2, "image_id": 9, "category_id": 2, "bbox": [1, 2, 3, 4], "iscrowd": 1},
        ],
    }


def yolo(folder: Path, labels: dict[str, str], pictures: tuple[str, ...] = ()) -> Path:
    for name in (*pictures, *(f"{label}.jpg" for label in labels)):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for label, text in labels.items():
        path = folder / "labels" / f"{label}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def line(stream: str, *objects: dict[str, Any]) -> str:
    return json.dumps({"stream": stream, "frame": 0, "objects": list(objects)})
