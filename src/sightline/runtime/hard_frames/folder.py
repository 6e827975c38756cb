"""A folder of hard frames: a dataset as YOLO has it, and for each picture why it was kept and what was found."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import DecodeError, SinkError, SourceError
from sightline.monitoring.hard_frames.reasons import Reasons, hardness
from sightline.sinks.yolo_dataset import YoloDataset
from sightline.types import Floats, JsonObject, Observation
from sightline.wall_time import read_moment, utc_text
from sightline.whole_files import OutputGuard, sink_error, writable_folder, write_whole

DETAILS = "details"
"""The folder of what is known of each picture."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredFrame:
    """A picture in the folder. ``utc`` is its Unix time, ``size`` bytes of all its files."""

    name: str
    utc: float
    reasons: Reasons
    appearance: Floats
    size: int


@dataclass(frozen=True, slots=True)
class PreLabel:
    """An object that the model has found: the box is x1 y1 x2 y2 in pixels."""

    box: tuple[float, float, float, float]
    class_name: str
    score: float


@dataclass(frozen=True, slots=True)
class PreLabelledPicture:
    """A picture with what was found in it, for a tool in which labels are corrected."""

    file: Path
    width: int
    height: int
    model: str
    hardness: float
    objects: tuple[PreLabel, ...]


class HardFrameFolder:
    """Pictures below ``images``, ``labels`` as YOLO has them, ``details`` as JSON. For one thread.

    It is a whole dataset at any time, also after a kill: the picture is written last and removed first. Files that
    are no picture's details are never removed.

    Args:
        folder: made where it is missing.
        model: what the details call the model.
    """

    def __init__(self, folder: Path, model: str, guard: OutputGuard | None = None) -> None:
        self.folder = folder
        self._model = model
        self._guard = guard
        self._dataset = YoloDataset(folder, scores=False, pictures=True, guard=guard)

    def open(self) -> list[StoredFrame]:
        """Make the folders; what earlier runs have left in them, the oldest first.

        Raises SinkError: they cannot be made, or somebody else's labels are there.
        """
        self._dataset.check()
        self._dataset.open()
        writable_folder(self.folder / DETAILS)
        found = []
        for path in sorted((self.folder / DETAILS).glob("*.json")):
            if not self._dataset.picture(path.stem).exists():  # it was being written, or removed
                self.remove(path.stem)
                continue
            with contextlib.suppress(SourceError):
                found.append(self._stored(path))
        return sorted(found, key=lambda frame: frame.utc)

    def write(
        self, name: str, seen: Observation, utc: float, reasons: Reasons, appearance: Floats
    ) -> StoredFrame:
        """Write a frame with what was found in it.

        Raises SinkError, DecodeError; nothing is left of it then.
        """
        frame, found = seen.frame, seen.detections
        details: JsonObject = {
            "picture": f"{name}.jpg",
            "stream": frame.stream,
            "frame": frame.index,
            "time": round(frame.time, 3),
            "utc": utc_text(utc),
            "width": frame.width,
            "height": frame.height,
            "model": self._model,
            "reasons": {kind: round(value, 3) for kind, value in reasons.items()},
            "objects": found.to_dict(),
            "appearance": base64.b64encode(appearance.astype("<f2").tobytes()).decode(),
        }
        data = json.dumps(details).encode()
        try:
            self._dataset.name_classes(found)
            write_whole(self._details(name), data, guard=self._guard)
            self._dataset.write(name, frame, found)
        except (SinkError, DecodeError):
            with contextlib.suppress(SinkError):
                self.remove(name)
            raise
        return StoredFrame(name, utc, dict(reasons), appearance, self._size(name))

    def remove(self, name: str) -> None:
        """Remove a picture and what belongs to it. Raises SinkError."""
        failure: SinkError | None = None
        for path in (self._dataset.picture(name), self._dataset.label(name), self._details(name)):
            try:
                path.unlink(missing_ok=True)
            except OSError as exc:
                failure = failure or sink_error(path, exc)
        if failure is not None:
            raise failure

    def _details(self, name: str) -> Path:
        return self.folder / DETAILS / f"{name}.json"

    def _size(self, name: str) -> int:
        files = (self._dataset.picture(name), self._dataset.label(name), self._details(name))
        return sum(file.stat().st_size for file in files if file.exists())

    def _stored(self, path: Path) -> StoredFrame:
        """Raises SourceError: these are no details."""
        details = _read(path)
        try:
            utc = read_moment(details["utc"]).timestamp()
            reasons = {kind: float(value) for kind, value in details["reasons"].items()}
            packed = base64.b64decode(details["appearance"])
            appearance = np.frombuffer(packed, "<f2").astype(np.float32)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise SourceError(f"{path}: these are no details of a hard frame: {exc}") from exc
        return StoredFrame(path.stem, utc, reasons, appearance, self._size(path.stem))


def _read(path: Path) -> Mapping[str, Any]:
    """Raises SourceError."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise SourceError(f"{path}: cannot be read: {exc}") from exc
    if not isinstance(found, dict):
        raise SourceError(f"{path}: these are no details of a hard frame")
    return found


def pre_labelled_pictures(folder: Path) -> Iterator[PreLabelledPicture]:
    """The pictures of a folder of hard frames with the model's detections, the hardest first.

    Raises SourceError: it is no such folder, or there is nothing in it.
    """
    found = []
    for path in sorted((folder / DETAILS).glob("*.json")):
        details = _read(path)
        try:
            picture = folder / "images" / str(details["picture"])
            objects = tuple(
                PreLabel(tuple(one["box"]), str(one["class"]), float(one["score"]))
                for one in details["objects"]
            )
            hard = hardness(details["reasons"])
            size = int(details["width"]), int(details["height"])
            one = PreLabelledPicture(picture, *size, str(details["model"]), hard, objects)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise SourceError(f"{path}: these are no details of a hard frame: {exc}") from exc
        if picture.exists():
            found.append(one)
    if not found:
        raise SourceError(
            f"{folder}: there are no hard frames in it: give a folder that `sightline collect` or "
            "`collect:` of a stream has written"
        )
    return iter(sorted(found, key=lambda one: -one.hardness))
