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
from sightline.sinks.files import locked_folder
from sightline.sinks.rows import StoredObservation, TrackLabels, insert
from sightline.types import Observation, OutputRequest, RunState, StreamInfo
from sightline.whole_files import make_folder

T = TypeVar("T")

_log = logging.getLogger(__name__)
_WAITING = 4096  # observations that may wait for the database; a few kilobytes each
_BATCH = 512
_LINGER_S = 0.5
_BUSY_PAUSE_S = 0.02
_LIVE_LOCK_TIMEOUT_S = 5.0
# So long a locked SQLite file is waited for at a time: it may have been moved meanwhile.
_LOCK_S = 0.5
_PAUSE_S = 1.0  # between two tries of a database that is away
# So often all rows are brought into a SQLite file, beside what SQLite does itself.
_CHECKPOINT_S = 60.0


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
        self._work: Background[StoredObservation] | None = None
        self._run_id = 0
        self.lost = 0
        self._parts: sqlite_file.PartIds = (None, None, None)
        # Files that others moved and that are not whole yet, with what could be lost of each.
        self._left: list[tuple[sa.Engine, Callable[[sa.Connection], bool], int]] = []
        self._unsettled = 0  # observations that may be only in NAME-wal
        self._checkpointed_at = 0.0
        self._reopen = False
        self.state: RunState = "done"
        self._closed = False
        self._swap = threading.RLock()  # held while the database is written, or another one begun
        self._stream_numbers: dict[str, int] = {}
        self._streams: list[dict[str, Any]] = []  # by number: what its row holds
        self._stream_ids: list[int] = []  # by number: the id of its row
        self._labels: dict[int, TrackLabels] = {}  # what the database holds, by stream
        self._stills = False

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
        self._reopen = True

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

    def _while_locked(self, work: Callable[..., T], *arguments: Any) -> T:
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

    def _connected_file(self, file: Path) -> sa.Engine:
        engine = None
        while engine is None:
            if sqlite_file.part_ids(file)[0] is None:
                sqlite_file.create(file, partial(schema.prepare, name=self._name))
            try:
                engine = self._connected()
            except FileNotFoundError:
                continue  # it was emptied just now
            except sa.exc.DatabaseError as error:
                if sqlite_file.is_damage(error):
                    sqlite_file.set_aside(file)
                elif file.exists():  # else it was removed just now
                    raise
        with engine.connect() as connection:
            # So that a file that is renamed has its tables.
            sqlite_file.checkpoint(connection)
        self._parts = sqlite_file.part_ids(file)
        self._checkpointed_at, self._unsettled = time.monotonic(), 0
        return engine

    @property
    def _moved(self) -> bool:
        """The file at the path, or a part of it, is no longer the one that is open."""
        if self._file is None:
            return False
        parts = sqlite_file.part_ids(self._file)
        return parts[0] is None or sqlite_file.is_half(parts) or parts != self._parts

    def _retire(self, state: RunState = "done") -> None:
        """Let go of a file that others renamed, removed or emptied. Nothing in it is lost where it
        was renamed: what a reader keeps from getting there now is tried again later."""
        engine, self._engine = self._engine, None
        assert self._file is not None
        if engine is not None:
            end = partial(self._note_end, self._run_id, state)
            self._left.append((engine, end, self._unsettled))
        sqlite_file.clear_path(self._file, self._parts)
        self._settle_left()

    def _settle_left(self) -> None:
        self._left = [one for one in self._left if not sqlite_file.let_go(*one[:2])]

    def _settle(self) -> None:
        """Bring all rows into the file, now and then, so that few are at stake when it is moved."""
        now = time.monotonic()
        if self._reopen or now - self._checkpointed_at >= _CHECKPOINT_S:
            self._checkpointed_at, self._reopen = now, False
            assert self._engine is not None
            try:
                with self._engine.connect() as connection:
                    if sqlite_file.checkpoint(connection, "PASSIVE"):
                        self._unsettled = 0
            except sa.exc.SQLAlchemyError as error:  # the rows are stored, and this is tried again
                _log.warning("%s: its rows stay in the log beside it: %s", self._name, error)
        if self._left:
            self._settle_left()

    def _connected(self) -> sa.Engine:
        assert self._url is not None
        url, options = self._url, {}
        if self._file is not None:
            url = sqlite_file.existing(url)
            options["connect_args"] = {"timeout": min(_LOCK_S, self._lock_timeout_s)}
        try:
            engine = sa.create_engine(url, **options)
        except ImportError as error:
            raise SinkError(
                f"cannot write {self._name}: its driver is missing: pip install {error.name}"
            ) from error
        if self._file is not None:
            sa.event.listen(engine, "connect", sqlite_file.set_up_existing)
        try:
            with engine.begin() as connection:
                schema.prepare(connection, self._name)
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
                    self._set_aside()
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
                self._unsettled += len(found)
                self._settle()

    def _set_aside(self) -> None:
        """Let go of a file that somebody wrote over."""
        assert self._file is not None
        with self._swap, locked_folder(self._file.parent):
            engine, self._engine = self._engine, None
            if not self._moved:
                sqlite_file.set_aside(self._file)
            if engine is not None:
                engine.dispose()  # SQLite writes nothing to a file that was moved

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
            self._count_left()

    def _end_once(self, state: RunState) -> None:
        with self._swap:
            if self._engine is None:
                return  # a file that was removed could not be begun anew
            if self._file is not None and self._moved:
                with locked_folder(self._file.parent):
                    self._retire(state)
                return
            with self._engine.begin() as connection:
                self._note_end(self._run_id, state, connection)

    def _count_left(self) -> None:
        """Give up files that were moved and are held by readers to the end."""
        if not self._left:
            return
        self._settle_left()
        for engine, _, at_stake in self._left:
            self.lost += at_stake
            _log.warning(
                "%s was renamed while another program read it: the last %d results of it are lost",
                self._name, at_stake,
            )  # fmt: skip
            engine.dispose()
        self._left = []

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
