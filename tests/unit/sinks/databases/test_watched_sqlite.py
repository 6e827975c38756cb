"""One writer's SQLite file while others rename, remove, empty, halve, damage or lock it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from sightline.errors import SinkError
from sightline.sinks.databases.watched_sqlite import WatchedSqlite
from sightline.whole_files import OutputGuard


def table(connection: sa.Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS rows (number INTEGER)")


def rows_of(path: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM rows ORDER BY 1")]


def in_file_alone(path: Path) -> list[int]:
    """What a copy of the file without its log holds."""
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    try:
        return rows_of(copy)
    finally:
        copy.unlink()


def note_end(connection: sa.Connection) -> bool:
    connection.exec_driver_sql("INSERT INTO rows VALUES (99)")
    return True


class Writer:
    """A watched file with its connection."""

    def __init__(self, path: Path, guard: OutputGuard | None = None) -> None:
        url = sa.URL.create("sqlite", database=str(path))
        self.file = WatchedSqlite(url, table, 0.1, guard)
        self.engine: sa.Engine | None = None

    def connect(self) -> None:
        before, self.engine = self.engine, None
        self.engine = self.file.connect(before, note_end)

    def add(self, number: int) -> None:
        assert self.engine is not None
        with self.engine.begin() as connection:
            connection.exec_driver_sql(f"INSERT INTO rows VALUES ({number})")
        self.file.stored(self.engine, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    made = Writer(path)
    made.connect()
    made.add(1)
    yield made
    if made.engine is not None:
        made.engine.dispose()
    made.file.close()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """A reader that holds on to what there is now."""
    reader = sqlite3.connect(path, isolation_level=None)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM rows").fetchall()
        yield
    finally:
        reader.close()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def without_log(path: Path) -> None:
    path.with_name("run.db-wal").unlink()


def without_index(path: Path) -> None:
    path.with_name("run.db-shm").unlink()


def replaced(path: Path) -> None:
    path.rename(path.with_name("old.db"))
    path.write_bytes(b"another file")


@pytest.mark.parametrize(
    ("act", "renamed"),
    [
        (Path.unlink, False),
        (emptied, False),
        (without_log, False),
        (without_index, False),
        (replaced, True),
        (lambda path: path.rename(path.with_name("old.db")), True),
    ],
    ids=["removed", "emptied", "no log", "no index", "replaced", "renamed"],
)
def test_what_others_do_to_the_file_is_seen(
    writer: Writer, path: Path, act: Callable[[Path], object], renamed: bool
) -> None:
    assert (writer.file.moved, writer.file.renamed) == (False, False)
    act(path)
    assert (writer.file.moved, writer.file.renamed) == (True, renamed)


def test_writers_of_one_file_do_not_take_each_other_for_somebody_who_moves_it(
    writer: Writer, path: Path
) -> None:
    other = Writer(path)
    other.connect()
    other.add(2)
    assert not writer.file.moved
    assert other.engine is not None
    other.engine.dispose()
    writer.add(3)
    assert not writer.file.moved
    assert rows_of(path) == [1, 2, 3]


@pytest.mark.parametrize("act", [Path.unlink, emptied, without_log, without_index])
def test_a_new_file_is_begun_where_the_old_one_cannot_be_gone_on_with(
    writer: Writer, path: Path, act: Callable[[Path], object]
) -> None:
    act(path)
    writer.connect()
    assert not writer.file.moved
    writer.add(2)
    assert rows_of(path) == [2]


def test_all_rows_of_a_renamed_file_are_in_it_and_its_end_is_noted(
    writer: Writer, path: Path, tmp_path: Path
) -> None:
    path.rename(tmp_path / "old.db")
    writer.connect()
    writer.add(2)
    assert rows_of(tmp_path / "old.db") == [1, 99]
    assert rows_of(path) == [2]
    writer.file.close()
    assert writer.file.lost == 0


def test_a_renamed_file_that_is_read_gets_its_rows_with_a_later_batch(
    writer: Writer, path: Path, tmp_path: Path
) -> None:
    with reading(path):
        writer.add(2)
        path.rename(tmp_path / "old.db")
        writer.connect()
    writer.add(3)
    assert rows_of(tmp_path / "old.db") == [1, 2, 99, 99]
    writer.file.close()
    assert writer.file.lost == 0


def test_rows_that_a_reader_holds_back_to_the_end_are_counted(
    writer: Writer, path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with reading(path):
        writer.add(2)
        path.rename(tmp_path / "old.db")
        writer.connect()
        writer.file.close()
        assert writer.file.lost == 2
        assert "the last 2 results of it are lost" in caplog.text
    writer.file.close()
    assert writer.file.lost == 2, "they are counted once"


def test_a_file_is_let_go_without_another_one(writer: Writer, path: Path, tmp_path: Path) -> None:
    path.rename(tmp_path / "old.db")
    assert writer.engine is not None
    writer.file.let_go(writer.engine, note_end)
    assert rows_of(tmp_path / "old.db") == [1, 99]
    assert not path.exists()


def test_rows_come_into_the_file_itself_when_that_is_asked_for(writer: Writer, path: Path) -> None:
    assert in_file_alone(path) == []
    writer.file.checkpoint_soon()
    assert in_file_alone(path) == []
    writer.add(2)
    assert in_file_alone(path) == [1, 2]
    writer.add(3)
    assert in_file_alone(path) == [1, 2], "once"


def test_a_file_that_is_no_database_by_now_is_set_aside(
    writer: Writer, path: Path, tmp_path: Path
) -> None:
    path.write_bytes(b"no database" * 1000)
    engine, writer.engine = writer.engine, None
    writer.file.set_aside(engine)
    writer.connect()
    writer.add(2)
    assert rows_of(path) == [2]
    aside = min(tmp_path.glob("run.db.broken-*"), key=lambda one: len(one.name))  # without its log
    assert aside.read_bytes().startswith(b"no database")


def test_what_another_writer_has_set_aside_and_begun_anew_stays(writer: Writer, path: Path) -> None:
    path.rename(path.with_name("broken"))
    other = Writer(path)
    other.connect()
    other.add(5)
    engine, writer.engine = writer.engine, None
    writer.file.set_aside(engine)
    assert other.engine is not None
    other.engine.dispose()
    assert rows_of(path) == [5]


def test_a_damaged_file_that_was_there_before_is_set_aside(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"text" * 3000)
    writer = Writer(path)
    writer.connect()
    writer.add(1)
    assert writer.engine is not None
    writer.engine.dispose()
    assert rows_of(path) == [1]
    (aside,) = tmp_path.glob("run.db.broken-*")
    assert aside.read_bytes() == b"text" * 3000


def test_a_file_with_other_rows_is_gone_on_with(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE rows (number INTEGER)")
        db.execute("INSERT INTO rows VALUES (7)")
    writer = Writer(path)
    writer.connect()
    writer.add(8)
    assert writer.engine is not None
    writer.engine.dispose()
    assert rows_of(path) == [7, 8]


def test_a_lock_of_another_program_is_told(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE theirs (number)")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sa.exc.OperationalError, match="locked"):
        Writer(path).connect()
    other.close()


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="it is a folder: give a file's name"):
        Writer(tmp_path).connect()


def test_a_link_that_leads_to_itself_is_told(path: Path) -> None:
    path.symlink_to(path)
    with pytest.raises(SinkError, match="a link is in the way"):
        Writer(path).connect()


def test_a_file_that_is_read_is_not_written(path: Path) -> None:
    path.write_bytes(b"a video")
    found = path.stat()
    guard = OutputGuard(frozenset({(found.st_dev, found.st_ino)}))
    with pytest.raises(SinkError, match="it leads to a file that is read here"):
        Writer(path, guard).connect()
    assert path.read_bytes() == b"a video"


def test_only_a_link_that_was_there_when_paths_were_checked_is_followed(
    path: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    path.symlink_to(tmp_path / "disk" / "real.db")
    with pytest.raises(SinkError, match="a link is in the way"):
        Writer(path, OutputGuard()).connect()
    writer = Writer(path, OutputGuard(links=frozenset({os.path.abspath(path)})))  # noqa: PTH100
    writer.connect()
    writer.add(1)
    assert not writer.file.moved
    assert writer.engine is not None
    writer.engine.dispose()
    assert rows_of(tmp_path / "disk" / "real.db") == [1]


def test_a_read_only_folder_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(SinkError, match="permission denied: choose a place that you may write to"):
        Writer(path.parent / "new" / "run.db").connect()
