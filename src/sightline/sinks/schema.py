"""The tables of a results database, their version, and what a database of an earlier version gets.

Knows neither files nor threads.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from sightline.errors import SinkError

VERSION = 6
"""The version of the tables below. 1 was without `labels`, `events` and `schema_version`, 2 without the objects' shapes,
3 without `embedders`, `embeddings` and the files of streams, 4 without `parent_id`, 5 without the tables `history...`."""

COMPATIBLE = 1
"""The oldest version whose programs may go on writing: it is raised when a change is no addition."""

_LOCK = 0x5167_4C69  # any number that other programs do not use
_metadata = sa.MetaData()


def stored_text(text: str) -> str:
    r"""A text as a database can hold it: bytes of a file's name that are no UTF-8 become ``\udcff``, NUL ``\x00``."""
    text = text.replace("\0", "\\x00")  # PostgreSQL takes none
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class Name(sa.TypeDecorator[str]):
    """A text from outside, such as a file's name, which Python may hold and a database cannot."""

    impl = sa.String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """See ``stored_text``."""
        return None if value is None else stored_text(value)


runs = sa.Table(
    "runs",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),  # UTC
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("state", sa.String, nullable=False),  # running, done, failed or interrupted
    sa.Column("command", Name),
    sa.Column("model", Name),
    sa.Column("version", sa.String),
    sa.Column("settings", sa.JSON),
)
streams = sa.Table(
    "streams",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("name", Name, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("fps", sa.Float),
    # For files that were indexed to search by:
    sa.Column("path", Name),  # absolute
    sa.Column("size", sa.BigInteger),  # bytes
    sa.Column("modified_ns", sa.BigInteger),  # Unix time
)
frames = sa.Table(
    "frames",
    _metadata,
    sa.Column("stream_id", sa.ForeignKey("streams.id"), primary_key=True),
    sa.Column("frame", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time", sa.Float, nullable=False),  # seconds in the stream
    sa.Column("objects", sa.Integer, nullable=False),  # how many
    # 1: it was not analysed, and the tracker says where its objects are
    sa.Column("predicted", sa.Integer, nullable=False, server_default="0"),
    sa.Column("utc", sa.DateTime(timezone=True)),  # when it was taken, where that is known
    sa.Column("clock", sa.String),  # where `utc` is from: rtcp, arrival or start
    sqlite_with_rowid=False,
)
objects = sa.Table(
    "objects",
    _metadata,
    sa.Column("stream_id", sa.Integer, primary_key=True),
    sa.Column("frame", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # in its frame, from 0
    sa.Column("track_id", sa.BigInteger),
    sa.Column("class_id", sa.Integer, nullable=False),
    sa.Column("class", Name, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("x1", sa.Float, nullable=False),  # corners in source pixels
    sa.Column("y1", sa.Float, nullable=False),
    sa.Column("x2", sa.Float, nullable=False),
    sa.Column("y2", sa.Float, nullable=False),
    # For models that tell more than boxes:
    sa.Column("angle", sa.Float),  # radians by which the box is turned about its centre, clockwise
    sa.Column("keypoints", sa.JSON(none_as_null=True)),  # [[x, y, score], ...]
    sa.Column("mask", sa.JSON(none_as_null=True)),  # COCO's packed run lengths: size, counts
    sa.Column("parent_id", sa.BigInteger),  # the track of the object that this one is a part of
    sa.ForeignKeyConstraint(["stream_id", "frame"], ["frames.stream_id", "frames.frame"]),
    sqlite_with_rowid=False,
)
tracks = sa.Table(
    "tracks",
    _metadata,
    sa.Column("stream_id", sa.ForeignKey("streams.id"), primary_key=True),
    sa.Column("track_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("class", Name, nullable=False),  # where its score was best
    sa.Column("first_time", sa.Float, nullable=False),
    sa.Column("last_time", sa.Float, nullable=False),
    sa.Column("first_frame", sa.BigInteger, nullable=False),
    sa.Column("last_frame", sa.BigInteger, nullable=False),
    sa.Column("frames", sa.Integer, nullable=False),  # how many it was seen in
    sa.Column("best_score", sa.Float, nullable=False),
    sa.Column("first_utc", sa.DateTime(timezone=True)),
    sa.Column("last_utc", sa.DateTime(timezone=True)),
    sqlite_with_rowid=False,
)

labels = sa.Table(
    "labels",  # what classifiers say of a track by now
    _metadata,
    sa.Column("stream_id", sa.Integer, primary_key=True),
    sa.Column("track_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("attribute", Name, primary_key=True),
    sa.Column("value", Name, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("frame", sa.BigInteger, nullable=False),  # in which it was last said anew
    sa.ForeignKeyConstraint(["stream_id", "track_id"], ["tracks.stream_id", "tracks.track_id"]),
    sa.ForeignKeyConstraint(["stream_id", "frame"], ["frames.stream_id", "frames.frame"]),
    sqlite_with_rowid=False,
)
events = sa.Table(
    "events",
    _metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("stream_id", sa.Integer, nullable=False),
    sa.Column("frame", sa.BigInteger, nullable=False),  # that it was written with
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("time", sa.Float, nullable=False),  # seconds in the stream
    sa.Column("utc", sa.DateTime(timezone=True)),
    sa.Column("track_id", sa.BigInteger),
    sa.Column("data", sa.JSON(none_as_null=True)),
    sa.ForeignKeyConstraint(["stream_id", "frame"], ["frames.stream_id", "frames.frame"]),
    sa.Index("ix_events_stream_id_time", "stream_id", "time"),
)
embedders = sa.Table(
    "embedders",  # what made vectors; those of two embedders cannot be compared
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", Name, nullable=False),  # as the user called it
    sa.Column("digest", sa.String, nullable=False, unique=True),  # SHA-256 of its files
    sa.Column("dimensions", sa.Integer, nullable=False),
)
embeddings = sa.Table(
    "embeddings",  # what objects look like: one of each track, the best
    _metadata,
    # Never given twice: a better crop of a track is a new row.
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("embedder_id", sa.ForeignKey("embedders.id"), nullable=False),
    sa.Column("stream_id", sa.ForeignKey("streams.id"), nullable=False),
    sa.Column("track_id", sa.BigInteger),  # none: an object of a picture
    sa.Column("frame", sa.BigInteger, nullable=False),  # that the crop was cut from
    sa.Column("time", sa.Float, nullable=False),  # seconds in the stream
    sa.Column("utc", sa.DateTime(timezone=True)),
    sa.Column("class", Name, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("x1", sa.Float, nullable=False),  # corners in source pixels
    sa.Column("y1", sa.Float, nullable=False),
    sa.Column("x2", sa.Float, nullable=False),
    sa.Column("y2", sa.Float, nullable=False),
    sa.Column(
        "quality", sa.Float, nullable=False
    ),  # quality of the crop, to compare it with others
    sa.Column("vector", sa.LargeBinary, nullable=False),  # little-endian float16, of length 1
    sa.Column("picture", sa.LargeBinary),  # the crop as a small JPEG
    sa.UniqueConstraint("embedder_id", "stream_id", "track_id"),
    sa.Index("ix_embeddings_embedder_id", "embedder_id", "id"),
    sqlite_autoincrement=True,
)
history_series = sa.Table(
    "history_series",  # what summaries are kept of
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),  # stream, model or service
    sa.Column("name", Name, nullable=False),
    sa.Column("model", Name, nullable=False),  # what found the objects of a stream
    sa.UniqueConstraint("kind", "name", "model"),
)
history_names = sa.Table(
    "history_names",  # names of counts, histograms and values: summaries have their numbers
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", Name, nullable=False, unique=True),
)


def _history(name: str) -> sa.Table:
    """Summaries of what each series did in minutes, hours or days. New rows come at the end."""
    return sa.Table(
        name,
        _metadata,
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),  # Unix time
        sa.Column("series_id", sa.ForeignKey("history_series.id"), primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),  # `monitoring.history.packing`
        sqlite_with_rowid=False,
    )


history = {
    60: _history("history_minutes"),
    3600: _history("history_hours"),
    86400: _history("history_days"),
}
"""By the seconds of the times that are summed up in each."""
schema_version = sa.Table(
    "schema_version",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),  # always 1
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("compatible", sa.Integer, nullable=False),  # the oldest version that may write
)


def prepare(connection: sa.Connection, name: str) -> None:
    """Create the tables of a new database, and add what one of an earlier version lacks.

    Others may be doing the same at this moment. Rows that are there stay as they are.

    Args:
        connection: in a transaction.
        name: of the database, for messages.

    Raises:
        SinkError: a later version has written it in a way that this one does not know.
    """
    if connection.dialect.name == "postgresql":  # CREATE TABLE IF NOT EXISTS fails beside another
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    there = set(sa.inspect(connection).get_table_names())
    version = _version(connection, name) if schema_version.name in there else None
    if version == VERSION:
        return
    for table in _metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        if table.name in there:
            _add_columns(connection, table)
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    values = {"version": VERSION, "compatible": COMPATIBLE}
    if version is None:
        connection.execute(schema_version.insert().values(id=1, **values))
    elif version < VERSION:
        connection.execute(schema_version.update().values(**values))


def _version(connection: sa.Connection, name: str) -> int | None:
    """The version of a database, or None: its writer was killed before it noted one. Raises SinkError."""
    row = connection.execute(
        sa.select(schema_version.c.version, schema_version.c.compatible)
    ).one_or_none()
    if row is None:
        return None
    if row.compatible > VERSION:
        raise SinkError(
            f"cannot write {name}: a later version of Sightline has written it (schema {row.version}; "
            f"this one knows {VERSION}): upgrade Sightline, or write to another database"
        )
    return int(row.version)


def _add_columns(connection: sa.Connection, table: sa.Table) -> None:
    """Add the columns that a table of an earlier version lacks. Each may be empty or has a default."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    missing = "IF NOT EXISTS " if connection.dialect.name == "postgresql" else ""
    for column in table.columns:
        if column.name not in there:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {missing}{definition}")
