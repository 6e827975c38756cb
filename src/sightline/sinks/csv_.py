"""Results as a table: one row per object, comma-separated."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
import threading
from pathlib import Path
from typing import TextIO

from sightline.csv_cells import safe_cell
from sightline.errors import SinkError
from sightline.imaging.display import COLUMNS, label_text
from sightline.sinks.lines import LineFile
from sightline.types import Observation, OutputRequest, StreamInfo
from sightline.wall_time import utc_text
from sightline.whole_files import OutputGuard

_FIRST = 11
"""Columns of the first version; those after them may be missing in a file that is gone on with."""


class CsvSink:
    """Writes one row per object, in one file for all streams; a frame without objects has none.

    Args:
        target: a path, which is overwritten, or an open text stream.
        append: go on with the file where it is there.
        join: write to a file that other sinks write to as well (``lines.begin`` makes it ready).

    Columns are ``display.COLUMNS``: time in seconds of the stream, corners in source pixels, ``track_id``
    empty before tracking, ``predicted`` 1 where the tracker says where an object is on a frame that was
    not analysed, ``utc`` the wall-clock time and ``clock`` where that is from (both empty where it
    is not known), ``labels`` what classifiers say (``colour=red;kind=van``). Events have no place here. A file of an earlier version, which lacks the last columns, is gone on with as it
    is. Quoting follows RFC 4180, lines end with a newline. A name that a spreadsheet would
    take for a formula (``=``, ``+``, ``-``, ``@`` first) has a ``'`` before it. Safe to share between streams; what is
    written is whole rows, also after a kill.
    """

    lost = 0  # a line that went to a removed file is written again

    def __init__(
        self,
        target: str | Path | TextIO,
        *,
        append: bool = False,
        join: bool = False,
        guard: OutputGuard | None = None,
    ) -> None:
        self._target = target
        self._append = append
        self._join = join
        self._guard = guard
        self._lock = threading.Lock()
        self._file: LineFile | None = None
        self._columns = len(COLUMNS)

    def open(self, stream: StreamInfo) -> None:
        """Open the file and write the header with the first stream. Raises SinkError."""
        del stream
        with self._lock:
            if self._file is None:
                self._columns = self._columns_there()
                self._file = LineFile(
                    self._target,
                    append=self._append,
                    join=self._join,
                    guard=self._guard,
                    header=_header(self._columns) + "\n",
                )

    def _columns_there(self) -> int:
        """How many columns the file has: fewer where an earlier version has begun it."""
        if (self._append or self._join) and isinstance(self._target, (str, Path)):
            with contextlib.suppress(OSError), Path(self._target).open("rb") as file:
                found = (
                    file.readline(len(_header(len(COLUMNS))) + 2).rstrip(b"\r\n").decode("latin-1")
                )
                for columns in range(_FIRST, len(COLUMNS)):
                    if found == _header(columns):
                        return columns
        return len(COLUMNS)

    def write(self, observation: Observation) -> None:
        """Write the rows of one frame. Raises SinkError."""
        if self._file is None:
            raise SinkError(f"cannot write {self._target}: no stream was opened")
        frame, objects = observation.frame, observation.detections.outlines_only.to_dict()
        utc = "" if frame.utc is None else utc_text(frame.utc)
        of_frame = (int(observation.predicted), utc, frame.clock or "")
        labels, later = observation.labels, self._columns - _FIRST
        stream = safe_cell(frame.stream)
        rows = io.StringIO()
        csv.writer(rows, lineterminator="\n").writerows(
            (
                stream, frame.index, round(frame.time, 6), item.get("track_id", ""),
                item["class_id"], safe_cell(item["class"]), item["score"], *item["box"],
                *(*of_frame, safe_cell(label_text(labels.get(item.get("track_id", -1), ()))))[:later],
            )
            for item in objects
        )  # fmt: skip
        self._file.write(rows.getvalue())

    def reopen(self) -> None:
        """Go on with the file that is at the path by then, or a new one. From any thread."""
        if self._file is not None:
            self._file.reopen()

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file is not None:
            self._file.close()


def _header(columns: int) -> str:
    return ",".join(COLUMNS[:columns])


def for_output(request: OutputRequest) -> CsvSink:
    """The sink of one output; ``-`` is standard output."""
    target = sys.stdout if request.path == "-" else request.path
    # A file that others write to as well has been begun by whoever knows of all.
    return CsvSink(
        target,
        append=request.append and not request.joined,
        join=request.joined,
        guard=request.guard,
    )
