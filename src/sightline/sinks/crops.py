"""Pictures of the objects: cut out of the frames, in folders by stream and class."""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np

from sightline.errors import SinkError
from sightline.imaging.picture_files import encoded
from sightline.sinks.files import check_folder, free_path, is_picture
from sightline.types import Frame, Observation, OutputRequest, StreamInfo
from sightline.types.objects import ids_of
from sightline.whole_files import OutputGuard, safe_name, sink_error, writable_folder, write_whole

PER_TRACK = 3

_EVERY_UNTRACKED = 25
"""Nobody knows which objects of a video are the same without a tracker: a few frames will do."""

_PLAIN = re.compile(r"\w[\w -]{0,60}\w")

_APART_S = 0.5
"""Between two crops of a track: neighbouring frames show the same."""

_BETTER = 1.2
"""How much better a crop must be to take another's place, so that few are written in vain."""

_FORGET_S = 60.0
"""A track that was not seen for so long has ended."""


@dataclass
class _Crop:
    quality: float
    time: float
    path: Path


@dataclass
class _Place:
    """Where a stream's crops go, and what is kept of each track."""

    folder: Path
    still: bool
    seen: int = 0
    kept: dict[int, list[_Crop]] = field(default_factory=dict)
    last: dict[int, float] = field(default_factory=dict)
    names: set[Path] = field(default_factory=set)


class CropSink:
    """Writes ``STREAM/CLASS/TRACK-000012.jpg`` for an object in frame 12, cut out of the full picture.

    Args:
        path: the folder, made where it is missing; files in it are overwritten.
        per_track: of each track the best so many, at least half a second apart: large, sure, and not
            cut off by the picture's border. A better one takes the place of the worst. 0: all.
        every: only each so many-th analysed frame is looked at. None: all of tracks and of pictures,
            each 25th of videos that are not tracked.
        append: a stream that has a folder already goes on in ``STREAM-2``.
        pictures: the folder of unrelated pictures, instead of their source's name.
        quality: of JPEG, 1 to 100.

    Without tracks, the name of the picture or of the stream is in the track's place. Boxes are cut off at
    the border; those without area, and predicted ones, are left out. Whole files only, also after a
    kill. Safe to share between streams; pictures of several sources go to the folder of the first.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        per_track: int = PER_TRACK,
        every: int | None = None,
        append: bool = False,
        pictures: str = "",
        quality: int = 90,
        guard: OutputGuard | None = None,
    ) -> None:
        self._folder = Path(path)
        self._per_track = per_track
        self._every = every
        self._append = append
        self._pictures_name = pictures
        self._quality = quality
        self._guard = guard
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}
        self._pictures: _Place | None = None

    def open(self, stream: StreamInfo) -> None:
        """Make the stream's folder. Raises SinkError."""
        with self._lock:
            if stream.name in self._places or (stream.still and self._pictures):
                return
            name = self._pictures_name if stream.still else ""
            folder = self._folder / safe_name(name or stream.name)
            place = _Place(free_path(folder) if self._append else folder, stream.still)
            writable_folder(place.folder)
            if stream.still:
                self._pictures = place
            else:
                self._places[stream.name] = place

    def write(self, observation: Observation) -> None:
        """Write the crops of one frame that are wanted. Raises SinkError."""
        frame, found = observation.frame, observation.detections
        place = self._places.get(frame.stream, self._pictures)
        if place is None:
            raise SinkError(f"cannot write {self._folder}: stream {frame.stream} was not opened")
        if observation.predicted or not self._is_turn(place, tracked=found.track_ids is not None):
            return
        if not place.still:
            place.names.clear()  # the number of the next frame is another
        size = np.array([frame.width, frame.height] * 2, np.float64)
        boxes = np.clip(np.nan_to_num(found.extents.astype(np.float64), nan=0.0), 0, size)
        ids = ids_of(found.track_ids, len(found))
        for i, box in enumerate(boxes.tolist()):
            if box[2] <= box[0] or box[3] <= box[1] or not np.isfinite(found.boxes[i]).all():
                continue
            folder = place.folder / _class_folder(found.class_name(int(found.class_ids[i])))
            track_id = ids[i]
            if track_id is None:
                stem = frame.stream
                if place.still:
                    stem = str(PurePath(frame.stream or "picture").with_suffix(""))
                self._cut(frame, box, self._unused(place, folder, safe_name(stem), frame.index))
                continue
            crop = _Crop(
                _quality(box, size.tolist(), float(found.scores[i])),
                frame.time,
                folder / f"{track_id}-{frame.index:06d}.jpg",
            )
            self._keep(place, track_id, crop, frame, box)
        self._forget(place, frame.time)

    def close(self) -> None:
        """Nothing is left to do: every file is whole already."""

    def _is_turn(self, place: _Place, *, tracked: bool) -> bool:
        """Whether this frame is looked at."""
        every = self._every or (1 if tracked or place.still else _EVERY_UNTRACKED)
        with self._lock:  # pictures of several sources share a place
            place.seen += 1
            return (place.seen - 1) % every == 0

    def _keep(
        self, place: _Place, track_id: int, crop: _Crop, frame: Frame, box: list[float]
    ) -> None:
        """Write a crop of a track where it is better than those that it takes the place of."""
        if not self._per_track:
            self._cut(frame, box, crop.path)
            return
        place.last[track_id] = frame.time
        kept = place.kept.setdefault(track_id, [])
        worse = [one for one in kept if abs(one.time - crop.time) < _APART_S]
        if not worse and len(kept) >= self._per_track:
            worse = [min(kept, key=lambda one: one.quality)]
        if any(crop.quality < _BETTER * one.quality for one in worse):
            return
        self._cut(frame, box, crop.path)
        kept.append(crop)
        for one in worse:
            kept.remove(one)
            if one.path == crop.path:
                continue
            try:
                one.path.unlink(missing_ok=True)
            except OSError as exc:
                raise sink_error(one.path, exc) from exc

    def _cut(self, frame: Frame, box: list[float], path: Path) -> None:
        x1, y1 = math.floor(box[0]), math.floor(box[1])
        x2, y2 = math.ceil(box[2]), math.ceil(box[3])
        pixels = np.ascontiguousarray(frame.image[y1:y2, x1:x2])
        try:
            data = encoded(pixels, path.suffix, self._quality)
        except SinkError as exc:
            raise SinkError(f"cannot write {path}: {exc}") from exc
        write_whole(path, data, guard=self._guard)

    def _unused(self, place: _Place, folder: Path, stem: str, index: int) -> Path:
        """A name for one of several objects of a frame; for pictures, of all that are called alike."""
        with self._lock:
            path, count = folder / f"{stem}-{index:06d}.jpg", 1
            while path in place.names:
                count += 1
                path = folder / f"{stem}-{index:06d}-{count}.jpg"
            place.names.add(path)
            return path

    def _forget(self, place: _Place, now: float) -> None:
        """Let go of tracks that have ended: a camera runs for years."""
        for track_id in [t for t, seen in place.last.items() if now - seen > _FORGET_S]:
            del place.last[track_id], place.kept[track_id]


def _class_folder(name: str) -> str:
    """A class name as a folder; ``cell phone`` keeps its blank."""
    return name if _PLAIN.fullmatch(name) else safe_name(name)


def _quality(box: list[float], size: list[float], score: float) -> float:
    """How good a crop is: its pixels, how sure the detector is, and whether the border cuts it off."""
    x1, y1, x2, y2 = box
    cut_off = x1 <= 1 or y1 <= 1 or x2 >= size[0] - 1 or y2 >= size[1] - 1
    return (x2 - x1) * (y2 - y1) * score * (0.5 if cut_off else 1.0)


def for_output(request: OutputRequest) -> CropSink:
    """The sink of one output. Raises ConfigError: the folder is named like a file."""
    check_folder(request.path, "--crops")
    return CropSink(
        request.path,
        per_track=request.options["crops_per_track"],
        every=request.options["crops_every"],
        append=request.append,
        pictures=_pictures_name(request),
        guard=request.guard,
    )


def _pictures_name(request: OutputRequest) -> str:
    """A folder's name for all pictures: that of their only source, where it is a plain one."""
    name = Path(request.streams[0].name)
    stem = name.stem if is_picture(name) else name.name
    return stem if len(request.streams) == 1 and safe_name(stem) == stem else "pictures"
