"""Vectors as rows: one of each track, the last, in a database in memory."""

from __future__ import annotations

import numpy as np
import pytest
import sqlalchemy as sa

from sightline.sinks.embedding_rows import STORED, embedder_id, insert_embeddings
from sightline.types import EmbedderInfo, Embedding

FIRST, SECOND = EmbedderInfo("looks", "aa", 4), EmbedderInfo("looks", "bb", 4)


def of(track: int | None, frame: int, info: EmbedderInfo = FIRST) -> Embedding:
    vector = np.array([frame, 0.5, -1, 0.1], np.float32)
    return Embedding(
        embedder=info, track_id=track, frame=frame, time=frame / 10, utc=0.5, clock=None, class_name="car",
        score=0.75, box=(1.0, 2.0, 3.0, 4.0), quality=0.25, vector=vector, picture=b"",
    )  # fmt: skip


def stored(connection: sa.Connection) -> list[tuple[object, ...]]:
    query = "SELECT embedder_id, stream_id, track_id, frame FROM embeddings ORDER BY id"
    return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_of_each_track_the_last_stays_as_a_new_row(connection: sa.Connection) -> None:
    insert_embeddings(connection, [(1, of(7, 0)), (1, of(8, 0)), (1, of(7, 1)), (2, of(7, 5))])
    assert stored(connection) == [(1, 1, 8, 0), (1, 1, 7, 1), (1, 2, 7, 5)]
    highest = connection.exec_driver_sql("SELECT max(id) FROM embeddings").scalar_one()
    insert_embeddings(connection, [(1, of(8, 9))])
    assert stored(connection) == [(1, 1, 7, 1), (1, 2, 7, 5), (1, 1, 8, 9)]
    newest = connection.exec_driver_sql("SELECT max(id) FROM embeddings").scalar_one()
    assert newest == highest + 1  # whoever follows the ids sees it


def test_objects_of_pictures_all_stay(connection: sa.Connection) -> None:
    insert_embeddings(connection, [(1, of(None, 0)), (1, of(None, 0)), (1, of(7, 0))])
    insert_embeddings(connection, [(1, of(None, 0))])
    assert stored(connection) == [(1, 1, None, 0)] * 2 + [(1, 1, 7, 0), (1, 1, None, 0)]


def test_embedders_are_told_apart_by_their_files(connection: sa.Connection) -> None:
    insert_embeddings(connection, [(1, of(7, 0)), (1, of(7, 0, SECOND))])
    assert sorted(row[0] for row in stored(connection)) == [1, 2]
    assert (embedder_id(connection, FIRST), embedder_id(connection, SECOND)) == (1, 2)


def test_vectors_are_little_endian_halves(connection: sa.Connection) -> None:
    insert_embeddings(connection, [(1, of(7, 1))])
    row = connection.exec_driver_sql("SELECT vector, utc, picture FROM embeddings").one()
    # 1 is 0x3c00, 1/2 0x3800, -1 0xbc00 and 0.1 0x2e66 (IEEE 754, binary16).
    assert row[0] == bytes.fromhex("003c 0038 00bc 662e")
    assert (row[1], row[2]) == ("1970-01-01 00:00:00.500000", None)
    assert np.frombuffer(row[0], STORED).tolist() == pytest.approx([1, 0.5, -1, 0.1], abs=1e-3)


def test_nothing_is_no_statement(connection: sa.Connection) -> None:
    insert_embeddings(connection, [])
    assert stored(connection) == []
