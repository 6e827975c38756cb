"""Reads the summaries of a database: those of some time, each count once."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa

from sightline.addresses import database_address
from sightline.errors import ConfigError
from sightline.monitoring.history.packing import unpacked
from sightline.monitoring.history.series import (
    DAY_S,
    HOUR_S,
    MINUTE_S,
    Series,
    StoredSummary,
    step_of,
)
from sightline.runtime.history.store import answer_limit, read_names
from sightline.sinks import schema
from sightline.sinks.databases import sqlite_file
from sightline.sinks.databases.location import name_and_file, url_of

log = logging.getLogger(__name__)


class StoredHistory:
    """The summaries of a database, for reading. Each reading opens it; safe for several threads.

    Args:
        url: as a ``DatabaseSink`` takes it.

    Raises ConfigError: it is no address of a database.
    """

    def __init__(self, url: str | Path) -> None:
        try:
            self._url = url_of(database_address(str(url)))
        except (sa.exc.ArgumentError, ValueError) as error:
            why = f": {error}" if type(error) is ValueError else ""
            raise ConfigError(f"that is no address of a database{why}") from None
        self.name, self._file = name_and_file(self._url)

    def span(self) -> tuple[int, int] | None:
        """When the first and the last minute, hour or day begin; None: nothing is kept. Raises ConfigError."""
        begins, ends = [], []
        with self._reading() as connection:
            for seconds, table in schema.history.items():
                own = sa.select(sa.func.min(table.c.start), sa.func.max(table.c.start))
                first, last = connection.execute(own).one()
                if first is not None:
                    begins.append(int(first))
                    ends.append(int(last) + seconds)
        # A day that has begun ends with its last minute.
        return (min(begins), ends[0]) if begins else None

    def names(self, kind: str) -> list[str]:
        """The names of all streams or models that something is kept of. Raises ConfigError."""
        table = schema.history_series.c
        with self._reading() as connection:
            found = connection.execute(
                sa.select(table.name).where(table.kind == kind).distinct().order_by(table.name)
            ).scalars()
            return list(found)

    def read(
        self,
        after: int,
        before: int,
        streams: Sequence[str] = (),
        models: Sequence[str] = (),
    ) -> Iterator[StoredSummary]:
        """The summaries of a time, as fine as suits its length: minutes, hours or days.

        Those of one stream follow one another, and only one series is in memory at a time: a week of a hundred cameras
        takes hundreds of megabytes. Where finer ones are no longer kept, coarser ones stand for them. Damaged ones are left out, which the log says.

        Args:
            after, before: Unix times of its beginning and end.
            streams: names of streams; none: all, and the service.
            models: names of models, and of those that streams use; none: all.

        Raises ConfigError: it cannot be read.
        """
        wanted = step_of(before - after)
        damaged = 0
        with self._reading() as connection:
            names = read_names(connection)
            for number, series in _series(connection):
                if not _concerns(series, streams, models):
                    continue
                for start, seconds, data in _rows(connection, number, wanted, after, before):
                    try:
                        summary = unpacked(data, names)
                    except ValueError:  # all others are still of use
                        damaged += 1
                    else:
                        yield StoredSummary(series, start, seconds, summary)
        if damaged:
            log.warning("%s: %d summaries are damaged, and left out", self.name, damaged)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        if self._file is not None and self._file.exists() and not self._file.is_file():
            raise ConfigError(f"{self._file} is no file: give the database of a service")
        if self._file is not None and not self._file.exists():
            raise ConfigError(
                f"there is no database {self._file}: `history: {{database: {self._file}}}` in a configuration "
                "makes one, as soon as `sightline run` has run for a minute"
            )
        url = self._url if self._file is None else sqlite_file.readable(self._url)
        try:
            engine = sa.create_engine(
                url, poolclass=sa.NullPool, connect_args=answer_limit(self._url)
            )
            with engine.connect() as connection:
                if not sa.inspect(connection).has_table(schema.history_series.name):
                    raise ConfigError(
                        f"{self.name} has no history: name it as `history.database` in a configuration, and "
                        "`sightline run` keeps one in it"
                    )
                yield connection
        except sa.exc.NoSuchModuleError:
            raise ConfigError(
                f"{self._url.drivername}://... is no kind of database that is known: sqlite, postgresql+pg8000"
            ) from None
        except ImportError as error:
            raise ConfigError(
                f"cannot read {self.name}: its driver is missing: pip install {error.name}, or write "
                "postgresql+pg8000://..."
            ) from error
        except (sa.exc.SQLAlchemyError, OSError, ValueError) as error:
            raise ConfigError(
                f"cannot read {self.name}: {sqlite_file.reason_of_reading(error)}"
            ) from error


def _series(connection: sa.Connection) -> list[tuple[int, Series]]:
    """What summaries are kept of, by kind and name, with its number."""
    rows = connection.execute(sa.select(schema.history_series)).all()
    found = [(row.id, Series(row.kind, row.name, row.model)) for row in rows]
    return sorted(found, key=lambda one: one[1])


def _concerns(series: Series, streams: Sequence[str], models: Sequence[str]) -> bool:
    if series.kind == "stream":
        return (not streams or series.name in streams) and (not models or series.model in models)
    if series.kind == "model":
        return not models or series.name in models
    return not streams and not models


def _rows(
    connection: sa.Connection, number: int, wanted: int, after: int, before: int
) -> Iterable[tuple[int, int, bytes]]:
    """Start, seconds and content of a series' summaries within a time."""
    covered: set[int] = (
        set()
    )  # hours, and then days, that are known finer from their start to their end
    for seconds, coarser in ((MINUTE_S, HOUR_S), (HOUR_S, DAY_S), (DAY_S, DAY_S)):
        if seconds < wanted:
            continue
        table = schema.history[seconds].c
        mine = sa.and_(
            table.series_id == number,
            table.start >= after - after % seconds,
            table.start < before,
        )
        rows = connection.execute(
            sa.select(table.start, table.data).where(mine).order_by(table.start)
        ).all()
        yield from ((row.start, seconds, row.data) for row in rows if row.start not in covered)
        covered = {start - start % coarser for start in (covered | {row.start for row in rows})}
