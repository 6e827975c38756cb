"""How embeddings become rows of a results database. Knows neither files nor threads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sightline.sinks.schema import embedders, embeddings
from sightline.types import EmbedderInfo, Embedding

STORED = np.dtype("<f2")
"""Vectors are stored with half the bits: what that changes of a cosine is below 1e-3."""


def insert_embeddings(connection: sa.Connection, found: Sequence[tuple[int, Embedding]]) -> None:
    """Store embeddings, each with the id of its stream. Of each track the last one stays, as a new row.

    Args:
        connection: in a transaction.
    """
    if not found:
        return
    kinds = {one.embedder.digest: one.embedder for _, one in found}
    numbers = {digest: embedder_id(connection, info) for digest, info in kinds.items()}
    # Where a batch has several of one track, the last is the best.
    newest: dict[tuple[object, ...], dict[str, object]] = {}
    for place, (stream_id, one) in enumerate(found):
        number = numbers[one.embedder.digest]
        key = (number, stream_id, one.track_id)
        if one.track_id is None:
            newest[(*key, place)] = _row(number, stream_id, one)
        else:
            newest.pop(key, None)
            newest[key] = _row(number, stream_id, one)
    rows = list(newest.values())
    tracked = [row for row in rows if row["track_id"] is not None]
    if tracked:
        columns = ("embedder_id", "stream_id", "track_id")
        of_track = (embeddings.c[name] == sa.bindparam(f"of_{name}") for name in columns)
        connection.execute(
            embeddings.delete().where(*of_track),
            [{f"of_{name}": row[name] for name in columns} for row in tracked],
        )
    connection.execute(embeddings.insert(), rows)


def embedder_id(connection: sa.Connection, info: EmbedderInfo) -> int:
    """The id of an embedder's row, which is made where there is none. In a transaction."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {"name": info.name, "digest": info.digest, "dimensions": info.dimensions}
    connection.execute(
        make(embedders).values(**values).on_conflict_do_nothing(index_elements=["digest"])
    )
    found = sa.select(embedders.c.id).where(embedders.c.digest == info.digest)
    return int(connection.execute(found).scalar_one())


def _row(embedder: int, stream_id: int, one: Embedding) -> dict[str, object]:
    x1, y1, x2, y2 = one.box
    return {
        "embedder_id": embedder,
        "stream_id": stream_id,
        "track_id": one.track_id,
        "frame": one.frame,
        "time": one.time,
        "utc": None if one.utc is None else datetime.fromtimestamp(one.utc, UTC),
        "class": one.class_name,
        "score": one.score,
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
        "quality": one.quality,
        "vector": one.vector.astype(STORED).tobytes(),
        "picture": one.picture or None,
    }
