"""Vectors in a results database, to be searched. Knows its tables; knows neither indexes nor models."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from sightline.addresses import database_address
from sightline.errors import ConfigError, SearchError
from sightline.sinks.databases import sqlite_file
from sightline.sinks.databases.location import name_and_file
from sightline.sinks.embedding_rows import STORED
from sightline.sinks.schema import embedders, embeddings, streams
from sightline.types import EmbedderInfo, Floats, Ints, Match

_CHUNK = 500
"""Ids in one statement: databases limit its parameters."""
_DAMAGED = "the database is damaged; move it away, and index its files again"


@dataclass(frozen=True)
class Narrowing:
    """Which objects are searched. What is empty or None does not narrow.

    Args:
        classes: names of their classes.
        streams: names of the streams that they were seen in.
        not_streams: names of streams that are left out.
        after, before: when they were seen; those of which that is not known are left out.
    """

    classes: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    not_streams: tuple[str, ...] = ()
    after: datetime | None = None
    before: datetime | None = None


class StoredEmbeddings:
    """The embeddings of a database, for reading. Safe for several threads.

    Args:
        url: as a ``DatabaseSink`` takes it; a SQLite file must be there.

    Raises:
        ConfigError: there is no such file, or it is no address of a database.
        SearchError: its driver is missing.
    """

    def __init__(self, url: str | Path) -> None:
        self._url = _address(url)
        self.name, self.file = name_and_file(self._url)
        if self.file is not None:
            if not self.file.is_file():
                raise ConfigError(
                    f"there is no database {self.file}: `sightline search index` makes one"
                )
            self._state = sqlite_file.read_state(self.file)
            self._url = sqlite_file.readable(self._url)
        try:
            self._engine = sa.create_engine(self._url)
        except sa.exc.NoSuchModuleError:
            raise ConfigError(
                f"{self._url.drivername}://... is no kind of database that is known: sqlite, postgresql+pg8000"
            ) from None
        except ImportError as error:
            raise SearchError(
                f"cannot read {self.name}: its driver is missing: pip install {error.name}"
            ) from error

    @property
    def moved(self) -> bool:
        """The SQLite file at the path is no longer the one that is open: it was removed or replaced."""
        return self.file is not None and sqlite_file.read_state(self.file) != self._state

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self._engine.dispose()

    def embedders(self) -> dict[int, EmbedderInfo]:
        """What has made vectors, by number; empty where there are none. Raises SearchError."""
        with self._reading() as connection:
            if not sa.inspect(connection).has_table(embeddings.name):
                return {}
            rows = connection.execute(sa.select(embedders).order_by(embedders.c.id)).all()
        wrong = next((row for row in rows if row.dimensions < 1), None)
        if wrong is not None:
            raise SearchError(
                f"{self.name}: vectors of {wrong.name} have {wrong.dimensions} values: {_DAMAGED}"
            )
        return {row.id: EmbedderInfo(row.name, row.digest, row.dimensions) for row in rows}

    def newest(self, embedder: int) -> int:
        """The largest id of an embedder's vectors; 0 where there are none. Raises SearchError."""
        return self._value(sa.func.max(embeddings.c.id), embedder)

    def count(self, embedder: int) -> int:
        """How many vectors of an embedder there are. Raises SearchError."""
        return self._value(sa.func.count(), embedder)

    def ids(self, embedder: int, narrowing: Narrowing | None = None, after: int = 0) -> Ints:
        """The ids of an embedder's vectors that are larger than ``after``, in order. Raises SearchError."""
        found = sa.select(embeddings.c.id).where(
            embeddings.c.embedder_id == embedder, embeddings.c.id > after
        )
        if narrowing is not None:
            found = found.join(streams)
        found = narrowed(found, narrowing or Narrowing()).order_by(embeddings.c.id)
        with self._reading() as connection:
            return np.fromiter(connection.execute(found).scalars(), np.int64)

    def vectors(self, embedder: int, dimensions: int, after: int, most: int) -> tuple[Ints, Floats]:
        """Ids above ``after`` in order, at most so many, and their vectors (N, dimensions) float32.

        Raises SearchError: also where a vector has another length.
        """
        found = (
            sa.select(embeddings.c.id, embeddings.c.vector)
            .where(embeddings.c.embedder_id == embedder, embeddings.c.id > after)
            .order_by(embeddings.c.id)
            .limit(most)
        )
        with self._reading() as connection:
            rows = connection.execute(found).all()
        ids = np.array([row[0] for row in rows], np.int64)
        return ids, self.read([(row[0], row[1]) for row in rows], dimensions)

    def read(self, stored: Sequence[tuple[int, object]], dimensions: int) -> Floats:
        """Ids of embeddings and their vectors as they are stored, as (N, dimensions) float32.

        Raises SearchError: a vector has another length, or a value that is no finite number.
        """
        length = dimensions * STORED.itemsize
        whole: list[bytes] = []
        for key, vector in stored:
            if not isinstance(vector, bytes) or len(vector) != length:
                raise SearchError(
                    f"{self.name}: the vector of embedding {key} has not {dimensions} values: {_DAMAGED}"
                )
            whole.append(vector)
        vectors = (
            np.frombuffer(b"".join(whole), STORED)
            .reshape(len(stored), dimensions)
            .astype(np.float32)
        )
        wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(wrong):
            raise SearchError(
                f"{self.name}: the vector of embedding {stored[wrong[0]][0]} holds what is no finite number: "
                f"{_DAMAGED}"
            )
        return vectors

    def vectors_of(self, ids: Ints, dimensions: int) -> dict[int, Floats]:
        """The vectors of these ids, (dimensions,) float32 each, by id; those that are there.

        Raises SearchError: as ``read``.
        """
        found = sa.select(embeddings.c.id, embeddings.c.vector)
        rows = [(row.id, row.vector) for row in self._rows_of(found, ids)]
        return dict(zip((key for key, _ in rows), self.read(rows, dimensions), strict=True))

    def matches(self, ids: Ints, similarities: Floats) -> list[Match]:
        """What is known of these embeddings, in their order; those that are no longer there are left out."""
        found = sa.select(embeddings, streams.c.name, streams.c.path).join(streams)
        rows = {row.id: row for row in self._rows_of(found, ids)}
        pairs = zip(ids.tolist(), similarities.tolist(), strict=True)
        return [_match(rows[key], similarity) for key, similarity in pairs if key in rows]

    def picture(self, number: int) -> bytes:
        """The picture (JPEG) of an embedding; empty where there is none. Raises SearchError."""
        if not _can_be_stored(number):
            return b""
        found = sa.select(embeddings.c.picture).where(embeddings.c.id == number)
        with self._reading() as connection:
            return connection.execute(found).scalar() or b""

    def of_track(self, embedder: int, stream: str, track_id: int) -> Ints:
        """The ids of a track's vectors: of streams of this name in any run, the newest first."""
        if not _can_be_stored(track_id):
            return np.empty(0, np.int64)
        found = (
            sa.select(embeddings.c.id)
            .join(streams)
            .where(
                embeddings.c.embedder_id == embedder,
                streams.c.name == stream,
                embeddings.c.track_id == track_id,
            )
            .order_by(embeddings.c.id.desc())
        )
        with self._reading() as connection:
            return np.fromiter(connection.execute(found).scalars(), np.int64)

    def rows(self, found: sa.Select[Any]) -> list[sa.Row[Any]]:
        """The rows that a query finds. Raises SearchError."""
        with self._reading() as connection:
            return list(connection.execute(found).all())

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction, for changes. Raises SearchError."""
        with self._reading() as connection, connection.begin():
            yield connection

    def has_column(self, table: str, column: str) -> bool:
        """Whether the database has it: one of an earlier version may not. Raises SearchError."""
        with self._reading() as connection:
            inspector = sa.inspect(connection)
            there = inspector.get_columns(table) if inspector.has_table(table) else []
        return any(one["name"] == column for one in there)

    def _value(self, what: sa.ColumnElement[Any], embedder: int) -> int:
        found = sa.select(what).where(embeddings.c.embedder_id == embedder)
        with self._reading() as connection:
            return int(connection.execute(found).scalar() or 0)

    def _rows_of(self, found: sa.Select[Any], ids: Ints) -> Iterator[sa.Row[Any]]:
        with self._reading() as connection:
            for at in range(0, len(ids), _CHUNK):
                part = ids[at : at + _CHUNK].tolist()
                yield from connection.execute(found.where(embeddings.c.id.in_(part)))

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise SearchError(
                f"cannot read {self.name}: {sqlite_file.reason_of_reading(error)}"
            ) from error


def _can_be_stored(number: int) -> bool:
    """Whether a column can hold it: databases refuse to look for what they cannot hold."""
    return -(2**63) <= number < 2**63


def _address(url: str | Path) -> sa.URL:
    try:
        address = database_address(str(url))
        if "://" in address:
            return sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        # Its text may hold a password, so it is not repeated.
        scheme = str(url).split("://", 1)[0]
        raise ConfigError(f"{scheme}://... is no address of a database") from None
    return sa.URL.create("sqlite", database=str(url))


def narrowed(found: sa.Select[Any], narrowing: Narrowing) -> sa.Select[Any]:
    """A query of `embeddings` and `streams` for the rows that are searched only."""
    if narrowing.classes:
        found = found.where(embeddings.c["class"].in_(narrowing.classes))
    if narrowing.streams:
        found = found.where(streams.c.name.in_(narrowing.streams))
    if narrowing.not_streams:
        found = found.where(streams.c.name.not_in(narrowing.not_streams))
    if narrowing.after is not None:
        found = found.where(embeddings.c.utc >= narrowing.after)
    if narrowing.before is not None:
        found = found.where(embeddings.c.utc < narrowing.before)
    return found


def unix_time(stored: datetime | None) -> float | None:
    """The Unix time of a moment of the database.

    SQLite does not keep its zone, which is always UTC; PostgreSQL tells it in that of the session.
    """
    if stored is None:
        return None
    return (stored if stored.tzinfo else stored.replace(tzinfo=UTC)).timestamp()


def _match(row: sa.Row[Any], similarity: float) -> Match:
    utc = unix_time(row.utc)
    return Match(
        row.id,
        similarity,
        row.name,
        row.track_id,
        row._mapping["class"],  # noqa: SLF001 - SQLAlchemy's public name
        row.score,
        (row.x1, row.y1, row.x2, row.y2),
        row.frame,
        row.time,
        utc,
        row.path,
        row.picture or b"",
    )


def chosen_embedder(
    stored: StoredEmbeddings, wanted: EmbedderInfo | None
) -> tuple[int, EmbedderInfo]:
    """The embedder whose vectors are searched: the one that is wanted, or the only one.

    Raises:
        ConfigError: there are no vectors, several embedders, or none of the wanted one's.
    """
    there = stored.embedders()
    if not there:
        raise ConfigError(
            f"{stored.name} holds no vectors: index footage with `sightline search index`, or track with "
            "--embed"
        )
    known = "; ".join(map(str, there.values()))
    if wanted is None:
        if len(there) > 1:
            raise ConfigError(
                f"{stored.name} has vectors of several embedders: choose one of {known}"
            )
        return next(iter(there.items()))
    found = next(((n, info) for n, info in there.items() if info.digest == wanted.digest), None)
    if found is None:
        raise ConfigError(
            f"{stored.name} was indexed with another embedder: {known}; vectors of {wanted} cannot be compared "
            "with those. Use the same embedder, or index again with this one"
        )
    return found
