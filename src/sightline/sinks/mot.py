"""Tracks in the text format of the MOTChallenge benchmarks."""

from __future__ import annotations

import threading
from pathlib import Path

from sightline.errors import SinkError
from sightline.sinks.files import new_file, output_path
from sightline.sinks.lines import LineFile
from sightline.types import Observation, OutputRequest, StreamInfo
from sightline.whole_files import OutputGuard, is_folder


class MotSink:
    """Writes ``frame,id,left,top,width,height,conf,-1,-1,-1``, one row per object.

    Args:
        path: a file for one stream, or a folder (one that exists, or a name that ends with ``/``)
            for ``STREAM.txt`` of each stream. Files are overwritten.

    As the format has it (MOT16, Milan et al. 2016, section 4.2), frames and pixel positions are
    counted from 1: the picture's corner (0, 0) is written as (1, 1), and a reader takes one away
    again. An object without a track has id -1. Safe to share between streams in a folder; a second
    stream for one file raises SinkError, and so do unrelated pictures in a folder.
    """

    lost = 0  # a row that went to a removed file is written again

    def __init__(self, path: str | Path, *, guard: OutputGuard | None = None) -> None:
        self._path = path
        self._guard = guard
        self._in_folder = is_folder(path)
        self._lock = threading.Lock()
        self._files: dict[str, LineFile] = {}

    def open(self, stream: StreamInfo) -> None:
        """Create the stream's file. Raises SinkError."""
        with self._lock:
            if self._in_folder and stream.still:
                raise SinkError(
                    f"cannot write {stream.name} to {self._path}: MOT files hold videos, not "
                    "unrelated pictures; use JSON lines or CSV"
                )
            if self._files and not self._in_folder:
                raise SinkError(
                    f"cannot write {stream.name} to {self._path}: a MOT file holds one stream; "
                    f"give a folder instead ({self._path}/)"
                )
            if stream.name not in self._files:
                path = output_path(self._path, stream.name, ".txt")
                self._files[stream.name] = LineFile(path, guard=self._guard)

    def write(self, observation: Observation) -> None:
        """Write the rows of one frame. Raises SinkError."""
        found, frame = observation.detections, observation.frame
        # A frame of a still stream carries its picture's name, but one file has one stream.
        name = frame.stream if self._in_folder else next(iter(self._files), frame.stream)
        if name not in self._files:
            raise SinkError(f"cannot write {self._path}: stream {name} was not opened")
        ids = [-1] * len(found) if found.track_ids is None else found.track_ids.tolist()
        rows = [
            f"{frame.index + 1},{track_id},{x1 + 1:.2f},{y1 + 1:.2f},{x2 - x1:.2f},{y2 - y1:.2f},"
            f"{score:.4f},-1,-1,-1\n"
            for track_id, score, (x1, y1, x2, y2) in zip(
                ids, found.scores.tolist(), found.extents.tolist(), strict=True
            )
        ]
        self._files[name].write("".join(rows))

    def reopen(self) -> None:
        """Go on with the files that are at the paths by then, or new ones. From any thread."""
        for file in tuple(self._files.values()):
            file.reopen()

    def close(self) -> None:
        """Close the files. Idempotent."""
        for file in self._files.values():
            file.close()


def for_output(request: OutputRequest) -> MotSink:
    """The sink of one output. A file that must stay is not gone on with: the next free name is taken."""
    path = new_file(request, ".txt") if request.append else request.path
    return MotSink(path, guard=request.guard)
