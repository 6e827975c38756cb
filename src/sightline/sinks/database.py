"""Results in a database: SQLite in a file, or another one by URL."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sightline.addresses import database_address
from sightline.errors import SinkError
from sightline.redaction import redact_address
from sightline.sinks import tables
from sightline.sinks.background import Background
from sightline.sinks.files import file_id, locked_folder
from sightline.sinks.tables import StoredObjects
from sightline.types import Observation, OutputRequest, RunState, StreamInfo
from sightline.whole_files import make_folder, sink_error

_log = logging.getLogger(__name__)
_WAITING = 4096  # observations that may wait for the database; a few kilobytes each
_BATCH = 512
_LINGER_S = 0.5
_BUSY_PAUSE_S = 0.02
_RETIRED: list[sa.Engine] = []
"""Of files that were exchanged by others: closing them would remove a part of the new file."""
_LIVE_LOCK_TIMEOUT_S = 5.0
_PAUSE_S = 1.0  # between two tries of a database that is away

# What SQLite says of files that are not, or no longer, a database.
_BROKEN = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})
_REMEDIES = {
    "SQLITE_FULL": "the disk is full: free some space or write elsewhere",
    "SQLITE_IOERR": "the disk is full or broken: free some space or write elsewhere",
    "SQLITE_BUSY": "another program keeps it locked: end that program or write elsewhere",
    "SQLITE_READONLY": "it is read-only: choose a place that you may write to",
    "SQLITE_CANTOPEN": "it cannot be opened: choose a place that you may write to",
    "SQLITE_NOTADB": "it is not a database: move it away",
    "SQLITE_CORRUPT": "it is damaged: move it away and start again",
}


class DatabaseSink:
    """Adds a run to a database: its streams, frames, objects and tracks (see ``tables.py``).

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
    SQLite file that is removed or renamed meanwhile is begun anew, with the run and its streams, and
    nothing is lost to that. A damaged SQLite file is renamed to ``NAME.broken-TIME`` with a warning, and a new one begun.
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
        self._file: Path | None = None
        if self._url.get_backend_name() == "sqlite":
            if self._url.database in (None, "", ":memory:"):
                raise SinkError("cannot write to a database in memory: give the name of a file")
            self._file = Path(str(self._url.database))
            self._name = str(self._file)
        self._run = dict(run or {})
        self._lock_timeout_s = lock_timeout_s
        self._patient = patient
        self._lock = threading.Lock()
        self._engine: sa.Engine | None = None
        self._work: Background[StoredObjects] | None = None
        self._run_id = 0
        self._id: tuple[int, int] | None = None
        self.state: RunState = "done"
        self._closed = False
        self._swap = threading.RLock()  # held while the database is written, or another one begun
        self._stream_numbers: dict[str, int] = {}
        self._streams: list[dict[str, Any]] = []  # by number: what its row holds
        self._stream_ids: list[int] = []  # by number: the id of its row
        self._stills = False

    @property
    def held_up_by(self) -> str | None:
        """What a patient one waits for, if it does."""
        trouble = None if self._work is None else self._work.trouble
        return None if trouble is None else str(trouble)

    def open(self, stream: StreamInfo) -> None:
        """Open the database and begin the run with the first stream. Raises SinkError."""
        with self._lock, self._mapped():
            if self._work is None:
                self._begin()
            self._stills |= stream.still
            self._stream_numbers[stream.name] = self._add_stream(
                stream.name, stream.width, stream.height, stream.fps
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
            with self._lock, self._mapped():
                number = self._add_stream(frame.stream, frame.width, frame.height, None)
        self._work.put(StoredObjects.of(number, observation))

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

    def _begin(self) -> None:
        self._connect()
        self._work = Background(
            self._store, capacity=_WAITING, batch=_BATCH, linger_s=_LINGER_S, name="database"
        )

    def _connect(self) -> None:
        """Open the database and note the run in it, and the streams that there are already."""
        if self._file is None:
            engine = self._connected()
        else:
            make_folder(self._file.parent)
            if self._file.is_dir():
                raise SinkError(f"cannot write {self._file}: it is a folder: give a file's name")
            # Whoever makes the tables of a new file must be alone with it.
            with locked_folder(self._file.parent):
                self._retire()
                engine = self._connected_file(self._file)
        values = {key: self._run.get(key) for key in ("command", "model", "version")}
        # JSON has no paths, dates or enums: what it does not know is kept as text.
        settings = json.loads(json.dumps(self._run.get("settings"), default=str))
        with engine.begin() as connection:
            row = tables.runs.insert().values(
                started_at=datetime.now(UTC), state="running", settings=settings, **values
            )
            self._run_id = _new_id(connection.execute(row))
            self._stream_ids = [
                _new_id(
                    connection.execute(tables.streams.insert().values(run_id=self._run_id, **one))
                )
                for one in self._streams
            ]
        self._engine = engine

    def _connected_file(self, file: Path) -> sa.Engine:
        if not file.exists():
            _forget_parts(file)
        try:
            engine = self._connected()
        except sa.exc.DatabaseError as error:
            if _code(error) not in _BROKEN:
                raise
            _set_aside(file)
            engine = self._connected()
        with engine.connect() as connection:
            _checkpoint(connection)  # so that a file that is renamed has its tables
        self._id = file_id(file)
        return engine

    @property
    def _moved(self) -> bool:
        """The file at the path is no longer the one that is open."""
        return self._file is not None and file_id(self._file) != self._id

    def _retire(self) -> None:
        """Let go of a file that was renamed, whole, or removed."""
        if self._engine is None:
            return
        engine, self._engine = self._engine, None
        assert self._file is not None
        # The file itself first: what is in NAME-wal did not move with it.
        for work in (_checkpoint, partial(self._note_end, state="done"), _checkpoint):
            try:
                with engine.begin() as connection:
                    work(connection)
            except sa.exc.SQLAlchemyError as error:  # it may be gone, or broken by the move
                _log.info("%s was not ended where it was moved to: %s", self._name, error)
        if self._file.exists():
            # SQLite removes NAME-wal when a file is closed by its last user; by now that is another's.
            _RETIRED.append(engine)
        else:
            engine.dispose()

    def _connected(self) -> sa.Engine:
        assert self._url is not None
        options: dict[str, Any] = {}
        if self._file is not None:
            options["connect_args"] = {"timeout": self._lock_timeout_s}
        try:
            engine = sa.create_engine(self._url, **options)
        except ImportError as error:
            raise SinkError(
                f"cannot write {self._name}: its driver is missing: pip install {error.name}"
            ) from error
        if self._file is not None:
            sa.event.listen(engine, "connect", _set_up_sqlite)
        deadline = time.monotonic() + self._lock_timeout_s
        while True:
            try:
                with engine.begin() as connection:
                    tables.create(connection)
            except BaseException as error:  # whatever it is, it goes on; no connection must stay
                engine.dispose()
                # SQLite does not wait where two programs change the mode of a file at once.
                if not _is_busy(error) or time.monotonic() >= deadline:
                    raise
            else:
                return engine
            time.sleep(_BUSY_PAUSE_S)

    def _add_stream(self, name: str, width: int, height: int, fps: float | None) -> int:
        """Note a stream; its number, which stays the same in whatever file is begun later."""
        values = {"name": name, "width": width, "height": height, "fps": fps}
        with self._swap:
            if self._moved:
                self._connect()
            assert self._engine is not None
            row = tables.streams.insert().values(run_id=self._run_id, **values)
            with self._engine.begin() as connection:
                self._stream_ids.append(_new_id(connection.execute(row)))
            self._streams.append(values)
            return len(self._streams) - 1

    def _store(self, found: Sequence[StoredObjects]) -> None:
        """Store a batch in one transaction: after a failure nothing of it is there."""
        assert self._work is not None
        held_up = False
        while True:
            try:
                with self._swap, self._mapped():
                    if self._engine is None or self._moved:
                        _log.warning("%s was removed or renamed: a new one is begun", self._name)
                        self._connect()
                    self._insert(found)
                    if self._moved:  # perhaps before this was stored: then nobody would find it
                        continue
                break
            except SinkError as error:
                if held_up and isinstance(error.__cause__, sa.exc.IntegrityError):
                    break  # it was stored before, only the server's word of that was lost
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

    def _insert(self, found: Sequence[StoredObjects]) -> None:
        assert self._engine is not None
        with self._engine.begin() as connection:
            tables.insert(
                connection,
                [replace(one, stream_id=self._stream_ids[one.stream_id]) for one in found],
            )

    def _end(self, state: RunState) -> None:
        with self._swap, self._mapped():
            if self._engine is None:
                return  # a file that was removed could not be begun anew
            try:
                with self._engine.begin() as connection:
                    self._note_end(connection, state)
            finally:
                self._engine.dispose()

    def _note_end(self, connection: sa.Connection, state: RunState) -> None:
        connection.execute(
            tables.runs.update()
            .where(tables.runs.c.id == self._run_id)
            .values(ended_at=datetime.now(UTC), state=state)
        )

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            code = _code(error) or ""
            remedy = next((text for key, text in _REMEDIES.items() if code.startswith(key)), None)
            reason = remedy or " ".join(str(getattr(error, "orig", None) or error).split())
            raise SinkError(f"cannot write {self._name}: {reason}") from error


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Readers do not stop the writer, and a killed process leaves whole transactions.
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _checkpoint(connection: sa.Connection) -> None:
    """Bring what waits in NAME-wal into the file."""
    connection.exec_driver_sql("PRAGMA wal_checkpoint(FULL)")


def _new_id(result: sa.CursorResult[Any]) -> int:
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _code(error: sa.exc.SQLAlchemyError) -> str | None:
    """SQLite's name for an error, such as SQLITE_FULL; None for others."""
    return getattr(getattr(error, "orig", None), "sqlite_errorname", None)


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, sa.exc.OperationalError) and (_code(error) or "").startswith(
        ("SQLITE_BUSY", "SQLITE_LOCKED")
    )


def _forget_parts(file: Path) -> None:
    """Remove what a database that was removed or renamed left behind: it is not the new one's."""
    for suffix in ("-wal", "-shm", "-journal"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _set_aside(file: Path) -> None:
    aside = file.with_name(f"{file.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    try:
        for suffix in ("", "-wal", "-shm"):
            part = file.with_name(file.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise sink_error(file, error) from error
    _log.warning("%s is damaged: it was set aside as %s", file, aside)


def for_output(request: OutputRequest) -> DatabaseSink:
    """The sink of one output. A live stream tries again by itself and says what it waits for."""
    if any(stream.live for stream in request.streams):
        return DatabaseSink(
            request.path, request.run, patient=True, lock_timeout_s=_LIVE_LOCK_TIMEOUT_S
        )
    return DatabaseSink(request.path, request.run)
