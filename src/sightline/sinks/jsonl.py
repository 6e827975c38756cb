"""Results as JSON lines: one object per frame."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TextIO

import numpy as np

from sightline.errors import SinkError
from sightline.sinks.lines import LineFile
from sightline.types import Event, Frame, JsonObject, Label, Observation, OutputRequest, StreamInfo
from sightline.types.json_form import has_shapes, shape_of
from sightline.types.objects import ids_of
from sightline.wall_time import utc_text
from sightline.whole_files import OutputGuard


def _plain(value: object) -> object:
    """NumPy scalars and arrays in an event's data, as plain numbers and lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} has no JSON form")


encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain).encode
"""Anything as JSON on one line. Raises TypeError, and ValueError for NaN and infinity."""


class JsonLinesSink:
    """Writes one line per frame, in one file for all streams.

    Args:
        target: a path, which is overwritten, or an open text stream such as ``sys.stdout``.
        append: go on with the file where it is there.
        join: write to a file that other sinks write to as well (``lines.begin`` makes it ready).
        polygons: masks are written as ``polygons``, the outlines of their parts.

    A line is ``{"stream", "frame", "time", "utc", "clock", "width", "height", "objects": [{"box",
    "score", "class_id", "class", "track_id", "labels", "angle", "keypoints", "mask"}], "events": [{"kind", "time", "utc",
    "track_id", "data"}]}``.
    Boxes are x1 y1 x2 y2 in source pixels with two decimals, times are seconds in the stream, ``utc``
    is wall-clock time (ISO 8601) where it is known, and ``clock`` where that is from.
    ``"predicted": true`` marks a frame that was not analysed, whose objects are the tracker's
    predictions. It, ``track_id``, ``labels``, ``angle`` (radians), ``keypoints`` (x, y, score), ``mask``
    (COCO's packed run lengths; or ``polygons``), ``events`` and ``data`` are there only when there is something to say. Safe to share between streams; what is written is whole lines, also after a kill.
    """

    lost = 0  # a line that went to a removed file is written again

    def __init__(
        self,
        target: str | Path | TextIO,
        *,
        append: bool = False,
        join: bool = False,
        polygons: bool = False,
        guard: OutputGuard | None = None,
    ) -> None:
        self._target = target
        self._append = append
        self._join = join
        self._polygons = polygons
        self._guard = guard
        self._lock = threading.Lock()
        self._file: LineFile | None = None

    def open(self, stream: StreamInfo) -> None:
        """Open the file with the first stream. Raises SinkError."""
        del stream
        with self._lock:
            if self._file is None:
                self._file = LineFile(
                    self._target, append=self._append, join=self._join, guard=self._guard
                )

    def write(self, observation: Observation) -> None:
        """Write one line. Raises SinkError."""
        if self._file is None:
            raise SinkError(f"cannot write {self._target}: no stream was opened")
        self._file.write(to_json(observation, polygons=self._polygons) + "\n")

    def reopen(self) -> None:
        """Go on with the file that is at the path by then, or a new one. From any thread."""
        if self._file is not None:
            self._file.reopen()

    def close(self) -> None:
        """Close the file; a stream that was handed in stays open. Idempotent."""
        if self._file is not None:
            self._file.close()


def to_json(observation: Observation, *, polygons: bool = False) -> str:
    """One observation as one line of JSON, without the newline.

    Its objects are those of ``Detections.to_dict()``, but printed straight from the arrays: that
    takes a third of the time, and this is done for every frame.

    Raises:
        SinkError: it holds a number that JSON does not know (NaN, infinity), or an event's data
            holds something that has no JSON form.
    """
    frame = observation.frame
    try:
        line = (
            f'{{"stream":{_quoted(frame.stream)},"frame":{frame.index},'
            f'"time":{encode(round(frame.time, 6))},{_wall_time(frame)}"width":{frame.width},"height":{frame.height},'
            f'"objects":[{_objects(observation, polygons)}]'
        )
        if observation.predicted:
            line += ',"predicted":true'
        if observation.events:
            events = [_event(event, frame) for event in observation.events]
            line += f',"events":{encode(events)}'
    except (TypeError, ValueError) as error:
        raise SinkError(
            f"frame {frame.index} of {frame.stream} cannot be written as JSON: {error}"
        ) from error
    return line + "}"


_quoted = lru_cache(maxsize=4096)(encode)  # names of streams and classes, which repeat


@lru_cache(maxsize=4096)  # they change at each look, and are written with each frame
def _labels(labels: tuple[Label, ...]) -> str:
    return encode(label_fields(labels))


def _objects(observation: Observation, polygons: bool) -> str:
    found, labels = observation.detections, observation.labels
    if not (np.isfinite(found.boxes).all() and np.isfinite(found.scores).all()):
        raise ValueError("a box or a score is not a finite number")
    ids, parents = (ids_of(ids, len(found)) for ids in (found.track_ids, found.parent_ids))
    shapes = has_shapes(found)
    objects: list[str] = []
    columns = (found.boxes.tolist(), found.scores.tolist(), found.class_ids.tolist(), ids, parents)
    for (x1, y1, x2, y2), score, class_id, track_id, parent in zip(*columns, strict=True):
        name = _quoted(found.class_name(class_id))
        # Printf-style formatting is twice as quick here as an f-string.
        item = _OBJECT % (x1, y1, x2, y2, score, class_id, name)
        if track_id is not None:
            item += f',"track_id":{track_id}'
            if labels and track_id in labels:
                item += f',"labels":{_labels(labels[track_id])}'
        if parent is not None:
            item += f',"parent_id":{parent}'
        if shapes:
            item += "," + encode(shape_of(found, len(objects), polygons=polygons))[1:-1]
        objects.append(item + "}")
    return ",".join(objects)


def _wall_time(frame: Frame) -> str:
    return "" if frame.utc is None else f'"utc":"{utc_text(frame.utc)}","clock":"{frame.clock}",'


def frame_fields(frame: Frame) -> JsonObject:
    """What a line of JSON tells of a frame, as in ``to_json``."""
    fields: JsonObject = {
        "stream": frame.stream,
        "frame": frame.index,
        "time": round(frame.time, 6),
    }
    if frame.utc is not None:
        fields |= {"utc": utc_text(frame.utc), "clock": frame.clock}
    return fields | {"width": frame.width, "height": frame.height}


def label_fields(labels: Iterable[Label]) -> list[JsonObject]:
    """Labels as they stand in a line of JSON."""
    return [
        {"attribute": label.attribute, "value": label.value, "score": round(label.score, 4)}
        for label in labels
    ]


_OBJECT = '{"box":[%.2f,%.2f,%.2f,%.2f],"score":%.4f,"class_id":%d,"class":%s'


def _event(event: Event, frame: Frame) -> JsonObject:
    item: JsonObject = {"kind": event.kind, "time": round(event.time, 6)}
    utc = frame.utc_at(event.time)
    if utc is not None:
        item["utc"] = utc_text(utc)
    if event.track_id is not None:
        item["track_id"] = event.track_id
    if event.data:
        item["data"] = dict(event.data)
    return item


def for_output(request: OutputRequest) -> JsonLinesSink:
    """The sink of one output; ``-`` is standard output."""
    target = sys.stdout if request.path == "-" else request.path
    # A file that others write to as well has been begun by whoever knows of all.
    return JsonLinesSink(
        target,
        append=request.append and not request.joined,
        join=request.joined,
        polygons=bool(request.options.get("json_polygons", False)),
        guard=request.guard,
    )
