"""How observations become rows of a results database. Knows neither files nor threads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sightline.errors import SinkError
from sightline.sinks.embedding_rows import insert_embeddings
from sightline.sinks.jsonl import encode
from sightline.sinks.schema import events, frames, labels, objects, tracks
from sightline.types import Clock, Embedding, Event, Floats, Frame, Ints, Label, Observation
from sightline.types.json_form import has_shapes, shape_of
from sightline.types.objects import ids_of

_SHAPES = ("angle", "keypoints", "mask")
"""Columns of what models tell of objects beside their boxes."""

Rows = list[dict[str, Any]]
Times = dict[tuple[int, int], tuple[float, datetime | None]]
"""Stream time and wall-clock time of frames, by stream and number."""
TrackLabels = Mapping[int, tuple[Label, ...]]
"""Labels of one stream, by track."""


@dataclass(frozen=True, slots=True)
class StoredObservation:
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
    labels: TrackLabels = field(default_factory=dict)
    events: tuple[dict[str, Any], ...] = ()
    shapes: tuple[dict[str, Any], ...] = ()
    """Angle, keypoints and mask of each object; empty where the model tells boxes only."""
    embeddings: tuple[Embedding, ...] = ()
    parent_ids: Ints | None = None

    @classmethod
    def of(cls, stream_id: int, observation: Observation) -> StoredObservation:
        """What is stored of it. Raises SinkError: an event's data has no JSON form."""
        frame, found = observation.frame, observation.detections
        return cls(
            stream_id, frame.index, frame.time,
            found.boxes, found.scores, found.class_ids, found.track_ids, found.class_names,
            observation.predicted, _datetime(frame.utc), frame.clock, observation.labels,
            tuple(_event_row(event, frame) for event in observation.events),
            tuple(shape_of(found, i) for i in range(len(found))) if has_shapes(found) else (),
            observation.embeddings, found.parent_ids,
        )  # fmt: skip


def insert(
    connection: sa.Connection,
    found: Sequence[StoredObservation],
    stored_labels: Mapping[int, TrackLabels],
) -> dict[int, TrackLabels]:
    """Store frames with their objects and events, and bring their tracks and labels up to date.

    Args:
        connection: in a transaction.
        found: observations, those of a stream in the order of their frames.
        stored_labels: what the database holds by stream, so that only changes are written.

    Returns:
        What it holds then: for the next call, once the transaction is through.
    """
    frame_rows = [_frame_row(item) for item in found]
    object_rows = [row for item in found for row in _object_rows(item)]
    if any(item.shapes for item in found):  # all rows of a statement have the same columns
        shapes = (shape for item in found for shape in item.shapes or [{}] * len(item.boxes))
        for row, shape in zip(object_rows, shapes, strict=True):
            row.update({name: shape.get(name) for name in _SHAPES})
    if any(item.parent_ids is not None for item in found):
        parents = (one for item in found for one in ids_of(item.parent_ids, len(item.boxes)))
        for row, parent in zip(object_rows, parents, strict=True):
            row["parent_id"] = parent
    times = {(row["stream_id"], row["frame"]): (row["time"], row["utc"]) for row in frame_rows}
    now = dict(stored_labels)
    track_rows, label_rows = _track_rows(object_rows, times), _label_rows(found, now)
    event_rows = [{"stream_id": item.stream_id, **row} for item in found for row in item.events]
    dialect = connection.dialect.name
    for statement, rows in (
        (frames.insert(), frame_rows),
        (objects.insert(), object_rows),
        (_upsert_tracks(dialect), track_rows),
        (_upsert_labels(dialect), label_rows),
        (events.insert(), event_rows),
    ):
        if rows:
            connection.execute(statement, rows)
    insert_embeddings(connection, [(i.stream_id, one) for i in found for one in i.embeddings])
    return now


def _datetime(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _frame_row(item: StoredObservation) -> dict[str, Any]:
    return {
        "stream_id": item.stream_id,
        "frame": item.frame,
        "time": item.time,
        "objects": len(item.boxes),
        "predicted": int(item.predicted),
        "utc": item.utc,
        "clock": item.clock,
    }


def _event_row(event: Event, frame: Frame) -> dict[str, Any]:
    try:
        data = json.loads(encode(dict(event.data))) if event.data else None
    except (TypeError, ValueError) as error:
        raise SinkError(
            f"the event {event.kind!r} in frame {frame.index} of {frame.stream} cannot be stored: "
            f"{error}"
        ) from error
    return {
        "frame": frame.index,
        "kind": event.kind,
        "time": event.time,
        "utc": _datetime(frame.utc_at(event.time)),
        "track_id": event.track_id,
        "data": data,
    }


def _label_rows(found: Iterable[StoredObservation], stored: dict[int, TrackLabels]) -> Rows:
    """The newest labels of each track that differ from ``stored``, which is brought up to date."""
    rows: dict[tuple[int, int, str], dict[str, object]] = {}
    for item in found:
        before = stored.get(item.stream_id, {})
        here = frozenset(() if item.track_ids is None else item.track_ids.tolist())
        new = {t: given for t, given in item.labels.items() if given != before.get(t)}
        # A label of a track that is not in this frame waits until it is: its row may not be there yet.
        unseen = new.keys() - here
        stored[item.stream_id] = {t: given for t, given in item.labels.items() if t not in unseen}
        for track in new.keys() & here:
            for label in new[track]:
                rows[item.stream_id, track, label.attribute] = {
                    "stream_id": item.stream_id,
                    "track_id": track,
                    "attribute": label.attribute,
                    "value": label.value,
                    "score": label.score,
                    "frame": item.frame,
                }
    return list(rows.values())


def _object_rows(item: StoredObservation) -> Rows:
    names = item.class_names
    track_ids = ids_of(item.track_ids, len(item.boxes))
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
    new = _upsert(tracks, dialect)
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


def _upsert_labels(dialect: str) -> sa.Insert:
    new = _upsert(labels, dialect)
    key = ("stream_id", "track_id", "attribute")
    return new.on_conflict_do_update(
        index_elements=key,
        set_={column.name: column for column in new.excluded if column.name not in key},
    )


def _upsert(table: sa.Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
