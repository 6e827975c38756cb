"""A folder of hard frames: a dataset as YOLO has it, and for each picture why it was kept and what was found."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sightline.config import HardFrameKind
from sightline.errors import DecodeError, SinkError, SourceError
from sightline.monitoring.hard_frames.reasons import Reasons, hardness
from sightline.runtime.hard_frames.lock import FolderLock
from sightline.sinks.yolo_dataset import YoloDataset
from sightline.types import Floats, JsonObject, Observation
from sightline.wall_time import read_moment, utc_text
from sightline.whole_files import OutputGuard, sink_error, writable_folder, write_whole

DETAILS = "details"
"""The folder of what is known of each picture."""


_Identity = tuple[tuple[int, int, int], ...]
"""Device, inode and kind of each folder that is written to: a number is soon used again."""


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
    """An object that the model has found: the box is x1 y1 x2 y2 in pixels; ``classes.txt`` names the class."""

    box: tuple[float, float, float, float]
    class_id: int
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
    are no picture's details are never removed. One program at a time writes there, from ``open`` to ``close``.

    Args:
        folder: made where it is missing.
        model: what the details call the model.
    """

    def __init__(self, folder: Path, model: str, guard: OutputGuard | None = None) -> None:
        self.folder = folder
        self._model = model
        self._guard = guard
        self._dataset = YoloDataset(folder, scores=False, pictures=True, guard=guard)
        self._lock = FolderLock(folder / ".lock")
        self._opened: _Identity | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and nobody has moved or removed it since."""
        return self._opened is not None and self._identity() == self._opened

    def _identity(self) -> _Identity | None:
        try:
            found = [(self.folder / name).stat() for name in ("images", DETAILS)]
        except OSError:
            return None
        return tuple((one.st_dev, one.st_ino, stat.S_IFMT(one.st_mode)) for one in found)

    def open(self) -> list[StoredFrame]:
        """Make the folders; what earlier runs have left in them, the oldest first.

        Raises SinkError: they cannot be made, somebody else's labels are there, or another program writes there.
        """
        self.close()
        try:
            with self._failing():
                self._dataset.check()
                writable_folder(self.folder / DETAILS)
                self._lock.take()
                self._dataset.open()
                stored = self._found()
        except SinkError:
            self.close()
            raise
        self._opened = self._identity()
        return stored

    def close(self) -> None:
        """Let others write there. Idempotent."""
        self._opened = None
        self._lock.release()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Raises SinkError where the system refuses anything: a share that is away has many words for it."""
        try:
            yield
        except OSError as exc:
            raise sink_error(self.folder, exc) from exc

    def _found(self) -> list[StoredFrame]:
        """What is there, the oldest first. Raises OSError, SinkError."""
        found = []
        for path in sorted((self.folder / DETAILS).glob("*.json")):
            try:
                stored = self._stored(path)
            except SourceError:  # somebody else's, which are left alone
                continue
            if self._dataset.picture(path.stem).exists():
                found.append(stored)
            else:  # it was being written, or removed
                self.remove(path.stem)
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
            with self._failing():
                self._dataset.name_classes(found)
                write_whole(self._details(name), data, guard=self._guard)
                self._dataset.write(name, frame, found)
                size = self._size(name)
        except (SinkError, DecodeError):
            with contextlib.suppress(SinkError):
                self.remove(name)
            raise
        return StoredFrame(name, utc, dict(reasons), appearance, size)

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
        """The bytes of what belongs to a picture. Raises OSError."""
        files = (self._dataset.picture(name), self._dataset.label(name), self._details(name))
        return sum(file.stat().st_size for file in files if file.exists())

    def _stored(self, path: Path) -> StoredFrame:
        """Raises SourceError: these are no details."""
        details = _read(path)
        try:
            utc = read_moment(details["utc"]).timestamp()
            reasons = _reasons(details)
            packed = base64.b64decode(details["appearance"], validate=True)
            appearance = np.frombuffer(packed, "<f2").astype(np.float32)
            if not np.isfinite(appearance).all():
                raise ValueError("its appearance has no numbers")
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise SourceError(f"{path}: these are no details of a hard frame: {exc}") from exc
        return StoredFrame(path.stem, utc, reasons, appearance, self._size(path.stem))


def _read(path: Path) -> Mapping[str, Any]:
    """The details of the picture of this name. Raises SourceError: they are none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as exc:
        raise SourceError(f"{path}: cannot be read: {exc}") from exc
    # A picture of any other name may be any file of this computer.
    if not isinstance(found, dict) or found.get("picture") != f"{path.stem}.jpg":
        raise SourceError(f"{path}: these are no details of a hard frame")
    return found


def _reasons(details: Mapping[str, Any]) -> dict[HardFrameKind, float]:
    """Raises KeyError, TypeError, ValueError, AttributeError: they are none."""
    found = {kind: float(value) for kind, value in details["reasons"].items()}
    if not all(0 <= value <= 1 for value in found.values()):
        raise ValueError("its reasons are no numbers from 0 to 1")
    return found


def class_names(folder: Path) -> list[str]:
    """The names of the classes of a folder of hard frames, by number. Raises SourceError."""
    path = folder / "classes.txt"
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        raise SourceError(f"{path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise SourceError(f"{path}: it is not UTF-8 text: save it as UTF-8") from exc


def pre_labelled_pictures(folder: Path) -> Iterator[PreLabelledPicture]:
    """The pictures of a folder of hard frames with the model's detections, the hardest first.

    Raises SourceError: it is no such folder, there is nothing in it, or it is damaged.
    """
    found = []
    paths = sorted((folder / DETAILS).glob("*.json"))
    classes = class_names(folder) if paths else []
    for path in paths:
        details = _read(path)
        picture = folder / "images" / f"{path.stem}.jpg"
        try:
            objects = tuple(_pre_label(one, classes) for one in details["objects"])
            size = int(details["width"]), int(details["height"])
            if min(size) < 1:
                raise ValueError("its picture has no size")
            hard = hardness(_reasons(details))
            one = PreLabelledPicture(picture, *size, str(details["model"]), hard, objects)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
            raise SourceError(f"{path}: these are no details of a hard frame: {exc}") from exc
        if picture.exists():
            found.append(one)
    if not found:
        raise SourceError(
            f"{folder}: there are no hard frames in it: give a folder that `sightline collect` or "
            "`collect:` of a stream has written"
        )
    return iter(sorted(found, key=lambda one: -one.hardness))


def _pre_label(one: Mapping[str, Any], classes: Sequence[str]) -> PreLabel:
    """Raises KeyError, TypeError, ValueError: it is none."""
    class_id, score = int(one["class_id"]), float(one["score"])
    left, top, right, bottom = (float(side) for side in one["box"])
    if not all(map(math.isfinite, (left, top, right, bottom, score))):
        raise ValueError("a box or score is no number")
    if not 0 <= class_id < len(classes):
        raise ValueError(f"classes.txt names no class {class_id}")
    return PreLabel((left, top, right, bottom), class_id, classes[class_id], score)
