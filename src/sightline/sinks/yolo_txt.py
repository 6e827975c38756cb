"""Labels as YOLO's tools have them: a text file for each picture, a line for each object."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path, PurePath

from sightline.errors import SinkError
from sightline.sinks.files import check_folder
from sightline.sinks.yolo_dataset import YoloDataset
from sightline.types import Observation, OutputRequest, StreamInfo
from sightline.whole_files import OutputGuard, safe_name

_log = logging.getLogger(__name__)


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
        self._dataset = YoloDataset(self._folder, scores=scores, pictures=pictures, guard=guard)
        self._append = append
        self._lock = threading.Lock()
        self._streams: dict[str, str] = {}
        self._stills = False
        self._names: dict[str, int] = {}

    def open(self, stream: StreamInfo) -> None:
        """Make the folder. Raises SinkError: that fails, or labels of somebody else are in it."""
        with self._lock:
            if not (self._streams or self._stills):
                self._dataset.check()
            self._dataset.open()
            if stream.still:
                self._stills = True
            elif stream.name not in self._streams:
                self._streams[stream.name] = self._stem(safe_name(stream.name))

    def write(self, observation: Observation) -> None:
        """Write the file of one frame. Raises SinkError."""
        frame, found = observation.frame, observation.detections
        with self._lock:
            name = self._name(frame.stream, frame.index)
            self._dataset.name_classes(found)
        self._dataset.write(name, frame, found)

    def close(self) -> None:
        """Nothing is left to do: every file is whole already."""

    def _stem(self, name: str) -> str:
        """What the names of a stream's files begin with."""
        if not self._append:
            return name
        pattern = re.compile(re.escape(name) + r"(?:-(\d{1,5}))?-\d{6,}\.txt")
        runs = [
            int(m[1] or 1)
            for p in self._dataset.labels.iterdir()
            if (m := pattern.fullmatch(p.name))
        ]
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
