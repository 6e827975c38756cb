"""What becomes of a SQLite file and of what SQLite keeps beside it, and what its errors mean."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from sightline.errors import SinkError
from sightline.sinks.databases import sqlite_file


def test_a_new_file_that_is_not_whole_does_not_appear(tmp_path: Path) -> None:
    """Its tables are in its log only, as on a disk that is full: without the log the file is damaged."""
    held: list[sqlite3.Connection] = []

    def fill(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
        part = connection.exec_driver_sql("PRAGMA database_list").one()[2]
        reader = sqlite3.connect(part, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM sqlite_master").fetchall()
        held.append(reader)  # so that nothing can be brought into the file
        connection.exec_driver_sql("CREATE TABLE rows (number INTEGER)")

    with pytest.raises(SinkError, match="the disk is full"):
        sqlite_file.create(tmp_path / "run.db", fill)
    held.pop().close()
    assert not list(tmp_path.iterdir())


def test_a_new_file_is_whole_without_its_log(tmp_path: Path) -> None:
    def fill(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE rows (number INTEGER)")

    sqlite_file.create(tmp_path / "run.db", fill)
    assert [path.name for path in tmp_path.iterdir()] == ["run.db"]
    with contextlib.closing(sqlite3.connect(tmp_path / "run.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM rows").fetchone() == (0,)


def rows_of(path: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM rows ORDER BY 1")]


def table(connection: sa.Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE rows (number INTEGER)")


def opened(path: Path) -> sa.Engine:
    """As a writer opens a file that is there."""
    engine = sa.create_engine(sqlite_file.existing(sa.URL.create("sqlite", database=str(path))))
    sa.event.listen(engine, "connect", sqlite_file.set_up_existing)
    return engine


def add(engine: sa.Engine, number: int) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO rows VALUES ({number})")


NAMES = ["run.db", "a b#c?d%20e.db", "größe 漢.db", os.fsdecode(b"caf\xe9.db"), "file:x.db"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_file_of_any_name_is_made_written_and_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    sqlite_file.create(path, table)
    engine = opened(path)
    add(engine, 7)
    engine.dispose()
    reader = sa.create_engine(sqlite_file.readable(sa.URL.create("sqlite", database=str(path))))
    with reader.connect() as connection:
        assert connection.exec_driver_sql("SELECT number FROM rows").scalars().all() == [7]
    reader.dispose()
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_file_that_is_not_there_is_not_made_by_opening_it(tmp_path: Path) -> None:
    engine = opened(tmp_path / "run.db")
    with pytest.raises(sa.exc.OperationalError) as caught:
        engine.connect()
    assert sqlite_file.reason(caught.value) == (
        "it cannot be opened: choose a place that you may write to"
    )
    assert sqlite_file.reason_of_reading(caught.value) == (
        "it cannot be opened: see whether you may read it"
    )
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_emptied_is_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "run.db").touch()
    with pytest.raises(FileNotFoundError, match="the database was emptied"):
        opened(tmp_path / "run.db").connect()


def test_new_connections_keep_whole_transactions_and_check_references(tmp_path: Path) -> None:
    sqlite_file.create(tmp_path / "run.db", table)
    engine = opened(tmp_path / "run.db")
    with engine.connect() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    engine.dispose()
    assert settings == ["wal", 1, 1]


def test_a_file_is_made_in_a_folder_that_is_missing(tmp_path: Path) -> None:
    sqlite_file.create(tmp_path / "new" / "deep" / "run.db", table)
    assert rows_of(tmp_path / "new" / "deep" / "run.db") == []


def test_tables_that_cannot_be_made_leave_nothing(tmp_path: Path) -> None:
    def fill(connection: sa.Connection) -> None:
        table(connection)
        raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        sqlite_file.create(tmp_path / "new" / "run.db", fill)
    assert not list(tmp_path.iterdir())


def test_a_file_that_another_made_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "run.db"

    def fill(connection: sa.Connection) -> None:
        table(connection)
        sqlite_file.create(path, table)
        engine = opened(path)
        add(engine, 1)
        engine.dispose()

    sqlite_file.create(path, fill)
    assert rows_of(path) == [1]


def test_a_new_file_gets_no_log_of_one_that_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(f"run.db{suffix}").write_bytes(b"old" * 2000)
    sqlite_file.create(path, table)
    assert [file.name for file in tmp_path.iterdir()] == ["run.db"]
    assert rows_of(path) == []


def test_through_a_link_the_file_that_it_leads_to_is_made(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "run.db"
    link.symlink_to(tmp_path / "disk" / "real.db")
    sqlite_file.create(link, table)
    assert link.is_symlink()
    assert rows_of(tmp_path / "disk" / "real.db") == []


def test_parts_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    assert sqlite_file.part_ids(path) == (None, None, None)
    path.touch()
    assert sqlite_file.part_ids(path) == (None, None, None), "an emptied file counts as none"
    path.unlink()
    sqlite_file.create(path, table)
    engine = opened(path)
    add(engine, 1)
    parts = sqlite_file.part_ids(path)
    expected = [path.with_name(f"run.db{suffix}").stat() for suffix in ("", "-wal", "-shm")]
    assert parts == tuple((one.st_dev, one.st_ino) for one in expected)
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(path)
    assert sqlite_file.part_ids(link) == parts, "a link's log lies beside what it leads to"
    engine.dispose()
    assert sqlite_file.part_ids(path) == (parts[0], None, None)


@pytest.mark.parametrize(
    ("log", "index", "half"), [(None, None, False), (1, 2, False), (1, None, True), (None, 2, True)]
)
def test_a_log_without_its_index_is_half(log: int | None, index: int | None, half: bool) -> None:
    ids = tuple(None if one is None else (1, one) for one in (9, log, index))
    assert sqlite_file.is_half(ids) is half


def test_whether_an_open_file_has_a_name(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with path.open("wb") as file:
        found = os.fstat(file.fileno())
        own = (found.st_dev, found.st_ino)
        assert not sqlite_file.has_a_name(own), "it is empty"
        file.write(b"x")
        file.flush()
        assert sqlite_file.has_a_name(own)
        path.rename(tmp_path / "old.db")
        assert sqlite_file.has_a_name(own)
        (tmp_path / "old.db").unlink()
        assert not sqlite_file.has_a_name(own)
    assert not sqlite_file.has_a_name(own)


def test_what_waits_in_the_log_is_brought_into_a_file_that_was_renamed(tmp_path: Path) -> None:
    path, moved = tmp_path / "run.db", tmp_path / "moved.db"
    sqlite_file.create(path, table)
    engine = opened(path)
    for number in (1, 2):
        add(engine, number)
    path.rename(moved)
    assert sqlite_file.let_go(
        engine, lambda c: c.exec_driver_sql("INSERT INTO rows VALUES (3)").rowcount == 1
    )
    assert rows_of(moved) == [1, 2, 3]


def test_a_reader_of_a_renamed_file_is_waited_for(tmp_path: Path) -> None:
    path, moved = tmp_path / "run.db", tmp_path / "moved.db"
    sqlite_file.create(path, table)
    engine = opened(path)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM rows").fetchall()
    add(engine, 1)
    path.rename(moved)
    assert not sqlite_file.let_go(engine, lambda _: True)
    reader.close()
    assert sqlite_file.let_go(engine, lambda _: True), "the engine is open still"
    assert rows_of(moved) == [1]


@pytest.mark.parametrize("lost", ["-wal", "-shm"])
def test_a_file_that_lost_a_part_is_set_aside(tmp_path: Path, lost: str, caplog) -> None:
    path = tmp_path / "run.db"
    sqlite_file.create(path, table)
    engine = opened(path)
    add(engine, 1)
    parts = sqlite_file.part_ids(path)
    path.with_name(f"run.db{lost}").unlink()
    sqlite_file.clear_path(path, parts)
    engine.dispose()
    (aside,) = tmp_path.iterdir()
    assert aside.name.startswith("run.db.before-")
    assert f"set aside as {aside}" in caplog.text


def test_a_path_with_the_file_that_is_known_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    sqlite_file.create(path, table)
    parts = sqlite_file.part_ids(path)
    sqlite_file.clear_path(path, parts)
    assert sqlite_file.part_ids(path) == parts
    # Nor is another's file there, which it made meanwhile.
    path.rename(tmp_path / "old.db")
    sqlite_file.create(path, table)
    now = sqlite_file.part_ids(path)
    sqlite_file.clear_path(path, parts)
    assert sqlite_file.part_ids(path) == now != parts


def test_a_damaged_file_is_set_aside_with_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"run.db{suffix}").write_text(f"part{suffix}")
    sqlite_file.set_aside(path)
    assert not path.exists()
    kept = {file.name[-4:]: file.read_text() for file in tmp_path.iterdir()}
    assert sorted(kept.values()) == ["part", "part-shm", "part-wal"]
    stem = {file.name.removesuffix("-wal").removesuffix("-shm") for file in tmp_path.iterdir()}
    assert len(stem) == 1, "so that SQLite finds them together"


def test_a_reader_asks_whether_a_file_that_cannot_be_written_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    sqlite_file.create(path, table)
    url = sa.URL.create("sqlite", database=str(path))
    assert "immutable" not in sqlite_file.readable(url).query
    monkeypatch.setattr(os, "access", lambda *_: False)  # as on a medium that cannot be written to
    assert sqlite_file.readable(url).query["immutable"] == "1"
    before = sqlite_file.read_state(path)
    assert sqlite_file.read_state(path) == before
    os.utime(path, ns=(1, 1))
    assert sqlite_file.read_state(path) != before
    path.with_name("run.db-wal").write_bytes(b"rows")
    assert "immutable" not in sqlite_file.readable(url).query, "somebody writes to it"


def use(engine: sa.Engine, work: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON" if work == "read-only" else "SELECT 1")
        words = "nonsense\n  words" if work == "wrong" else "INSERT INTO rows VALUES (1)"
        connection.exec_driver_sql(words)


def failure(work: str, tmp_path: Path) -> sa.exc.SQLAlchemyError:
    path = tmp_path / "run.db"
    if work == "no database":
        path.write_bytes(b"text that is no database" * 100)
    else:
        sqlite_file.create(path, table)
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0})
    other = sqlite3.connect(path, isolation_level=None)
    if work == "locked":
        other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(sa.exc.SQLAlchemyError) as caught:
            use(engine, work)
    finally:
        other.close()
        engine.dispose()
    return caught.value


@pytest.mark.parametrize(
    ("work", "said", "damage", "busy"),
    [
        ("no database", "it is not a database: move it away", True, False),
        ("locked", "another program keeps it locked, or it lies on a network share: end that program or write elsewhere", False, True),
        ("read-only", "it is read-only: choose a place that you may write to", False, False),
        ("wrong", 'near "nonsense": syntax error', False, False),
    ],
)  # fmt: skip
def test_what_an_error_of_sqlite_means(
    tmp_path: Path, work: str, said: str, damage: bool, busy: bool
) -> None:
    error = failure(work, tmp_path)
    assert sqlite_file.reason(error) == said
    assert sqlite_file.is_damage(error) is damage
    assert sqlite_file.is_busy(error) is busy
    assert (sqlite_file.remedy(error) is None) is (work == "wrong")


def test_errors_of_others_are_neither_damage_nor_a_lock() -> None:
    for error in (None, OSError("x"), ValueError()):
        assert not sqlite_file.is_damage(error)
        assert not sqlite_file.is_busy(error)
