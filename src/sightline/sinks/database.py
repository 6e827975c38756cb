"""Results in a database: SQLite in a file, or another one by URL."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from sightline.addresses import database_address
from sightline.errors import SinkError
from sightline.redaction import redact_address
from sightline.sinks import schema, sqlite_file
from sightline.sinks.background import Background
from sightline.sinks.rows import StoredObservation, TrackLabels, insert
from sightline.sinks.watched_sqlite import WatchedSqlite
from sightline.types import Observation, OutputRequest, RunState, StreamInfo

T = TypeVar("T")

_log = logging.getLogger(__name__)
_WAITING = 4096  # observations that may wait for the database; a few kilobytes each
_BATCH = 512
_LINGER_S = 0.5
_BUSY_PAUSE_S = 0.02
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
        run: Mapping[str, Any] | None = None,
        *,
        lock_timeout_s: float = 60.0,
        patient: bool = False,
    ) -> None:
        try:
            address = database_address(str(url))
            self._url = sa.make_url(address) if "://" in address else None
        except (sa.exc.ArgumentError, ValueError) as error:
            # Its text may hold a password, so it is not repeated.
            scheme = str(url).split("://", 1)[0]
            why = f" ({error})" if type(error) is ValueError else ""
            raise SinkError(f"cannot write {scheme}://...: it is no database URL{why}") from None
        if self._url is None:
            self._url = sa.URL.create("sqlite", database=str(url))
        self._name = redact_address(self._url.render_as_string(hide_password=True))
        self._file: WatchedSqlite | None = None
        if self._url.get_backend_name() == "sqlite":
            if self._url.database in (None, "", ":memory:"):
                raise SinkError("cannot write to a database in memory: give the name of a file")
            self._name = str(self._url.database)
            self._file = WatchedSqlite(self._url, self._prepare, lock_timeout_s)
        self._run = dict(run or {})
        self._lock_timeout_s = lock_timeout_s
        self._patient = patient
        self._lock = threading.Lock()
        self._engine: sa.Engine | None = None
        self._work: Background[StoredObservation] | None = None
        self._run_id = 0
        self.state: RunState = "done"
        self._closed = False
        self._swap = threading.RLock()  # held while the database is written, or another one begun
        self._stream_numbers: dict[str, int] = {}
        self._streams: list[dict[str, Any]] = []  # by number: what its row holds
        self._stream_ids: list[int] = []  # by number: the id of its row
        self._labels: dict[int, TrackLabels] = {}  # what the database holds, by stream
        self._stills = False

    @property
    def lost(self) -> int:
        """Observations that were taken and are in no file: see ``WatchedSqlite``."""
        return 0 if self._file is None else self._file.lost

    @property
    def held_up_by(self) -> str | None:
        """What a patient one waits for, if it does."""
        trouble = None if self._work is None else self._work.trouble
        return None if trouble is None else str(trouble)

    def open(self, stream: StreamInfo) -> None:
        """Open the database and begin the run with the first stream. Raises SinkError."""
        with self._lock:
            if self._work is None:
                self._while_locked(self._begin)
            self._stills |= stream.still
            self._stream_numbers[stream.name] = self._while_locked(
                self._add_stream, stream.name, stream.width, stream.height, stream.fps
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
                number = self._while_locked(
                    self._add_stream, frame.stream, frame.width, frame.height, None
                )
        self._work.put(StoredObservation.of(number, observation))

    def reopen(self) -> None:
        """Bring all rows into the SQLite file with the next ones. From any thread or signal."""
        if self._file is not None:
            self._file.checkpoint_soon()

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
                        self._end("failed")
            if self._work.failure is None:
                self._end(self.state)

    def _while_locked(self, work: Callable[..., T], *arguments: object) -> T:
        """Do something again while another program holds the file. Raises SinkError."""
        deadline = time.monotonic() + self._lock_timeout_s
        while True:
            try:
                with self._mapped():
                    return work(*arguments)
            except SinkError as error:
                # SQLite does not wait where two programs change the mode of a file at once.
                if not sqlite_file.is_busy(error.__cause__) or time.monotonic() >= deadline:
                    raise
            time.sleep(_BUSY_PAUSE_S)

    def _begin(self) -> None:
        self._connect()
        self._work = Background(
            self._store, capacity=_WAITING, batch=_BATCH, linger_s=_LINGER_S, name="database"
        )

    def _prepare(self, connection: sa.Connection) -> None:
        schema.prepare(connection, self._name)

    def _connect(self) -> None:
        """Open the database and note the run in it, and the streams that there are already."""
        before, self._engine = self._engine, None
        if self._file is None:
            engine = self._connected()
        else:
            engine = self._file.connect(before, partial(self._note_end, self._run_id, "done"))
        values = {key: self._run.get(key) for key in ("command", "model", "version")}
        # JSON has no paths, dates or enums: what it does not know is kept as text.
        settings = json.loads(json.dumps(self._run.get("settings"), default=str))
        try:
            with engine.begin() as connection:
                row = schema.runs.insert().values(
                    started_at=datetime.now(UTC), state="running", settings=settings, **values
                )
                self._run_id = _new_id(connection.execute(row))
                self._stream_ids = [
                    _new_id(
                        connection.execute(
                            schema.streams.insert().values(run_id=self._run_id, **one)
                        )
                    )
                    for one in self._streams
                ]
        except BaseException:  # as above
            engine.dispose()
            raise
        self._engine, self._labels = engine, {}

    @property
    def _moved(self) -> bool:
        return self._file is not None and self._file.moved

    def _connected(self) -> sa.Engine:
        """A connection to the database of a server."""
        assert self._url is not None
        try:
            engine = sa.create_engine(self._url)
        except ImportError as error:
            raise SinkError(
                f"cannot write {self._name}: its driver is missing: pip install {error.name}"
            ) from error
        try:
            with engine.begin() as connection:
                self._prepare(connection)
        except BaseException:  # whatever it is, it goes on; no connection must stay
            engine.dispose()
            raise
        return engine

    def _add_stream(self, name: str, width: int, height: int, fps: float | None) -> int:
        """Note a stream; its number, which stays the same in whatever file is begun later."""
        values = {"name": name, "width": width, "height": height, "fps": fps}
        with self._swap:
            if self._moved:
                self._connect()
            assert self._engine is not None
            row = schema.streams.insert().values(run_id=self._run_id, **values)
            with self._engine.begin() as connection:
                self._stream_ids.append(_new_id(connection.execute(row)))
            self._streams.append(values)
            return len(self._streams) - 1

    def _store(self, found: Sequence[StoredObservation]) -> None:
        """Store a batch in one transaction: after a failure nothing of it is there."""
        assert self._work is not None
        held_up = damaged = False
        while True:
            try:
                self._while_locked(self._store_once, found)
                break
            except SinkError as error:
                if held_up and isinstance(error.__cause__, sa.exc.IntegrityError):
                    break  # it was stored before, only the server's word of that was lost
                again = self._patient or not damaged
                if self._file is not None and again and sqlite_file.is_damage(error.__cause__):
                    damaged = True  # somebody wrote over it
                    with self._swap:
                        engine, self._engine = self._engine, None
                        self._file.set_aside(engine)
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

    def _store_once(self, found: Sequence[StoredObservation]) -> None:
        with self._swap:
            while True:
                if self._engine is None or self._moved:
                    _log.warning("%s was removed or renamed: a new one is begun", self._name)
                    self._connect()
                self._insert(found)
                if not self._moved:
                    break
                # Perhaps it was moved before this was stored: then nobody would find it.
            if self._file is not None:
                assert self._engine is not None
                self._file.stored(self._engine, len(found))

    def _insert(self, found: Sequence[StoredObservation]) -> None:
        assert self._engine is not None
        rows = [replace(one, stream_id=self._stream_ids[one.stream_id]) for one in found]
        with self._engine.begin() as connection:
            stored = insert(connection, rows, self._labels)
        self._labels = stored

    def _end(self, state: RunState) -> None:
        try:
            self._while_locked(self._end_once, state)
        finally:
            if self._engine is not None:
                self._engine.dispose()
            if self._file is not None:
                self._file.close()

    def _end_once(self, state: RunState) -> None:
        with self._swap:
            if self._engine is None:
                return  # a file that was removed could not be begun anew
            if self._file is not None and self._moved:
                engine, self._engine = self._engine, None
                self._file.let_go(engine, partial(self._note_end, self._run_id, state))
                return
            with self._engine.begin() as connection:
                self._note_end(self._run_id, state, connection)

    def _note_end(self, run_id: int, state: RunState, connection: sa.Connection) -> bool:
        connection.execute(
            schema.runs.update()
            .where(schema.runs.c.id == run_id)
            .values(ended_at=datetime.now(UTC), state=state)
        )
        return True

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            reason = sqlite_file.remedy(error) or " ".join(
                str(getattr(error, "orig", None) or error).split()
            )
            raise SinkError(f"cannot write {self._name}: {reason}") from error


def _new_id(result: sa.CursorResult[Any]) -> int:
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def for_output(request: OutputRequest) -> DatabaseSink:
    """The sink of one output. A live stream tries again by itself and says what it waits for."""
    if any(stream.live for stream in request.streams):
        return DatabaseSink(
            request.path, request.run, patient=True, lock_timeout_s=_LIVE_LOCK_TIMEOUT_S
        )
    return DatabaseSink(request.path, request.run)
