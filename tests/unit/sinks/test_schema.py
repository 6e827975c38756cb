"""Tables of a results database: made, brought up to date, and left alone where a later version made them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sightline.errors import SinkError
from sightline.sinks import schema


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as made:
        yield made
    engine.dispose()


def columns(connection: sa.Connection, table: str) -> list[str]:
    return [one["name"] for one in sa.inspect(connection).get_columns(table)]


def version(connection: sa.Connection) -> list[tuple[int, int, int]]:
    return [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM schema_version")]


def test_a_new_database_has_every_table_and_index(connection: sa.Connection) -> None:
    schema.prepare(connection, "a.db")
    tables = schema.runs.metadata.tables
    assert set(sa.inspect(connection).get_table_names()) == set(tables)
    for name, table in tables.items():
        assert columns(connection, name) == [column.name for column in table.columns]
        there = {index["name"] for index in sa.inspect(connection).get_indexes(name)}
        assert {index.name for index in table.indexes} <= there
    assert version(connection) == [(1, schema.VERSION, schema.COMPATIBLE)]
    schema.prepare(connection, "a.db")
    assert version(connection) == [(1, schema.VERSION, schema.COMPATIBLE)]


def test_one_of_an_earlier_version_gets_what_it_lacks_and_keeps_its_rows(
    connection: sa.Connection,
) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE frames (stream_id INTEGER, frame BIGINT, time FLOAT NOT NULL, objects INTEGER NOT NULL, "
        "PRIMARY KEY (stream_id, frame))"
    )
    connection.exec_driver_sql("INSERT INTO frames VALUES (1, 7, 0.5, 2)")
    schema.prepare(connection, "a.db")
    assert set(columns(connection, "frames")) == {column.name for column in schema.frames.columns}
    row = connection.exec_driver_sql(
        "SELECT stream_id, frame, time, objects, predicted, utc, clock FROM frames"
    ).one()
    assert tuple(row) == (1, 7, 0.5, 2, 0, None, None)
    assert version(connection) == [(1, schema.VERSION, schema.COMPATIBLE)]


@pytest.mark.parametrize(
    ("found", "compatible", "after"),
    [
        pytest.param(1, 1, schema.VERSION, id="earlier"),
        pytest.param(schema.VERSION + 3, schema.VERSION, schema.VERSION + 3, id="later, and additions only"),
    ],
)  # fmt: skip
def test_versions(connection: sa.Connection, found: int, compatible: int, after: int) -> None:
    schema.prepare(connection, "a.db")
    connection.execute(schema.schema_version.update().values(version=found, compatible=compatible))
    schema.prepare(connection, "a.db")
    assert version(connection)[0][1] == after


def test_one_that_is_not_understood_is_refused(connection: sa.Connection) -> None:
    schema.prepare(connection, "a.db")
    later = schema.VERSION + 1
    connection.execute(schema.schema_version.update().values(version=later, compatible=later))
    with pytest.raises(SinkError, match=rf"a\.db: a later version .*schema {later}.*upgrade"):
        schema.prepare(connection, "a.db")


def test_a_writer_that_was_killed_before_it_noted_the_version(connection: sa.Connection) -> None:
    schema.prepare(connection, "a.db")
    connection.execute(schema.schema_version.delete())
    schema.prepare(connection, "a.db")
    assert version(connection) == [(1, schema.VERSION, schema.COMPATIBLE)]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        pytest.param("gate", "gate", id="plain"),
        pytest.param("Tür 行", "Tür 行", id="any letters"),
        pytest.param("a\0b", "a\\x00b", id="NUL"),
        pytest.param("a\udcffb", "a\\udcffb", id="bytes that are no UTF-8"),
    ],
)
def test_names_that_a_database_cannot_hold(
    connection: sa.Connection, text: str, stored: str
) -> None:
    assert schema.stored_text(text) == stored
    schema.prepare(connection, "a.db")
    connection.execute(
        schema.runs.insert().values(started_at=sa.func.now(), state="done", model=text)
    )
    found = sa.select(schema.runs.c.model).where(schema.runs.c.model == text)
    assert connection.execute(found).scalar_one() == stored
