"""Results in a database: SQLite in a file, or another one by URL."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa

from sightline.errors import SinkError
from sightline.sinks.background import Background
from sightline.sinks.databases import sqlite_file
from sightline.sinks.databases.database_run import DatabaseRun
from sightline.sinks.rows import StoredObservation
from sightline.types import IndexedFile, Observation, OutputRequest, RunState, StreamInfo
from sightline.whole_files import OutputGuard

_log = logging.getLogger(__name__)
_WAITING = 4096  # observations that may wait for the database; a few kilobytes each
_BATCH = 512
_LINGER_S = 0.5
_LIVE_LOCK_TIMEOUT_S = 5.0
_PAUSE_S = 1.0  # between two tries of a database that is away


class DatabaseSink:
    """Adds a run to a database: its streams, frames, objects, tracks, labels and events (``schema.py``).

    Args:
        url: ``run.db`` (any path), ``sqlite:///run.db``, or the URL of another database that
            SQLAlchemy knows. A database that is there is added to, never overwritten.
        run: what to note of the run: ``command``, ``model``, ``version`` (text) and ``settings``
            (anything that JSON can hold).
        lock_timeout_s: how long to wait for another program that writes to the same SQLite file.
        patient: try again for ever where a server is away, a file locked or a disk full, instead of
            failing: up to 4096 observations wait meanwhile, and ``write`` raises beyond that.
        files: what streams are read from, by name, where that is to be noted: see ``runtime.search``.
        guard: says which links at the path of a SQLite file are followed.

    ``write`` takes microseconds: a thread stores what came in the last half second in one
    transaction, so after a kill every frame that is there is whole, and a run that was killed
    stays ``running``. When the database falls behind, ``write`` waits; nothing is dropped. A
    SQLite file that is removed, renamed or emptied meanwhile is begun anew, with the run and its streams. ``lost``
    counts what a reader kept from getting into a renamed file until the end. A damaged SQLite file is renamed to ``NAME.broken-TIME`` with a warning, and a new one begun.
    ``close`` notes how the run ended: as ``state`` says, which whoever runs it may set before, or
    ``failed`` if the database failed. Safe to share between streams.
    """

    def __init__(
        self,
        url: str | Path,
        run: Mapping[str, object] | None = None,
        *,
        lock_timeout_s: float = 60.0,
        patient: bool = False,
        files: Mapping[str, IndexedFile] | None = None,
        guard: OutputGuard | None = None,
    ) -> None:
        self._run = DatabaseRun(url, run, lock_timeout_s, guard)
        self._name = self._run.name
        self._patient = patient
        self._files = files or {}
        self._lock = threading.Lock()
        self._work: Background[StoredObservation] | None = None
        self.state: RunState = "done"
        self._closed = False
        self._stream_numbers: dict[str, int] = {}
        self._stills = False

    @property
    def lost(self) -> int:
        """Observations that were taken and are in no file: see ``WatchedSqlite``."""
        return self._run.lost

    @property
    def held_up_by(self) -> str | None:
        """What a patient one waits for, if it does."""
        trouble = None if self._work is None else self._work.trouble
        return None if trouble is None else str(trouble)

    def open(self, stream: StreamInfo) -> None:
        """Open the database and begin the run with the first stream. Raises SinkError."""
        with self._lock:
            if self._work is None:
                self._run.begin()
                self._work = Background(
                    self._store,
                    capacity=_WAITING,
                    batch=_BATCH,
                    linger_s=_LINGER_S,
                    name="database",
                )
            self._stills |= stream.still
            self._stream_numbers[stream.name] = self._run.add_stream(
                stream.name, stream.width, stream.height, stream.fps, self._files.get(stream.name)
            )

    def write(self, observation: Observation) -> None:
        """Queue one observation. Raises SinkError, also of earlier ones."""
        frame = observation.frame
        if self._work is None or self._closed:
            raise SinkError(f"cannot write {self._name}: it is not open")
        number = self._stream_numbers.get(frame.stream)
        if number is None:
            if not self._stills:
                raise SinkError(f"cannot write {self._name}: {frame.stream} was not opened")
            # A picture of a still stream is a stream of its own, with its own name and size.
            with self._lock:
                number = self._run.add_stream(
                    frame.stream, frame.width, frame.height, None, self._files.get(frame.stream)
                )
        self._work.put(StoredObservation.of(number, observation))

    def reopen(self) -> None:
        """Bring all rows into the SQLite file with the next ones. From any thread or signal."""
        self._run.checkpoint_soon()

    def close(self) -> None:
        """Store what waits and note how the run ended. Idempotent. Raises SinkError."""
        with self._lock:
            if self._work is None or self._closed:
                return
            self._closed = True
            try:
                self._work.close()
            except SinkError as error:
                raise SinkError(f"{error}; {self._work.left} results were not stored") from error
            finally:
                if self._work.failure is not None:
                    with contextlib.suppress(SinkError):  # the first failure is raised
                        self._run.end("failed")
            if self._work.failure is None:
                self._run.end(self.state)

    def _store(self, found: Sequence[StoredObservation]) -> None:
        """Store a batch in one transaction: after a failure nothing of it is there."""
        assert self._work is not None
        held_up = damaged = False
        while True:
            try:
                self._run.store(found)
                break
            except SinkError as error:
                if held_up and isinstance(error.__cause__, sa.exc.IntegrityError):
                    break  # it was stored before, only the server's word of that was lost
                again = self._patient or not damaged
                if again and sqlite_file.is_damage(error.__cause__) and self._run.set_aside():
                    damaged = True  # somebody wrote over it
                    continue
                passing = isinstance(
                    error.__cause__, sa.exc.OperationalError | sa.exc.InterfaceError | OSError
                )
                if not (self._patient and passing) or self._work.closing:
                    raise
                if not held_up:
                    _log.error("%s; up to %d results wait for it", error, _WAITING)
                held_up = True
                self._work.tell(error)
                self._work.rest(_PAUSE_S)
        if held_up:
            _log.warning("%s can be written again", self._name)
            self._work.tell(None)


def for_output(request: OutputRequest) -> DatabaseSink:
    """The sink of one output. A live stream tries again by itself and says what it waits for."""
    if any(stream.live for stream in request.streams):
        return DatabaseSink(
            request.path,
            request.run,
            patient=True,
            lock_timeout_s=_LIVE_LOCK_TIMEOUT_S,
            guard=request.guard,
        )
    return DatabaseSink(request.path, request.run, guard=request.guard)
