"""Hard frames as tools for labelling import them, with the model's detections as labels to correct.

Label Studio: tasks in its JSON, with predictions (labelstud.io/guide/predictions). CVAT: an archive in its form
"Ultralytics YOLO Detection 1.0" (docs.cvat.ai, formats), which is imported as a dataset. COCO: one JSON file (Lin et al.
2014).
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from sightline.errors import ConfigError, SourceError
from sightline.replaced_files import FileKind, check_replaced
from sightline.runtime.hard_frames.folder import (
    PreLabel,
    PreLabelledPicture,
    class_names,
    pre_labelled_pictures,
)
from sightline.types import JsonObject
from sightline.whole_files import move_into_place, scratch_beside, sink_error, write_whole

LOCAL_FILES = "/data/local-files/?d="
"""How Label Studio calls files below the folder that it serves (LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT)."""


_INTERFACE = FileKind("a labelling interface", re.compile(rb"<View>"))
_JPEG = b"\xff\xd8"
_LABELS = re.compile(rb"[\d\s.eE+-]*")


@dataclass(frozen=True, slots=True)
class LabelForm:
    """How a tool has labels: what writes its file, and how such a file is known."""

    write: Callable[[Path, Sequence[PreLabelledPicture], Path, str], None]
    file: FileKind


def write_label_file(folder: Path, kind: str, output: Path, images_at: str = LOCAL_FILES) -> int:
    """Write the hard frames of a folder, and return how many they are.

    Args:
        folder: what ``HardFrameFolder`` has written.
        kind: one of ``LABEL_FILES``.
        output: the file; an older one of its kind is replaced. With ``label-studio``, ``NAME.xml`` beside it is the
            labelling interface.
        images_at: what Label Studio finds the pictures at, before their names.

    Raises:
        ConfigError: a file of another kind is there.
        SourceError: there are no hard frames, or they are damaged.
        SinkError: the file cannot be written.
    """
    pictures = list(pre_labelled_pictures(folder))
    form = LABEL_FILES[kind]
    check_replaced(output, "--output", form.file)
    form.write(folder, pictures, output, images_at)
    return len(pictures)


def _label_studio(
    folder: Path, pictures: Sequence[PreLabelledPicture], output: Path, images_at: str
) -> None:
    interface = output.with_suffix(".xml")
    if interface == output:
        raise ConfigError(f"--output {output}: the labelling interface is called so: give a .json")
    check_replaced(interface, "--output: the labelling interface", _INTERFACE)
    tasks = [_task(one, images_at) for one in pictures]
    write_whole(interface, _interface(class_names(folder)).encode())
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
    classes = class_names(folder)
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
                    archive.writestr(f"labels/train/{labels.name}", _content(labels))
                    archive.writestr(f"images/train/{one.file.name}", _content(one.file))
        except OSError as exc:
            raise sink_error(output, exc) from exc
        move_into_place(made, output)


def _coco(folder: Path, pictures: Sequence[PreLabelledPicture], output: Path, _: str) -> None:
    annotations: list[JsonObject] = []
    for image_id, picture in enumerate(pictures, 1):
        for one in picture.objects:
            left, top, right, bottom = _inside(picture, one)
            box = [round(v, 2) for v in (left, top, right - left, bottom - top)]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": one.class_id,
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
    categories = [{"id": number, "name": name} for number, name in enumerate(class_names(folder))]
    told = {"images": images, "annotations": annotations, "categories": categories}
    write_whole(output, json.dumps(told).encode())


def _inside(picture: PreLabelledPicture, one: PreLabel) -> tuple[float, float, float, float]:
    left, top, right, bottom = one.box
    width, height = picture.width, picture.height
    return max(0.0, left), max(0.0, top), min(width, right), min(height, bottom)


def _content(path: Path) -> bytes:
    """The bytes of a picture or of its labels; a link may lead to any file, so they are looked at.

    Raises SourceError: it cannot be read, or is something else.
    """
    try:
        found = path.read_bytes()
    except OSError as exc:
        raise SourceError(f"{path}: {exc.strerror}") from exc
    is_ours = found.startswith(_JPEG) if path.suffix == ".jpg" else _LABELS.fullmatch(found)
    if not is_ours:
        what = "picture" if path.suffix == ".jpg" else "file of labels"
        raise SourceError(f"{path}: this is no {what}: remove it, or collect anew")
    return found


LABEL_FILES: Mapping[str, LabelForm] = {
    "label-studio": LabelForm(
        _label_studio, FileKind("tasks of Label Studio", re.compile(rb'\[\s*\{\s*"data":'))
    ),
    "cvat": LabelForm(
        _cvat, FileKind("an archive for CVAT", re.compile(rb"PK\x03\x04.{26}data\.yaml", re.DOTALL))
    ),
    "coco": LabelForm(_coco, FileKind("a COCO file", re.compile(rb'\{\s*"images":'))),
}
"""The forms by name."""
