"""Writes summaries into a database: each minute, and what it adds to its hour and its day, at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sightline.config import HistoryOptions
from sightline.errors import SinkError
from sightline.monitoring.history.packing import names_in, packed, unpacked
from sightline.monitoring.history.series import DAY_S, HOUR_S, LEVELS, MINUTE_S, Series
from sightline.monitoring.history.summary import PeriodSummary
from sightline.sinks import schema
from sightline.sinks.databases import sqlite_file
from sightline.sinks.databases.location import name_and_file, url_of
from sightline.sinks.files import locked_folder
from sightline.whole_files import OutputGuard, make_folder

_LOCK = 0x5167_4C68  # any number that other programs do not use
_CHUNK = 500
"""Rows in one statement: databases limit its parameters."""
_LOCK_TIMEOUT_S = 5.0
_ANSWER_S = 10.0
"""A server that is silent for so long counts as away."""


class HistoryStore:
    """The summaries of a database, for writing. For one thread; several processes may write at a time.

    The database is opened for each writing: a SQLite file that was removed or renamed is begun anew.

    Args:
        url: as a ``DatabaseSink`` takes it.
        keep: for how long summaries are kept.
        guard: says which links at the path of a SQLite file are followed.
    """

    def __init__(
        self, url: str | Path, keep: HistoryOptions, guard: OutputGuard | None = None
    ) -> None:
        self._url = url_of(str(url))
        self.name, self._file = name_and_file(self._url)
        self._keep = keep
        self._guard = guard

    def add(self, start: int, found: Mapping[Series, PeriodSummary]) -> None:
        """Add what happened in a minute, in one transaction.

        Args:
            start: Unix time at which the minute began.
            found: by series; what is there already for the same minute stays, and this is added.

        Raises SinkError: nothing was added.
        """
        found = {series: _storable(summary) for series, summary in found.items() if summary}
        if not found:
            return
        with self._writing() as connection:
            wanted = {name for summary in found.values() for name in names_in(summary)}
            numbers = _name_numbers(connection, wanted)
            series = {one: _series_number(connection, one) for one in found}
            for seconds in LEVELS:
                begin = start - start % seconds
                rows = {series[one]: summary for one, summary in found.items()}
                _merge_rows(connection, (seconds, begin), rows, numbers)

    def prune(self, now: float) -> None:
        """Remove what is older than it is kept, as of ``now`` (Unix time). Raises SinkError."""
        # Whole hours and days: each is known by its minutes or hours, never by a part of them.
        kept = {
            MINUTE_S: (self._keep.minute_days, HOUR_S),
            HOUR_S: (self._keep.hour_days, DAY_S),
            DAY_S: (self._keep.day_days, DAY_S),
        }
        with self._writing() as connection:
            for seconds, (days, whole) in kept.items():
                oldest = int((now - days * DAY_S) // whole) * whole
                table = schema.history[seconds]
                connection.execute(table.delete().where(table.c.start < oldest))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction that is alone in writing. Raises SinkError."""
        engine: sa.Engine | None = None
        try:
            engine = self._opened()
            with engine.connect() as connection:
                if self._file is None:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                else:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
                connection.commit()
        except sa.exc.SQLAlchemyError as error:
            raise SinkError(f"cannot write {self.name}: {sqlite_file.reason(error)}") from error
        except OSError as error:  # raised by a driver: a server is silent
            raise SinkError(f"cannot write {self.name}: {error}") from error
        except ImportError as error:
            raise SinkError(
                f"cannot write {self.name}: its driver is missing: pip install {error.name}"
            ) from error
        finally:
            if engine is not None:
                engine.dispose()

    def _opened(self) -> sa.Engine:
        if self._file is None:
            engine = sa.create_engine(
                self._url, poolclass=sa.NullPool, connect_args=answer_limit(self._url)
            )
        else:
            make_folder(self._file.parent)
            if self._guard is not None:
                self._guard.check(self._file)
            with locked_folder(self._file.parent):
                if sqlite_file.part_ids(self._file)[0] is None:
                    sqlite_file.create(self._file, self._prepare)
            engine = sa.create_engine(
                sqlite_file.existing(self._url),
                poolclass=sa.NullPool,
                connect_args={"timeout": _LOCK_TIMEOUT_S},
            )
            sa.event.listen(engine, "connect", sqlite_file.set_up_existing)
        with engine.begin() as connection:
            self._prepare(connection)
        return engine

    def _prepare(self, connection: sa.Connection) -> None:
        schema.prepare(connection, self.name)


def answer_limit(url: sa.URL) -> dict[str, float]:
    """What a driver is told, so that it does not wait for ever for a server that hangs."""
    if url.drivername == "postgresql+pg8000" and "timeout" not in url.query:
        return {"timeout": _ANSWER_S}
    return {}


def _insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _storable(summary: PeriodSummary) -> PeriodSummary:
    """The same, with names as a database can hold them."""
    found = PeriodSummary()
    for name, count in summary.counts.items():
        found.counts[schema.stored_text(name)] += count
    for name, bins in summary.histograms.items():
        found.histograms[schema.stored_text(name)] = bins
    for name, value in summary.values.items():
        found.values[schema.stored_text(name)] = value
    return found


def _name_numbers(connection: sa.Connection, wanted: set[str]) -> dict[str, int]:
    """The numbers of names, new ones too."""
    there = _numbers_there(connection, sorted(wanted))
    new = sorted(wanted - there.keys())
    if new:
        inserted = _insert(connection, schema.history_names).on_conflict_do_nothing()
        connection.execute(inserted, [{"name": name} for name in new])
        there |= _numbers_there(connection, new)
    return there


def _numbers_there(connection: sa.Connection, texts: Sequence[str]) -> dict[str, int]:
    names = schema.history_names.c
    found: dict[str, int] = {}
    for at in range(0, len(texts), _CHUNK):
        some = sa.select(names.name, names.id).where(names.name.in_(texts[at : at + _CHUNK]))
        found |= {row.name: row.id for row in connection.execute(some)}
    return found


def _series_number(connection: sa.Connection, one: Series) -> int:
    table = schema.history_series
    values = {
        "kind": one.kind,
        "name": schema.stored_text(one.name),
        "model": schema.stored_text(one.model),
    }
    same = sa.and_(*(table.c[key] == value for key, value in values.items()))
    found = connection.execute(sa.select(table.c.id).where(same)).scalar_one_or_none()
    if found is None:
        key = connection.execute(table.insert().values(values)).inserted_primary_key
        assert key is not None
        found = key[0]
    return int(found)


def _merge_rows(
    connection: sa.Connection,
    place: tuple[int, int],
    found: Mapping[int, PeriodSummary],
    numbers: Mapping[str, int],
) -> None:
    """Add summaries, by their series, to those of a minute, hour or day: its seconds and its start."""
    seconds, start = place
    table = schema.history[seconds]
    there: dict[int, bytes] = {}
    ids = list(found)
    for at in range(0, len(ids), _CHUNK):
        mine = sa.and_(
            table.c.start == start,
            table.c.series_id.in_(ids[at : at + _CHUNK]),
        )
        some = sa.select(table.c.series_id, table.c.data).where(mine)
        there |= {row.series_id: row.data for row in connection.execute(some)}
    names = read_names(connection) if there else {}
    all_numbers = {**{name: number for number, name in names.items()}, **numbers}
    rows = []
    for number, summary in found.items():
        total = summary
        if number in there:
            total = PeriodSummary()
            total.merge(_read(there[number], names))
            total.merge(summary)
        data = packed(total, all_numbers)
        rows.append({"start": start, "series_id": number, "data": data})
    new = _insert(connection, table)
    same = new.on_conflict_do_update(
        index_elements=["start", "series_id"], set_={"data": new.excluded.data}
    )
    connection.execute(same, rows)


def read_names(connection: sa.Connection) -> dict[int, str]:
    """The names of a database's summaries, by their numbers."""
    table = schema.history_names.c
    return {row.id: row.name for row in connection.execute(sa.select(table.id, table.name))}


def _read(data: bytes, names: Mapping[int, str]) -> PeriodSummary:
    """What was kept; of a damaged summary nothing, since what comes later counts still."""
    try:
        return unpacked(data, names)
    except ValueError:
        return PeriodSummary()
