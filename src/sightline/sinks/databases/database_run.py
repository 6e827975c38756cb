"""One run in a database: its row, its streams' rows, and the rows of what was seen.

Knows the connection, and when another one is begun: where others have moved or damaged a SQLite file.
Knows neither queues nor what is done when a database is away.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from sightline.addresses import database_address
from sightline.errors import SinkError
from sightline.sinks import schema
from sightline.sinks.databases import sqlite_file
from sightline.sinks.databases.location import name_and_file, url_of
from sightline.sinks.databases.watched_sqlite import WatchedSqlite
from sightline.sinks.rows import StoredObservation, TrackLabels, insert
from sightline.types import IndexedFile, JsonObject, RunState
from sightline.whole_files import OutputGuard

T = TypeVar("T")

_log = logging.getLogger(__name__)
_BUSY_PAUSE_S = 0.02


class DatabaseRun:
    """A run of a ``DatabaseSink``, whose arguments it has. Safe for several threads.

    ``name`` is the database for messages, without a password. Raises SinkError: ``url`` is no database
    that can be written to.
    """

    def __init__(
        self,
        url: str | Path,
        run: Mapping[str, object] | None,
        lock_timeout_s: float,
        guard: OutputGuard | None = None,
    ) -> None:
        try:
            self._url = url_of(database_address(str(url)))
        except (sa.exc.ArgumentError, ValueError) as error:
            # Its text may hold a password, so it is not repeated.
            scheme = str(url).split("://", 1)[0]
            why = f" ({error})" if type(error) is ValueError else ""
            raise SinkError(f"cannot write {scheme}://...: it is no database URL{why}") from None
        self.name, file = name_and_file(self._url)
        self._file: WatchedSqlite | None = None
        if file is not None:
            if self._url.database in (None, "", ":memory:"):
                raise SinkError("cannot write to a database in memory: give the name of a file")
            self._file = WatchedSqlite(self._url, self._prepare, lock_timeout_s, guard)
        self._facts = dict(run or {})
        self._lock_timeout_s = lock_timeout_s
        self._engine: sa.Engine | None = None
        self._run_id = 0
        self._swap = threading.RLock()  # held while the database is written, or another one begun
        self._streams: list[JsonObject] = []  # by number: what its row holds
        self._stream_ids: list[int] = []  # by number: the id of its row
        self._labels: dict[int, TrackLabels] = {}  # what the database holds, by stream

    @property
    def lost(self) -> int:
        """Observations that were stored and are in no file: see ``WatchedSqlite``."""
        return 0 if self._file is None else self._file.lost

    def begin(self) -> None:
        """Open the database and note the run. Raises SinkError."""
        self._while_locked(self._connect)

    def add_stream(
        self, name: str, width: int, height: int, fps: float | None, file: IndexedFile | None = None
    ) -> int:
        """Note a stream; its number, which stays the same in whatever file is begun later.

        Raises SinkError.
        """
        values = {"name": name, "width": width, "height": height, "fps": fps}
        return self._while_locked(self._add_stream, values | (asdict(file) if file else {}))

    def store(self, found: Sequence[StoredObservation]) -> None:
        """Store observations, by their streams' numbers, in one transaction. Raises SinkError."""
        self._while_locked(self._store_once, found)

    def set_aside(self) -> bool:
        """Rename a damaged SQLite file; the next rows begin a new one. False: it is no file."""
        if self._file is None:
            return False
        with self._swap:
            engine, self._engine = self._engine, None
            self._file.set_aside(engine)
        return True

    def checkpoint_soon(self) -> None:
        """Bring all rows into the SQLite file with the next ones. From any thread or signal."""
        if self._file is not None:
            self._file.checkpoint_soon()

    def _while_locked(self, work: Callable[..., T], *arguments: object) -> T:
        """Do something again while another program holds the file. Raises SinkError."""
        deadline = time.monotonic() + self._lock_timeout_s
        while True:
            try:
                with _mapped(self.name):
                    return work(*arguments)
            except SinkError as error:
                # SQLite does not wait where two programs change the mode of a file at once.
                if not sqlite_file.is_busy(error.__cause__) or time.monotonic() >= deadline:
                    raise
            time.sleep(_BUSY_PAUSE_S)

    def _prepare(self, connection: sa.Connection) -> None:
        schema.prepare(connection, self.name)

    def _connect(self) -> None:
        """Open the database and note the run in it, and the streams that there are already."""
        before, self._engine = self._engine, None
        if self._file is None:
            engine = self._connected()
        else:
            engine = self._file.connect(before, partial(self._note_end, self._run_id, "done"))
        values = {key: self._facts.get(key) for key in ("command", "model", "version")}
        # JSON has no paths, dates or enums: what it does not know is kept as text.
        settings = json.loads(json.dumps(self._facts.get("settings"), default=str))
        try:
            with engine.begin() as connection:
                self._run_id = _inserted(
                    connection, schema.runs, started_at=datetime.now(UTC), state="running",
                    settings=settings, **values,
                )  # fmt: skip
                self._stream_ids = [
                    _inserted(connection, schema.streams, run_id=self._run_id, **one)
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
        try:
            engine = sa.create_engine(self._url)
        except ImportError as error:
            raise SinkError(
                f"cannot write {self.name}: its driver is missing: pip install {error.name}"
            ) from error
        try:
            with engine.begin() as connection:
                self._prepare(connection)
        except BaseException:  # re-raised once the connection is closed
            engine.dispose()
            raise
        return engine

    def _add_stream(self, values: JsonObject) -> int:
        with self._swap:
            if self._moved:
                self._connect()
            assert self._engine is not None
            with self._engine.begin() as connection:
                number = _inserted(connection, schema.streams, run_id=self._run_id, **values)
            self._stream_ids.append(number)
            self._streams.append(values)
            return len(self._streams) - 1

    def _store_once(self, found: Sequence[StoredObservation]) -> None:
        with self._swap:
            while True:
                if self._engine is None or self._moved:
                    _log.warning("%s was removed or renamed: a new one is begun", self.name)
                    self._connect()
                self._insert(found)
                if self._file is None or not self._file.moved or self._file.renamed:
                    break
                # Perhaps it was removed before this was stored: then nobody would find it.
            if self._file is not None:
                assert self._engine is not None
                self._file.stored(self._engine, len(found))

    def _insert(self, found: Sequence[StoredObservation]) -> None:
        assert self._engine is not None
        rows = [replace(one, stream_id=self._stream_ids[one.stream_id]) for one in found]
        with self._engine.begin() as connection:
            stored = insert(connection, rows, self._labels)
        self._labels = stored

    def end(self, state: RunState) -> None:
        """Note how the run ended, and close the database. Raises SinkError."""
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
def _mapped(name: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise SinkError(f"cannot write {name}: {sqlite_file.reason(error)}") from error


def _inserted(connection: sa.Connection, table: sa.Table, **values: object) -> int:
    """The id of a new row."""
    key = connection.execute(table.insert().values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])
