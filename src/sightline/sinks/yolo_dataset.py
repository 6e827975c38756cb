"""A dataset as YOLO's tools have it: pictures, a text file of labels for each, and the names of the classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sightline.errors import SinkError
from sightline.foreign_files.yaml_text import read_yaml
from sightline.imaging.picture_files import encoded
from sightline.sinks.files import locked_folder
from sightline.sinks.yolo_shapes import yolo_lines
from sightline.types import Detections, Frame
from sightline.whole_files import OutputGuard, make_folder, sink_error, writable_folder, write_whole

_HEAD = "# Written by Sightline. The pictures belong into `images`, beside `labels`.\n"
"""Begins our data.yaml: a folder whose own says something else holds labels of somebody else."""
_PICTURE_QUALITY = 95
"""The quality of JPEG files: models are trained with these pictures."""


class YoloDataset:
    """Writes ``labels/NAME.txt``, and ``images/NAME.jpg`` where that is wanted. Whole files only, also after a kill.

    Args:
        folder: made where it is missing. ``data.yaml`` and ``classes.txt`` in it name the classes.
        scores: each line has the score behind the box, and the track id behind that.
        pictures: each frame's own picture is written too, without boxes.
    """

    def __init__(
        self, folder: Path, *, scores: bool, pictures: bool, guard: OutputGuard | None = None
    ) -> None:
        self._folder = folder
        self._scores, self._pictures, self._guard = scores, pictures, guard
        self._classes = 0

    def check(self) -> None:
        """Refuse a folder of labels that are not from here: they may be somebody's ground truth.

        Raises SinkError.
        """
        description = self._folder / "data.yaml"
        try:
            labels = not description.is_file() and any(
                file.exists()
                for file in (
                    self._folder / "classes.txt",
                    *(self._folder / "labels").rglob("*.txt"),
                )
            )
            # Looked at again: another sink, which writes it first, may have begun just now.
            if description.is_file():
                ours = description.read_text(encoding="utf-8", errors="replace").startswith(_HEAD)
            else:
                ours = not labels
        except OSError as exc:
            raise sink_error(self._folder, exc) from exc
        if not ours:
            raise SinkError(
                f"cannot write {self._folder}: labels that Sightline did not write are in it: "
                "choose another folder"
            )

    def open(self) -> None:
        """Make the folders. Raises SinkError."""
        writable_folder(self.labels)
        if self._pictures:
            writable_folder(self._folder / "images")

    @property
    def labels(self) -> Path:
        """The folder of labels."""
        return self._folder / "labels"

    def picture(self, name: str) -> Path:
        """The file of a picture."""
        return self._folder / "images" / f"{name}.jpg"

    def label(self, name: str) -> Path:
        """The file of its labels."""
        return self.labels / f"{name}.txt"

    def write(self, name: str, frame: Frame, found: Detections) -> None:
        """Write the files of one frame, labels first: a picture without would mean that nothing is in it.

        Raises SinkError.
        """
        lines = yolo_lines(found, frame.width, frame.height, scores=self._scores)
        data = None
        if self._pictures:
            data = encoded(frame.image, ".jpg", _PICTURE_QUALITY)
        write_whole(self.label(name), "".join(lines).encode(), guard=self._guard)
        if data is not None:
            write_whole(self.picture(name), data, guard=self._guard)

    def name_classes(self, found: Detections) -> None:
        """Write the class names, once they are known. A class without a name has its number.

        Raises SinkError: that fails, or labels of a model with other classes are there.
        """
        count = max(len(found.class_names), int(found.class_ids.max(initial=-1)) + 1)
        # Somebody may have moved the folder away meanwhile: then this is a new one.
        if count <= self._classes and (self._folder / "data.yaml").is_file():
            return
        names = [" ".join(found.class_name(i).split()) or str(i) for i in range(count)]
        make_folder(self._folder)
        try:
            with locked_folder(self._folder):  # sinks of other streams and processes write it too
                points = None if found.keypoints is None else found.keypoints.shape[1]
                self._describe(names, points)
        except OSError as exc:
            raise sink_error(self._folder, exc) from exc
        self._classes = count

    def _describe(self, names: list[str], points: int | None) -> None:
        """Write what names the classes, unless it is there. Labels of an earlier run stay right."""
        description = self._folder / "data.yaml"
        before: list[str] = []
        if description.is_file():
            try:
                found: Any = read_yaml(description.read_text(encoding="utf-8"))
                before = [str(name) for name in found["names"].values()]
            except (ValueError, KeyError, TypeError, AttributeError) as exc:
                raise SinkError(
                    f"cannot write {self._folder}: its data.yaml does not name the classes: choose another folder"
                ) from exc
        known = min(len(before), len(names))
        if before[:known] != names[:known]:
            raise SinkError(
                f"cannot write {self._folder}: labels of a model with other classes are in it: "
                "choose another folder"
            )
        if known == len(names):
            return
        import yaml

        # Without `path`, Ultralytics looks beside the file.
        text = yaml.safe_dump(
            {
                "train": "images",
                "val": "images",
                **({} if points is None else {"kpt_shape": [points, 3]}),
                "names": dict(enumerate(names)),
            },
            sort_keys=False,
            allow_unicode=True,
            width=1000,
        )
        write_whole(description, (_HEAD + text).encode(), guard=self._guard)
        classes = "".join(f"{n}\n" for n in names).encode()
        write_whole(self._folder / "classes.txt", classes, guard=self._guard)
