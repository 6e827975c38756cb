"""A run's rows in a database: what is noted when, and what becomes of them when the file is moved."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sightline.errors import SinkError
from sightline.sinks.databases.database_run import DatabaseRun
from sightline.sinks.rows import StoredObservation
from sightline.types import IndexedFile, Observation

Observe = Callable[..., Observation]


def query(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def begun(
    url: str | Path, facts: dict[str, object] | None = None, lock_s: float = 0.1
) -> DatabaseRun:
    run = DatabaseRun(url, facts, lock_s)
    run.begin()
    return run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (":memory:", "cannot write to a database in memory: give the name of a file"),
        ("sqlite://", "cannot write to a database in memory"),
        ("sqlite:///:memory:", "cannot write to a database in memory"),
        ("", "cannot write to a database in memory"),
        ("no such://me:secret@host/x", "no database URL"),
        ("postgresql://me:sec\nret@host/x", "cannot write postgresql://...: it is no database URL"),
    ],
    ids=["memory", "nothing", "memory as a URL", "empty", "no scheme", "two lines"],
)
def test_what_is_no_database(url: str, message: str) -> None:
    with pytest.raises(SinkError, match=message) as caught:
        DatabaseRun(url, None, 1)
    assert "sec" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_messages_call_a_server_without_its_password() -> None:
    run = DatabaseRun("postgresql+psycopg://me:secret@host:5432/cams?password=hush", None, 1)
    assert run.name == "postgresql+psycopg://me:***@host:5432/cams?password=***"
    assert (run.lost, run.set_aside()) == (0, False)


def test_a_driver_that_is_missing_is_told_with_its_name() -> None:
    run = DatabaseRun("mysql://me:secret@127.0.0.1:9/x", None, 0)
    with pytest.raises(SinkError, match="its driver is missing: pip install MySQLdb") as caught:
        run.begin()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("state", ["done", "failed", "interrupted"])
def test_a_run_is_noted_when_it_begins_and_when_it_ends(path: Path, state: Any) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    facts = {
        "command": "run",
        "model": "größe.onnx",
        "version": "1.2",
        "settings": {"path": Path("a/b"), "at": datetime(2026, 1, 2, tzinfo=UTC), "n": 3},
        "unknown": "is not stored",
    }
    run = begun(path, facts)
    select = "SELECT command, model, version, settings, state, ended_at FROM runs"
    settings = '{"path": "a/b", "at": "2026-01-02 00:00:00+00:00", "n": 3}'
    row = ("run", "größe.onnx", "1.2", settings)
    assert query(path, select) == [(*row, "running", None)]
    run.end(state)
    (found,) = query(path, select)
    assert found[:5] == (*row, state)
    ((start, end),) = query(path, "SELECT started_at, ended_at FROM runs")
    times = [datetime.fromisoformat(one) for one in (start, end)]
    assert before <= times[0] <= times[1] <= datetime.now(UTC).replace(tzinfo=None)
    assert [one.name for one in path.parent.iterdir()] == ["run.db"]


def test_streams_and_indexed_files_are_noted(path: Path) -> None:
    run = begun(path)
    assert run.add_stream("cam", 640, 480, 25.0) == 0
    assert run.add_stream("cam", 640, 480, None) == 1, "a name may come twice"
    assert run.add_stream("\udce9.mp4", 8, 6, 12.5, IndexedFile("/v/\udce9.mp4", 2**40, 2**62)) == 2
    run.end("done")
    assert query(path, "SELECT name, width, height, fps, path, size, modified_ns FROM streams") == [
        ("cam", 640, 480, 25.0, None, None, None),
        ("cam", 640, 480, None, None, None, None),
        (r"\udce9.mp4", 8, 6, 12.5, r"/v/\udce9.mp4", 2**40, 2**62),
    ]


def test_observations_are_stored_by_the_rows_of_their_streams(path: Path, observe: Observe) -> None:
    other = begun(path)
    other.add_stream("other", 8, 8, None)
    run = begun(path)
    assert [run.add_stream(name, 96, 64, 25.0) for name in ("a", "b")] == [0, 1]
    box = [[1, 2, 30, 40, 0.5, 2, 7]]
    run.store(
        [
            StoredObservation.of(1, observe("b", 4, boxes=box)),
            StoredObservation.of(0, observe("a", 9)),
        ]
    )
    run.end("done")
    other.end("done")
    assert query(
        path,
        "SELECT r.id, s.name, f.frame, f.objects FROM frames f JOIN streams s ON s.id = f.stream_id "
        "JOIN runs r ON r.id = s.run_id ORDER BY 2",
    ) == [(2, "a", 9, 0), (2, "b", 4, 1)]
    assert query(path, "SELECT class, track_id FROM objects") == [("car", 7)]


def test_a_batch_that_cannot_be_stored_leaves_nothing(path: Path, observe: Observe) -> None:
    run = begun(path)
    run.add_stream("a", 96, 64, 25.0)
    twice = [StoredObservation.of(0, observe("a", index)) for index in (0, 1, 1)]
    with pytest.raises(SinkError, match=r"cannot write .*run\.db: ") as caught:
        run.store(twice)
    assert isinstance(caught.value.__cause__, sa.exc.SQLAlchemyError)
    assert query(path, "SELECT count(*) FROM frames") == [(0,)]
    run.store(twice[:2])
    run.end("failed")
    assert query(path, "SELECT count(*) FROM frames") == [(2,)]


def test_streams_keep_their_numbers_in_a_new_file(
    path: Path, observe: Observe, tmp_path: Path
) -> None:
    begun(path).end("done")  # so that ids there are others
    run = begun(path, {"command": "run"})
    for name in ("a", "b"):
        run.add_stream(name, 96, 64, 25.0)
    run.store([StoredObservation.of(1, observe("b", 0))])
    path.rename(tmp_path / "old.db")
    run.store([StoredObservation.of(1, observe("b", 1))])
    assert run.add_stream("c", 96, 64, 25.0) == 2
    run.store([StoredObservation.of(2, observe("c", 2))])
    run.end("done")
    rows = "SELECT s.name, f.frame FROM frames f JOIN streams s ON s.id = f.stream_id ORDER BY 2"
    assert query(tmp_path / "old.db", rows) == [("b", 0)]
    assert query(path, rows) == [("b", 1), ("c", 2)]
    for file in (path, tmp_path / "old.db"):
        assert query(file, "SELECT command, state FROM runs")[-1] == ("run", "done")
    assert run.lost == 0


def test_labels_of_a_track_are_in_a_new_file_too(
    path: Path, observe: Observe, tmp_path: Path
) -> None:
    from sightline.types import Label

    run = begun(path)
    run.add_stream("a", 96, 64, 25.0)
    box = [[1, 2, 30, 40, 0.5, 2, 7]]
    labels = {7: (Label("colour", "red", 0.5),)}
    for index, file in enumerate(("old.db", "run.db")):
        run.store([StoredObservation.of(0, observe("a", index, boxes=box, labels=labels))])
        if not index:
            path.rename(tmp_path / file)
    run.end("done")
    for file in ("old.db", "run.db"):
        assert query(tmp_path / file, "SELECT attribute, value FROM labels") == [("colour", "red")]


def test_a_stream_that_begins_after_the_file_was_removed_is_in_the_new_one(path: Path) -> None:
    run = begun(path)
    path.unlink()
    assert run.add_stream("late", 8, 8, None) == 0
    run.end("done")
    assert query(path, "SELECT name FROM streams") == [("late",)]


@pytest.mark.parametrize("state", ["done", "failed"])
def test_the_end_is_noted_where_the_file_is_by_now(path: Path, tmp_path: Path, state: Any) -> None:
    run = begun(path)
    path.rename(tmp_path / "old.db")
    run.end(state)
    assert query(tmp_path / "old.db", "SELECT state FROM runs") == [(state,)]
    assert not path.exists(), "nothing was stored since"


def test_a_lock_is_waited_for_so_long(path: Path) -> None:
    run = begun(path, lock_s=5.0)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    released = threading.Timer(0.1, lambda: other.execute("COMMIT"))
    released.start()
    assert run.add_stream("a", 8, 8, None) == 0
    released.join()
    run.end("done")
    other.close()


def test_a_lock_that_stays_is_told_and_nothing_is_half_noted(path: Path) -> None:
    run = begun(path, lock_s=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SinkError, match="another program keeps it locked"):
        run.add_stream("a", 8, 8, None)
    with pytest.raises(SinkError, match="another program keeps it locked"):
        run.end("done")
    other.close()
    assert query(path, "SELECT state FROM runs") == [("running",)]
    assert query(path, "SELECT * FROM streams") == []


def test_a_database_of_a_newer_program_is_refused(path: Path) -> None:
    begun(path).end("done")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 99, compatible = 98")
    with pytest.raises(SinkError, match=r"run\.db"):
        DatabaseRun(path, None, 0.1).begin()
    assert query(path, "SELECT count(*) FROM runs") == [(1,)]
