"""Results as a table: one row per object, comma-separated."""

from __future__ import annotations

import contextlib
import csv
import io
import threading
from pathlib import Path
from typing import TextIO

from sightline.errors import SinkError
from sightline.sinks.lines import LineFile
from sightline.types import Observation, StreamInfo

COLUMNS = (
    "stream", "frame", "time", "track_id", "class_id", "class", "score", "x1", "y1", "x2", "y2",
    "predicted",
)  # fmt: skip


class CsvSink:
    """Writes one row per object, in one file for all streams; a frame without objects has none.

    Args:
        target: a path, which is overwritten, or an open text stream.
        append: go on with the file where it is there.
        join: write to a file that other sinks write to as well (``lines.begin`` makes it ready).

    Columns are ``COLUMNS``: time in seconds of the stream, corners in source pixels, ``track_id``
    empty before tracking, ``predicted`` 1 where the tracker says where an object is on a frame that was
    not analysed. A file of an earlier version, without that column, is gone on with as it is. Quoting follows RFC 4180, lines end with a newline. Safe to share
    between streams; what is written is whole rows, also after a kill.
    """

    lost = 0  # a line that went to a removed file is written again

    def __init__(
        self, target: str | Path | TextIO, *, append: bool = False, join: bool = False
    ) -> None:
        self._target = target
        self._append = append
        self._join = join
        self._lock = threading.Lock()
        self._file: LineFile | None = None
        self._marks = True  # the file has the column `predicted`

    def open(self, stream: StreamInfo) -> None:
        """Open the file and write the header with the first stream. Raises SinkError."""
        del stream
        with self._lock:
            if self._file is None:
                columns = self._columns()
                self._file = LineFile(
                    self._target,
                    append=self._append,
                    join=self._join,
                    header=",".join(columns) + "\n",
                )

    def _columns(self) -> tuple[str, ...]:
        before = ",".join(COLUMNS[:-1])
        if (self._append or self._join) and isinstance(self._target, (str, Path)):
            with contextlib.suppress(OSError), Path(self._target).open("rb") as file:
                self._marks = file.readline(len(before) + 2).rstrip(b"\r\n") != before.encode()
        return COLUMNS if self._marks else COLUMNS[:-1]

    def write(self, observation: Observation) -> None:
        """Write the rows of one frame. Raises SinkError."""
        if self._file is None:
            raise SinkError(f"cannot write {self._target}: no stream was opened")
        frame, objects = observation.frame, observation.detections.to_dict()
        predicted = (int(observation.predicted),) if self._marks else ()
        rows = io.StringIO()
        csv.writer(rows, lineterminator="\n").writerows(
            (
                frame.stream, frame.index, round(frame.time, 6), item.get("track_id", ""),
                item["class_id"], item["class"], item["score"], *item["box"], *predicted,
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
