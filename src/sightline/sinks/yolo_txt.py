"""Labels as YOLO's tools have them: a text file for each picture, a line for each object."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path, PurePath

from sightline.errors import SinkError
from sightline.imaging.picture_files import encoded
from sightline.sinks.files import check_folder, locked_folder
from sightline.sinks.yolo_shapes import yolo_lines
from sightline.types import Detections, Observation, OutputRequest, StreamInfo
from sightline.whole_files import OutputGuard, safe_name, sink_error, writable_folder, write_whole

_log = logging.getLogger(__name__)

_HEAD = "# Written by Sightline. The pictures belong into `images`, beside `labels`.\n"
"""Begins our data.yaml: a folder whose own says something else holds labels of somebody else."""


_PICTURE_QUALITY = 95
"""The quality of JPEG files: models are trained with these pictures."""


class YoloTxtSink:
    """Writes ``labels/PICTURE.txt`` for pictures, ``labels/STREAM-000012.txt`` for frame 12 of a stream.

    Args:
        path: the folder, made where it is missing. ``data.yaml`` and ``classes.txt`` in it name the
            classes. Label files of an earlier run are overwritten.
        scores: each line has the score behind the box, and the track id behind that.
        pictures: each frame's own picture is written too, without boxes: ``images/PICTURE.jpg``.
        append: a stream whose labels are there already goes on as ``STREAM-2``.

    A line is ``class cx cy width height``, the box in shares of the picture's sides. Boxes are cut
    off at the border; what has no area then is left out. A frame without objects has an empty file.
    Masks, keypoints and turned boxes are written as Ultralytics has them, see ``yolo_shapes``.
    Whole files only, also after a kill. Safe to share between streams.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        scores: bool = False,
        pictures: bool = False,
        append: bool = False,
        guard: OutputGuard | None = None,
    ) -> None:
        self._folder = Path(path)
        self._labels = self._folder / "labels"
        self._scores = scores
        self._pictures = pictures
        self._append = append
        self._guard = guard
        self._lock = threading.Lock()
        self._streams: dict[str, str] = {}
        self._stills = False
        self._names: dict[str, int] = {}
        self._classes = 0

    def open(self, stream: StreamInfo) -> None:
        """Make the folder. Raises SinkError: that fails, or labels of somebody else are in it."""
        with self._lock:
            if not (self._streams or self._stills):
                self._check()
            writable_folder(self._labels)
            if self._pictures:
                writable_folder(self._folder / "images")
            if stream.still:
                self._stills = True
            elif stream.name not in self._streams:
                self._streams[stream.name] = self._stem(safe_name(stream.name))

    def write(self, observation: Observation) -> None:
        """Write the file of one frame. Raises SinkError."""
        frame, found = observation.frame, observation.detections
        with self._lock:
            name = self._name(frame.stream, frame.index)
            self._name_classes(found)
        lines = yolo_lines(found, frame.width, frame.height, scores=self._scores)
        if self._pictures:
            path = self._folder / "images" / f"{name}.jpg"
            write_whole(path, encoded(frame.image, ".jpg", _PICTURE_QUALITY), guard=self._guard)
        write_whole(self._labels / f"{name}.txt", "".join(lines).encode(), guard=self._guard)

    def close(self) -> None:
        """Nothing is left to do: every file is whole already."""

    def _check(self) -> None:
        """Refuse a folder of labels that are not from here: they may be somebody's ground truth."""
        description = self._folder / "data.yaml"
        try:
            labels = not description.is_file() and any(
                file.exists()
                for file in (self._folder / "classes.txt", *self._labels.rglob("*.txt"))
            )
            # Looked at again: another sink, which writes it first, may have begun just now.
            if description.is_file():
                ours = description.read_text(errors="replace").startswith(_HEAD)
            else:
                ours = not labels
        except OSError as exc:
            raise sink_error(self._folder, exc) from exc
        if not ours:
            raise SinkError(
                f"cannot write {self._folder}: labels that Sightline did not write are in it: "
                "choose another folder"
            )

    def _stem(self, name: str) -> str:
        """What the names of a stream's files begin with."""
        if not self._append:
            return name
        pattern = re.compile(re.escape(name) + r"(?:-(\d{1,5}))?-\d{6,}\.txt")
        runs = [int(m[1] or 1) for p in self._labels.iterdir() if (m := pattern.fullmatch(p.name))]
        return f"{name}-{max(runs) + 1}" if runs else name

    def _name(self, stream: str, index: int) -> str:
        """The name of a frame's file, without its suffix."""
        if stream in self._streams:
            return f"{self._streams[stream]}-{index:06d}"
        if not self._stills:
            raise SinkError(f"cannot write {self._folder}: stream {stream} was not opened")
        # A picture of a still stream carries its own path, below the folder that was given.
        path = PurePath(stream)
        parts = [part for part in path.parts if part not in {"..", path.anchor}]
        name = str(PurePath(*parts).with_suffix("")) if parts else safe_name(stream)
        self._names[name] = count = self._names.get(name, 0) + 1
        if count == 1:
            return name
        again = f"{name}-{count}"
        _log.warning(
            "%s: several pictures are called %s: the labels of one more go to %s.txt",
            self._folder, name, again,
        )  # fmt: skip
        return again

    def _name_classes(self, found: Detections) -> None:
        """Write the class names, once they are known. A class without a name has its number."""
        count = max(len(found.class_names), int(found.class_ids.max(initial=-1)) + 1)
        if count <= self._classes:
            return
        names = [" ".join(found.class_name(i).split()) or str(i) for i in range(count)]
        try:
            with locked_folder(self._folder):  # sinks of other streams and processes write it too
                points = None if found.keypoints is None else found.keypoints.shape[1]
                self._describe(names, points)
        except OSError as exc:
            raise sink_error(self._folder, exc) from exc
        self._classes = count

    def _describe(self, names: list[str], points: int | None) -> None:
        """Write what names the classes, unless it is there. Labels of an earlier run stay right."""
        import yaml

        description = self._folder / "data.yaml"
        before: list[str] = []
        if description.is_file():
            before = list(yaml.safe_load(description.read_text())["names"].values())
        known = min(len(before), len(names))
        if before[:known] != names[:known]:
            raise SinkError(
                f"cannot write {self._folder}: labels of a model with other classes are in it: "
                "choose another folder"
            )
        if known == len(names):
            return
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


def for_output(request: OutputRequest) -> YoloTxtSink:
    """The sink of one output. Raises ConfigError: the folder is named like a file."""
    check_folder(request.path, "--yolo-txt")
    scores = bool(request.options["yolo_scores"])
    pictures = bool(request.options["yolo_pictures"])
    return YoloTxtSink(
        request.path,
        scores=scores,
        pictures=pictures,
        append=request.append,
        guard=request.guard,
    )
