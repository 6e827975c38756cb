"""Hard frames as tools for labelling import them, with the model's detections as labels to correct.

Label Studio: tasks in its JSON, with predictions (labelstud.io/guide/predictions). CVAT: an archive in its form
"Ultralytics YOLO Detection 1.0" (docs.cvat.ai, formats), which is imported as a dataset. COCO: one JSON file (Lin et al.
2014).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from sightline.errors import SourceError
from sightline.runtime.hard_frames.folder import PreLabel, PreLabelledPicture, pre_labelled_pictures
from sightline.types import JsonObject
from sightline.whole_files import move_into_place, scratch_beside, sink_error, write_whole

LOCAL_FILES = "/data/local-files/?d="
"""How Label Studio calls files below the folder that it serves (LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT)."""


def write_label_file(folder: Path, kind: str, output: Path, images_at: str = LOCAL_FILES) -> int:
    """Write the hard frames of a folder, and return how many they are.

    Args:
        folder: what ``HardFrameFolder`` has written.
        kind: one of ``LABEL_FILES``.
        output: the file. With ``label-studio``, ``NAME.xml`` beside it is the labelling interface.
        images_at: what Label Studio finds the pictures at, before their names.

    Raises:
        SourceError: there are no hard frames.
        SinkError: the file cannot be written.
    """
    pictures = list(pre_labelled_pictures(folder))
    LABEL_FILES[kind](folder, pictures, output, images_at)
    return len(pictures)


def _label_studio(
    folder: Path, pictures: Sequence[PreLabelledPicture], output: Path, images_at: str
) -> None:
    tasks = [_task(one, images_at) for one in pictures]
    write_whole(output.with_suffix(".xml"), _interface(_classes(folder)).encode())
    write_whole(output, json.dumps(tasks, indent=1).encode())


def _task(picture: PreLabelledPicture, images_at: str) -> JsonObject:
    """A task with one prediction. Tools sort by its score: the lowest is the hardest."""
    results = [_result(picture, number, one) for number, one in enumerate(picture.objects)]
    return {
        "data": {"image": images_at + quote(picture.file.name)},
        "predictions": [
            {
                "model_version": picture.model,
                "score": round(1 - picture.hardness, 4),
                "result": results,
            }
        ],
    }


def _result(picture: PreLabelledPicture, number: int, one: PreLabel) -> JsonObject:
    """A rectangle, its sides in percent of the picture's."""
    left, top, right, bottom = _inside(picture, one)
    return {
        "id": f"object-{number}",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": picture.width,
        "original_height": picture.height,
        "image_rotation": 0,
        "score": one.score,
        "value": {
            "x": 100 * left / picture.width,
            "y": 100 * top / picture.height,
            "width": 100 * (right - left) / picture.width,
            "height": 100 * (bottom - top) / picture.height,
            "rotation": 0,
            "rectanglelabels": [one.class_name],
        },
    }


def _interface(classes: Sequence[str]) -> str:
    labels = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in classes)
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        f'  <RectangleLabels name="label" toName="image">\n{labels}  </RectangleLabels>\n</View>\n'
    )


def _cvat(folder: Path, pictures: Sequence[PreLabelledPicture], output: Path, _: str) -> None:
    classes = _classes(folder)
    names = "".join(f"  {number}: {json.dumps(name)}\n" for number, name in enumerate(classes))
    listed = "".join(f"images/train/{one.file.name}\n" for one in pictures)
    with scratch_beside(output) as scratch:
        made = scratch / output.name
        try:
            with zipfile.ZipFile(made, "w") as archive:  # pictures are compressed already
                archive.writestr("data.yaml", f"path: ./\ntrain: train.txt\nnames:\n{names}")
                archive.writestr("train.txt", listed)
                for one in pictures:
                    labels = folder / "labels" / f"{one.file.stem}.txt"
                    archive.write(labels, f"labels/train/{labels.name}")
                    archive.write(one.file, f"images/train/{one.file.name}")
        except OSError as exc:
            raise sink_error(output, exc) from exc
        move_into_place(made, output)


def _coco(folder: Path, pictures: Sequence[PreLabelledPicture], output: Path, _: str) -> None:
    ids = {name: number for number, name in enumerate(_classes(folder))}
    annotations: list[JsonObject] = []
    for image_id, picture in enumerate(pictures, 1):
        for one in picture.objects:
            left, top, right, bottom = _inside(picture, one)
            box = [round(v, 2) for v in (left, top, right - left, bottom - top)]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": ids[one.class_name],
                    "bbox": box,
                    "area": round(box[2] * box[3], 2),
                    "iscrowd": 0,
                    "score": one.score,
                }
            )
    images = [
        {"id": number, "file_name": one.file.name, "width": one.width, "height": one.height}
        for number, one in enumerate(pictures, 1)
    ]
    categories = [{"id": number, "name": name} for name, number in ids.items()]
    told = {"images": images, "annotations": annotations, "categories": categories}
    write_whole(output, json.dumps(told).encode())


def _inside(picture: PreLabelledPicture, one: PreLabel) -> tuple[float, float, float, float]:
    left, top, right, bottom = one.box
    width, height = picture.width, picture.height
    return max(0.0, left), max(0.0, top), min(width, right), min(height, bottom)


def _classes(folder: Path) -> list[str]:
    """The names of the classes, by number. Raises SourceError."""
    try:
        return (folder / "classes.txt").read_text().splitlines()
    except OSError as exc:
        raise SourceError(f"{folder / 'classes.txt'}: {exc.strerror}") from exc


LABEL_FILES: Mapping[str, Callable[[Path, Sequence[PreLabelledPicture], Path, str], None]] = {
    "label-studio": _label_studio,
    "cvat": _cvat,
    "coco": _coco,
}
"""The forms by name."""
