"""COCO JSON: pictures, categories and annotations, as labelling tools and evaluations read it."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import math
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sightline.coco import KEYPOINT_NAMES, SKELETON
from sightline.errors import SinkError
from sightline.sinks.files import free_path
from sightline.sinks.lines import CHECK_S, LineFile
from sightline.types import Detections, Label, Observation, OutputRequest, StreamInfo
from sightline.wall_time import utc_text
from sightline.whole_files import OutputGuard, sink_error

_VISIBLE = 0.5
"""The lowest score of a keypoint that can be seen, in COCO's sense."""

_log = logging.getLogger(__name__)


class Categories:
    """The categories of a file: the classes of the first model by their ids, then those of others by name.

    A class of another model has the category of its name; a name that the first model does not know gets
    the class's id where that is free, else the next free one. A class without a name is called by its number.
    """

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        """Name by category id."""
        self._models: dict[tuple[str, ...], dict[int, int]] = {}
        self._keypoints: tuple[str, ...] = ()

    def ids_of(self, found: Detections) -> list[int]:
        """The category id of each object; names of classes and keypoints are remembered."""
        if found.keypoints is not None and not self._keypoints:
            count = found.keypoints.shape[1]
            unnamed = KEYPOINT_NAMES if count == len(KEYPOINT_NAMES) else map(str, range(count))
            self._keypoints = found.keypoint_names or tuple(unnamed)
        known = self._models.get(found.class_names)
        if known is None:
            # A model may have a name twice; those of models before are the same class.
            before = {name: number for number, name in reversed(self.names.items())}
            known = self._models[found.class_names] = {}
            for class_id, name in enumerate(found.class_names):
                known[class_id] = before[name] if name in before else self._free(class_id, name)
        for class_id in set(found.class_ids.tolist()).difference(known):
            known[class_id] = self._free(class_id, found.class_name(class_id))
        return [known[class_id] for class_id in found.class_ids.tolist()]

    def rows(self) -> list[dict[str, object]]:
        """The categories as they stand in a file. Keypoints that nobody names have their number."""
        points: dict[str, object] = {}
        if self._keypoints:
            people = self._keypoints == KEYPOINT_NAMES
            # COCO counts the points of a skeleton from 1.
            lines = [[a + 1, b + 1] for a, b in SKELETON] if people else []
            points = {"keypoints": self._keypoints, "skeleton": lines}
        return [{"id": id_, "name": name, **points} for id_, name in sorted(self.names.items())]

    def _free(self, class_id: int, name: str) -> int:
        number = class_id if self.names.get(class_id, name) == name else max(self.names) + 1
        self.names[number] = name
        return number


class CocoSink:
    """Writes one COCO file (Lin et al. 2014) for all streams of a run.

    Every frame is an image: ``file_name`` is the picture's own name, or ``STREAM/000012`` for frame
    12 of a video, ``date_captured`` its wall-clock time where that is known, and ``clock`` where it
    is from. ``category_id`` is the class id; where streams have models whose classes differ, see
    ``Categories``. ``score`` and, after tracking, ``track_id`` stand
    beside the usual fields of an annotation, and labels as ``attributes`` ({"colour": "red"}), where
    labelling tools such as CVAT have them. Masks are ``segmentation`` (packed run lengths), and
    keypoints are as COCO has them, with names in the categories.

    The format is one JSON object, so there is no valid half of it: rows go to ``PATH.part`` and to
    a temporary file as they come, and ``close`` makes the whole of them. A run that is killed, or
    whose disk is full at the end, leaves no file; JSON lines are for that. Memory does not grow.
    Safe to share between streams.
    """

    def __init__(self, path: str | Path, *, guard: OutputGuard | None = None) -> None:
        self._guard = guard or OutputGuard()
        # Beside the file that a link leads to, where it can be moved to at the end.
        self._path = Path(os.path.realpath(path) if self._guard.follows(path) else path)
        self._part = self._path.with_name(self._path.name + ".part")
        self._lock = threading.Lock()
        self._file: LineFile | None = None
        self._opened = self._reopen = self._rotated = False
        self._checked_at = 0.0
        self.lost = 0
        self._images = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - close() does
        self._videos: set[str] = set()
        self._categories = Categories()
        self._image_count = self._annotation_count = 0
        self._whole = True  # every row that was given is in the files

    def open(self, stream: StreamInfo) -> None:
        """Create the file with the first stream. Raises SinkError."""
        with self._lock:
            if not stream.still:
                self._videos.add(stream.name)
            if self._file is None:
                if self._path.is_dir():
                    raise sink_error(self._path, IsADirectoryError(errno.EISDIR, "a folder"))
                self._begin()

    def write(self, observation: Observation) -> None:
        """Write the annotations of one frame.

        Raises:
            SinkError: it cannot be written, or holds a number that JSON does not know (NaN, infinity).
        """
        frame, found = observation.frame, observation.detections.upright
        if not (np.isfinite(found.boxes).all() and np.isfinite(found.scores).all()):
            raise SinkError(
                f"frame {frame.index} of {frame.stream} cannot be written as JSON: "
                "a box or a score is not a finite number"
            )
        objects = found.to_dict()
        if found.masks is not None:
            for item, area in zip(objects, found.masks.areas.tolist(), strict=True):
                item["area"] = area
        with self._lock:
            if not self._opened:
                raise SinkError(f"cannot write {self._path}: no stream was opened")
            if self._file is None:
                self._begin()
            self._follow()
            assert self._file is not None
            ids = self._categories.ids_of(found)
            self._image_count += 1
            film = frame.stream in self._videos  # a picture carries its own name instead
            image: dict[str, object] = {
                "id": self._image_count,
                "file_name": f"{frame.stream}/{frame.index:06d}" if film else frame.stream,
                "width": frame.width,
                "height": frame.height,
            }
            if frame.utc is not None:
                image |= {"date_captured": utc_text(frame.utc), "clock": frame.clock}
            if observation.predicted:
                image["predicted"] = True
            rows = [
                self._annotation(item, category, observation.labels)
                for item, category in zip(objects, ids, strict=True)
            ]
            whole, self._whole = self._whole, False
            try:
                self._images.write(json.dumps(image) + "\n")
            except OSError as exc:
                raise sink_error(self._path, exc) from exc
            self._file.write("".join(rows))
            self._whole = whole

    def close(self) -> None:
        """Make the file whole. Idempotent. Raises SinkError; it leaves no broken file then."""
        with self._lock:
            if self._file is None or self._images.closed:
                return
            try:
                if self._whole:  # else a write has failed, and said so
                    self._end(free_path(self._path) if self._rotated else self._path)
            except OSError as exc:
                raise sink_error(self._path, exc) from exc
            finally:
                self._images.close()
                self._file.close()
                if not self._file.moved():
                    self._part.unlink(missing_ok=True)

    def reopen(self) -> None:
        """End the file with the next frame, and begin a new one. From any thread."""
        self._reopen = True

    def _begin(self) -> None:
        self._opened = True
        self._file = LineFile(self._part, follow=False, guard=self._guard)
        self._file.write('{"annotations":[\n')
        self._checked_at = time.monotonic()

    def _follow(self) -> None:
        """End the file and begin a new one where that is asked for, or it was removed or renamed."""
        assert self._file is not None
        now = time.monotonic()
        if not self._reopen and now - self._checked_at < CHECK_S:
            return
        self._checked_at = now
        if not (self._reopen or self._file.moved()):
            return
        # What was ended before stays: the new one gets a name of its own.
        try:
            if self._whole:
                self._end(free_path(self._path))
        except OSError as exc:
            raise sink_error(self._path, exc) from exc
        self._file.close()
        self._file = None
        self._images.close()
        self._images = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - close() does
        self._image_count = self._annotation_count = 0
        self._whole, self._reopen, self._rotated = True, False, True
        self._begin()

    def _end(self, path: Path) -> None:
        """Make the file whole at ``path``, or where it was renamed to; a removed one is lost."""
        assert self._file is not None
        moved = self._file.moved()
        if moved and not self._file.kept():
            self.lost += self._image_count
            _log.warning("%s was removed: %d frames are lost", self._part, self._image_count)
            return
        self._finish(self._file)
        self._file.close()
        if not moved:
            with contextlib.suppress(FileNotFoundError):
                self._guard.spare(path, os.lstat(path))
            self._part.replace(path)

    def _annotation(
        self, item: dict[str, Any], category: int, labels: Mapping[int, tuple[Label, ...]]
    ) -> str:
        x1, y1, x2, y2 = item["box"]
        width, height = round(x2 - x1, 2), round(y2 - y1, 2)
        comma = "," if self._annotation_count else ""
        self._annotation_count += 1
        row = {
            "id": self._annotation_count,
            "image_id": self._image_count,
            "category_id": category,
            "bbox": [x1, y1, width, height],
            "area": round(width * height, 2),
            "iscrowd": 0,
            "score": item["score"],
        }
        if "track_id" in item:
            row["track_id"] = item["track_id"]
            if found := labels.get(item["track_id"]):
                row["attributes"] = {label.attribute: label.value for label in found}
        if "parent_id" in item:
            row["parent_id"] = item["parent_id"]
        if "mask" in item:
            row["segmentation"] = item["mask"]
            row["area"] = item["area"]
        if "keypoints" in item:
            points = [_labelled(point) for point in item["keypoints"]]
            row["keypoints"] = [value for point in points for value in point]
            row["num_keypoints"] = sum(point[2] > 0 for point in points)
        return comma + json.dumps(row) + "\n"

    def _finish(self, file: LineFile) -> None:
        file.write('],"images":[\n')
        self._images.seek(0)
        for i, line in enumerate(self._images):
            file.write("," * bool(i) + line)
        file.write(f'],"categories":{json.dumps(self._categories.rows())}}}\n')


def _labelled(point: list[float]) -> tuple[float, float, int]:
    """A keypoint as COCO labels it: 2 is visible, 1 is there but hidden, 0 is not known."""
    x, y, score = point
    # Not a number compares as False, and is not known either.
    if not (score > 0 and math.isfinite(x) and math.isfinite(y)):
        return 0.0, 0.0, 0
    return x, y, 2 if score >= _VISIBLE else 1


def for_output(request: OutputRequest) -> CocoSink:
    """The sink of one output. A file that must stay is not gone on with: the next free name is taken."""
    path = Path(request.path)
    return CocoSink(free_path(path) if request.append else path, guard=request.guard)
