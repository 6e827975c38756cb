"""The tables of a results database, and how observations become their rows.

Knows the schema; knows neither files nor threads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from sightline.types import Clock, Floats, Ints, Observation

_metadata = sa.MetaData()

runs = sa.Table(
    "runs",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),  # UTC
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("state", sa.String, nullable=False),  # running, done, failed or interrupted
    sa.Column("command", sa.String),
    sa.Column("model", sa.String),
    sa.Column("version", sa.String),
    sa.Column("settings", sa.JSON),
)
streams = sa.Table(
    "streams",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("fps", sa.Float),
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
    sa.Column("class", sa.String, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("x1", sa.Float, nullable=False),  # corners in source pixels
    sa.Column("y1", sa.Float, nullable=False),
    sa.Column("x2", sa.Float, nullable=False),
    sa.Column("y2", sa.Float, nullable=False),
    sa.ForeignKeyConstraint(["stream_id", "frame"], ["frames.stream_id", "frames.frame"]),
    sqlite_with_rowid=False,
)
tracks = sa.Table(
    "tracks",
    _metadata,
    sa.Column("stream_id", sa.ForeignKey("streams.id"), primary_key=True),
    sa.Column("track_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("class", sa.String, nullable=False),  # where its score was best
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

_LATER = (frames.c.predicted, frames.c.utc, frames.c.clock, tracks.c.first_utc, tracks.c.last_utc)
"""Columns that files of earlier versions lack. Each may be empty or has a default."""

Rows = list[dict[str, Any]]
Times = dict[tuple[int, int], tuple[float, datetime | None]]
"""Stream time and wall-clock time of frames, by stream and number."""


@dataclass(frozen=True, slots=True)
class StoredObjects:
    """What is stored of an observation: small, so that waiting ones keep no pictures alive."""

    stream_id: int
    frame: int
    time: float
    boxes: Floats
    scores: Floats
    class_ids: Ints
    track_ids: Ints | None
    class_names: tuple[str, ...]
    predicted: bool = False
    utc: datetime | None = None
    clock: Clock | None = None

    @classmethod
    def of(cls, stream_id: int, observation: Observation) -> StoredObjects:
        """The objects of an observation as rows of the table."""
        frame, found = observation.frame, observation.detections
        return cls(
            stream_id, frame.index, frame.time,
            found.boxes, found.scores, found.class_ids, found.track_ids, found.class_names,
            observation.predicted,
            None if frame.utc is None else datetime.fromtimestamp(frame.utc, UTC), frame.clock,
        )  # fmt: skip


def create(connection: sa.Connection) -> None:
    """Create the tables that are missing. Others may be doing the same at this moment."""
    for table in _metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    _migrate(connection)


def _migrate(connection: sa.Connection) -> None:
    """Add the columns that databases of earlier versions lack."""
    inspector = sa.inspect(connection)
    there = {
        (table.name, column["name"])
        for table in (frames, tracks)
        for column in inspector.get_columns(table.name)
    }
    missing = "IF NOT EXISTS " if connection.dialect.name == "postgresql" else ""
    for column in _LATER:
        if (column.table.name, column.name) not in there:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(
                f"ALTER TABLE {column.table.name} ADD COLUMN {missing}{definition}"
            )


def insert(connection: sa.Connection, found: Iterable[StoredObjects]) -> None:
    """Store frames and their objects, and bring their tracks up to date."""
    frame_rows: Rows = []
    object_rows: Rows = []
    for item in found:
        frame_rows.append(
            {
                "stream_id": item.stream_id,
                "frame": item.frame,
                "time": item.time,
                "objects": len(item.boxes),
                "predicted": int(item.predicted),
                "utc": item.utc,
                "clock": item.clock,
            }
        )
        object_rows.extend(_object_rows(item))
    times = {(row["stream_id"], row["frame"]): (row["time"], row["utc"]) for row in frame_rows}
    for table, rows in ((frames, frame_rows), (objects, object_rows)):
        if rows:
            connection.execute(table.insert(), rows)
    if track_rows := _track_rows(object_rows, times):
        connection.execute(_upsert_tracks(connection.dialect.name), track_rows)


def _object_rows(item: StoredObjects) -> Rows:
    names = item.class_names
    track_ids = [None] * len(item.boxes) if item.track_ids is None else item.track_ids.tolist()
    return [
        {
            "stream_id": item.stream_id,
            "frame": item.frame,
            "number": number,
            "track_id": track_id,
            "class_id": class_id,
            "class": names[class_id] if 0 <= class_id < len(names) else str(class_id),
            "score": score,
            "x1": x1,
            "y1": y1,
            "x2": x2,
            "y2": y2,
        }
        for number, (track_id, class_id, score, (x1, y1, x2, y2)) in enumerate(
            zip(
                track_ids,
                item.class_ids.tolist(),
                item.scores.tolist(),
                item.boxes.tolist(),
                strict=True,
            )
        )
    ]


def _track_rows(rows: Rows, times: Times) -> Rows:
    """One row per track of these objects, which are in the order of their frames."""
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for row in rows:
        if row["track_id"] is None:
            continue
        time, utc = times[row["stream_id"], row["frame"]]
        track = found.setdefault(
            (row["stream_id"], row["track_id"]),
            {
                "stream_id": row["stream_id"],
                "track_id": row["track_id"],
                "class": row["class"],
                "first_time": time,
                "first_utc": utc,
                "first_frame": row["frame"],
                "frames": 0,
                "best_score": row["score"],
            },
        )
        track.update(
            last_time=time, last_utc=utc, last_frame=row["frame"], frames=track["frames"] + 1
        )
        if row["score"] > track["best_score"]:
            track["class"], track["best_score"] = row["class"], row["score"]
    return list(found.values())


def _upsert_tracks(dialect: str) -> sa.Insert:
    new = postgresql.insert(tracks) if dialect == "postgresql" else sqlite.insert(tracks)
    old, better = tracks.c, new.excluded.best_score > tracks.c.best_score
    return new.on_conflict_do_update(
        index_elements=[old.stream_id, old.track_id],
        set_={
            "class": sa.case((better, new.excluded["class"]), else_=old["class"]),
            "last_time": new.excluded.last_time,
            "last_frame": new.excluded.last_frame,
            "last_utc": new.excluded.last_utc,
            "frames": old.frames + new.excluded.frames,
            "best_score": sa.case((better, new.excluded.best_score), else_=old.best_score),
        },
    )
