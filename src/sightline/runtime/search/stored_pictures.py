"""Vectors of another embedder for what is in a database already, made of the pictures that it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sqlalchemy as sa

from sightline.errors import DecodeError
from sightline.protocols import IdentifiedEmbedder
from sightline.runtime.search.stored import StoredEmbeddings, unix_time
from sightline.runtime.streams.crop_choice import CONTEXT
from sightline.sinks.embedding_rows import insert_embeddings
from sightline.sinks.schema import embedders, embeddings, streams
from sightline.sources.stills import still_frame
from sightline.types import Embedding, Floats

_BATCH = 64
"""Embeddings that are stored in one transaction."""


def embed_pictures(
    stored: StoredEmbeddings, embedder: IdentifiedEmbedder
) -> Iterator[tuple[int, int]]:
    """Make vectors of the kept pictures of a database that another embedder was shown.

    Those of which there are vectors of this embedder already are left out, so this may be done again after a
    kill. A picture that cannot be decoded is left out.

    Yields:
        How many were made and how many left out by now, each time some are stored.

    Raises SightlineError.
    """
    made = left_out = 0
    waiting = [row.id for row in stored.rows(_without_vectors(embedder.info.digest))]
    for at in range(0, len(waiting), _BATCH):
        part = embeddings.c.id.in_(waiting[at : at + _BATCH])
        columns = (
            embeddings,
            embeddings.c["class"].label("kind"),
            streams.c.width,
            streams.c.height,
        )
        rows = stored.rows(sa.select(*columns).join(streams).where(part))
        found = [(row.stream_id, one) for row in rows if (one := _embedded(row, embedder))]
        with stored.writing() as connection:
            insert_embeddings(connection, found)
        made, left_out = made + len(found), left_out + len(rows) - len(found)
        yield made, left_out


def _without_vectors(digest: str) -> sa.Select[Any]:
    """The newest embedding of each object that has a picture, and no vector of this embedder."""
    own = sa.select(embedders.c.id).where(embedders.c.digest == digest).scalar_subquery()
    e, other = embeddings.c, embeddings.alias()
    same = [
        getattr(other.c, n).is_not_distinct_from(e[n])
        for n in ("stream_id", "track_id", "frame", "x1", "y1")
    ]
    there = sa.exists().where(other.c.embedder_id == own, *same)
    key = (e.stream_id, e.track_id, e.frame, e.x1, e.y1)
    newest = sa.select(sa.func.max(e.id).label("id")).where(e.picture.is_not(None), ~there)
    return newest.group_by(*key).order_by(sa.func.max(e.id))


def _embedded(row: Any, embedder: IdentifiedEmbedder) -> Embedding | None:
    try:
        frame = still_frame(row.picture, name=f"picture {row.id}")
    except DecodeError:
        return None
    box = box_in_picture(
        (row.x1, row.y1, row.x2, row.y2), (row.width, row.height), (frame.width, frame.height)
    )
    (vector,) = embedder.submit(frame, box).result()
    return Embedding(
        embedder.info, row.frame, row.time, unix_time(row.utc), None, row.track_id,
        row.kind, row.score, (row.x1, row.y1, row.x2, row.y2), vector, row.quality, row.picture,
    )  # fmt: skip


def box_in_picture(
    box: tuple[float, float, float, float], frame: tuple[int, int], picture: tuple[int, int]
) -> Floats:
    """Where a box (1, 4) lies in the picture that was kept of it, which shows a little around it."""
    x0, y0, x1, y1 = box
    left, top = max(0.0, x0 - CONTEXT * (x1 - x0)), max(0.0, y0 - CONTEXT * (y1 - y0))
    right, bottom = min(frame[0], x1 + CONTEXT * (x1 - x0)), min(frame[1], y1 + CONTEXT * (y1 - y0))
    scale = np.array(
        [picture[0] / max(right - left, 1e-6), picture[1] / max(bottom - top, 1e-6)] * 2
    )
    moved = (np.array([x0, y0, x1, y1]) - np.array([left, top] * 2)) * scale
    placed: Floats = np.clip(moved, 0, np.array([*picture, *picture])).astype(np.float32)[None]
    return placed
