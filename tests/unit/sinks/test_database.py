from __future__ import annotations

import contextlib
import sqlite3
import threading
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.waiting import wait_for

from sightline.errors import SinkError
from sightline.sinks.database import DatabaseSink
from sightline.sinks.databases.database_run import DatabaseRun
from sightline.types import StreamInfo

INFO = StreamInfo("cam", 96, 64, 25.0)
BOXES = [[1, 2, 30, 40, 0.5, 2, 7], [3, 4, 5, 6, 0.75, 0, 8]]


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def store(sink: DatabaseSink, *observations, info=INFO) -> None:
    sink.open(info)
    for observation in observations:
        sink.write(observation)
    sink.close()


def test_a_run_and_all_that_it_found(observe, tmp_path: Path):
    path = tmp_path / "run.db"
    run = {"command": "track cam", "model": "m.onnx", "version": "1", "settings": {"p": Path("a")}}
    store(DatabaseSink(path, run), observe(index=3, boxes=BOXES), observe(index=4))
    ((number, started, ended, *rest),) = rows(path, "SELECT * FROM runs")
    assert (number, rest) == (1, ["done", "track cam", "m.onnx", "1", '{"p": "a"}'])
    assert datetime.fromisoformat(str(started)) <= datetime.fromisoformat(str(ended))
    assert rows(path, "SELECT id, run_id, name, width, height, fps FROM streams") == [
        (1, 1, "cam", 96, 64, 25.0)
    ]
    assert rows(path, "SELECT * FROM frames") == [
        (1, 3, 0.12, 2, 0, None, None),
        (1, 4, 0.16, 0, 0, None, None),
    ]
    assert rows(path, "SELECT * FROM objects") == [
        (1, 3, 0, 7, 2, "car", 0.5, 1.0, 2.0, 30.0, 40.0, *[None] * 4),
        (1, 3, 1, 8, 0, "person", 0.75, 3.0, 4.0, 5.0, 6.0, *[None] * 4),
    ]


def test_tracks_are_summed_up_over_batches(observe, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("sightline.sinks.database._BATCH", 2)
    scores = [0.5, 0.25, 0.875, 0.75, 0.625]
    seen = [
        observe(index=i, boxes=[[0, 0, 9, 9, score, i % 3, 7]]) for i, score in enumerate(scores)
    ]
    path = tmp_path / "run.db"
    store(DatabaseSink(path), *seen)
    assert rows(path, "SELECT * FROM tracks") == [
        (1, 7, "car", 0.0, 0.16, 0, 4, 5, 0.875, None, None)
    ]


def test_untracked_objects_make_no_tracks(observe, tmp_path: Path):
    store(DatabaseSink(tmp_path / "run.db"), observe(boxes=BOXES, tracked=False))
    assert rows(tmp_path / "run.db", "SELECT * FROM tracks") == []
    assert rows(tmp_path / "run.db", "SELECT track_id FROM objects") == [(None,), (None,)]


def test_a_second_run_is_added(observe, tmp_path: Path):
    for _ in range(2):
        store(DatabaseSink(f"sqlite:///{tmp_path}/run.db"), observe(boxes=BOXES))
    found = rows(tmp_path / "run.db", "SELECT run_id, frame FROM frames JOIN streams ON id")
    assert len(rows(tmp_path / "run.db", "SELECT * FROM runs")) == 2
    assert len(rows(tmp_path / "run.db", "SELECT * FROM objects")) == 4
    assert found


def test_pictures_of_a_still_stream_are_streams_of_their_own(observe, tmp_path: Path):
    info = StreamInfo("folder", 10, 10, still=True)
    store(DatabaseSink(tmp_path / "run.db"), observe("a.jpg", 0), observe("b.jpg", 1), info=info)
    found = rows(
        tmp_path / "run.db",
        "SELECT name, width, frame FROM frames JOIN streams ON streams.id = stream_id",
    )
    assert found == [("a.jpg", 96, 0), ("b.jpg", 96, 1)]


@pytest.mark.parametrize("state", [None, "done", "failed", "interrupted"])
def test_how_a_run_ended_is_noted(tmp_path: Path, state):
    sink = DatabaseSink(tmp_path / "run.db")
    sink.open(INFO)
    assert rows(tmp_path / "run.db", "SELECT state, ended_at FROM runs") == [("running", None)]
    if state:
        sink.state = state
    sink.close()
    assert rows(tmp_path / "run.db", "SELECT state FROM runs") == [(state or "done",)]


@pytest.mark.parametrize("damage", ["text", "cut"])
def test_a_damaged_file_is_set_aside(observe, tmp_path: Path, damage, caplog):
    path = tmp_path / "run.db"
    if damage == "text":
        path.write_text("this is no database, and it is long enough to be read as one\n" * 99)
    else:
        store(DatabaseSink(path), *(observe(index=i, boxes=BOXES) for i in range(500)))
        content = path.read_bytes()
        path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    before = path.read_bytes()
    store(DatabaseSink(path), observe(boxes=BOXES))
    (aside,) = tmp_path.glob("run.db.broken-*")
    assert aside.read_bytes() == before
    (warning,) = caplog.records
    assert warning.levelname == "WARNING"
    assert str(path) in warning.getMessage()
    assert str(aside) in warning.getMessage()
    assert rows(path, "SELECT count(*) FROM objects") == [(2,)]


def test_a_lock_is_waited_for(observe, tmp_path: Path):
    path = tmp_path / "run.db"
    sink = DatabaseSink(path)
    sink.open(INFO)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    sink.write(observe(boxes=BOXES))
    closing = threading.Thread(target=sink.close)
    closing.start()
    closing.join(0.5)
    assert closing.is_alive()
    other.rollback()
    closing.join(10)
    other.close()
    assert rows(path, "SELECT count(*) FROM objects") == [(2,)]


def test_a_lock_that_stays_is_told(observe, tmp_path: Path):
    path = tmp_path / "run.db"
    sink = DatabaseSink(path, lock_timeout_s=0.1)
    sink.open(INFO)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sink.write(observe(boxes=BOXES))
    with pytest.raises(SinkError, match=r"run\.db: another program keeps it locked"):
        sink.close()
    sink.close()
    other.close()


def test_a_patient_one_waits_for_ever_and_loses_nothing(
    observe, tmp_path: Path, monkeypatch, caplog
):
    monkeypatch.setattr("sightline.sinks.database._PAUSE_S", 0.05)
    monkeypatch.setattr("sightline.sinks.database._WAITING", 4)
    path = tmp_path / "run.db"
    sink = DatabaseSink(path, lock_timeout_s=0.05, patient=True)
    sink.open(INFO)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    taken: list[int] = []

    def fill() -> None:
        for index in range(100):  # it takes what there is room for, and says so where there is none
            sink.write(observe(index=index, boxes=BOXES))
            taken.append(index)

    with pytest.raises(SinkError, match=r"run\.db: another program keeps it locked"):
        fill()
    assert 4 <= len(taken) <= 8
    assert sink.held_up_by is not None
    assert "keeps it locked" in sink.held_up_by
    other.rollback()
    other.close()
    wait_for(lambda: rows(path, "SELECT count(*) FROM frames") == [(len(taken),)])
    wait_for(lambda: sink.held_up_by is None)
    sink.write(observe(index=100))
    sink.close()
    assert rows(path, "SELECT count(*) FROM frames") == [(len(taken) + 1,)]
    assert rows(path, "SELECT state FROM runs") == [("done",)]
    said = [r.getMessage() for r in caplog.records if r.name.startswith("sightline")]
    assert "results wait for it" in said[0]
    assert said[1:] == [f"{path} can be written again"]


def test_a_commit_whose_answer_was_lost_is_not_made_twice(observe, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("sightline.sinks.database._PAUSE_S", 0.01)
    path = tmp_path / "run.db"
    sink = DatabaseSink(path, patient=True)
    sink.open(INFO)

    class Unsteady:
        """The connection breaks after the first commit, before its answer is there."""

        def __init__(self, engine: sa.Engine) -> None:
            self.engine = engine
            self.broken = False

        @contextlib.contextmanager
        def begin(self):
            with self.engine.begin() as connection:
                yield connection
            if not self.broken:
                self.broken = True
                raise sa.exc.OperationalError("COMMIT", {}, Exception("connection lost"))

        def dispose(self) -> None:
            self.engine.dispose()

    sink._run._engine = Unsteady(sink._run._engine)
    for index in range(3):
        sink.write(observe(index=index, boxes=BOXES))
    wait_for(lambda: sink._run._engine.broken)
    sink.write(observe(index=3, boxes=BOXES))
    sink.close()
    assert rows(path, "SELECT count(*) FROM frames") == [(4,)]
    assert rows(path, "SELECT frames FROM tracks ORDER BY track_id") == [(4,), (4,)]


def test_a_patient_one_that_is_closed_says_what_it_could_not_store(observe, tmp_path: Path):
    path = tmp_path / "run.db"
    sink = DatabaseSink(path, lock_timeout_s=0.05, patient=True)
    sink.open(INFO)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for index in range(3):
        sink.write(observe(index=index))
    with pytest.raises(SinkError, match=r"keeps it locked, .*; 3 results were not stored"):
        sink.close()
    other.close()


def test_a_frame_that_comes_twice_is_told(observe, tmp_path: Path):
    sink = DatabaseSink(tmp_path / "run.db")
    sink.open(INFO)
    sink.write(observe(index=1))
    sink.write(observe(index=1))
    with pytest.raises(SinkError, match="UNIQUE"):
        sink.close()
    assert rows(tmp_path / "run.db", "SELECT state FROM runs") == [("failed",)]


def test_back_pressure_drops_nothing(observe, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("sightline.sinks.database._WAITING", 2)
    seen = [observe(index=i) for i in range(100)]
    store(DatabaseSink(tmp_path / "run.db"), *seen)
    assert rows(tmp_path / "run.db", "SELECT count(*) FROM frames") == [(100,)]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("sqlite://", "in memory", id="memory"),
        pytest.param("nonsense://a/b", "cannot write nonsense://a/b", id="unknown"),
        pytest.param("://", "no database URL", id="broken"),
        pytest.param("sqlite://me:secret@a:b:c", "no database URL", id="broken with a password"),
        pytest.param("mysql://me:secret@host/db", r"me:\*\*\*@host/db", id="password is hidden"),
    ],
)
def test_urls_that_cannot_be_used(url, message):
    with pytest.raises(SinkError, match=message) as caught:
        DatabaseSink(url).open(INFO)
    assert "secret" not in str(caught.value)


def test_many_may_begin_in_a_new_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    failures: list[BaseException] = []
    together = threading.Barrier(6)

    def begin(number: int) -> None:
        sink = DatabaseSink(str(path), {"command": "run"})
        together.wait()
        try:
            sink.open(StreamInfo(f"cam-{number}", 8, 8))
            sink.close()
        except SinkError as exc:
            failures.append(exc)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM streams").fetchone() == (6,)


def test_a_program_that_writes_to_a_new_file_is_waited_for(tmp_path: Path) -> None:
    # SQLite refuses at once to change the mode of a file that is being written.
    path = tmp_path / "run.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE theirs (a)")
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, lambda: other.execute("COMMIT")).start()
    sink = DatabaseSink(path)
    sink.open(INFO)
    sink.close()
    other.close()


def frames_in(path: Path) -> list[tuple[str, int]]:
    try:
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        db.execute("SELECT 1 FROM frames")
    except sqlite3.OperationalError:
        return []
    with contextlib.closing(db):
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return db.execute(
            "SELECT s.name, f.frame FROM frames f JOIN streams s ON s.id = f.stream_id ORDER BY 1, 2"
        ).fetchall()


@pytest.mark.parametrize("how", ["removed", "renamed", "emptied"])
def test_a_file_that_goes_away_just_after_a_commit(observe, tmp_path: Path, monkeypatch, how: str):
    """What is in a file that was renamed is stored once; what is nowhere is stored again."""
    path, old = tmp_path / "run.db", tmp_path / "old.db"
    insert = DatabaseRun._insert
    stored = []

    def insert_and_move(self, found):
        insert(self, found)
        stored.append(len(found))
        if len(stored) == 1:
            path.rename(old) if how == "renamed" else path.unlink() if how == "removed" else (
                path.write_bytes(b"")
            )

    monkeypatch.setattr(DatabaseRun, "_insert", insert_and_move)
    sink = DatabaseSink(path)
    sink.open(StreamInfo("a", 64, 48, 25.0))
    sink.write(observe("a", 0))
    wait_for(lambda: stored)
    sink.write(observe("a", 1))
    sink.close()
    if how == "renamed":
        assert (frames_in(old), frames_in(path)) == ([("a", 0)], [("a", 1)])
    else:
        assert frames_in(path) == [("a", 0), ("a", 1)]


@pytest.mark.parametrize("how", ["removed", "renamed"])
def test_a_file_that_goes_away_is_begun_anew(observe, tmp_path: Path, monkeypatch, how: str):
    monkeypatch.setattr("sightline.sinks.database._LINGER_S", 0.01)
    path, old = tmp_path / "run.db", tmp_path / "old.db"
    sinks = {name: DatabaseSink(path) for name in ("a", "b")}  # as two streams of a site
    for name, sink in sinks.items():
        sink.open(StreamInfo(name, 64, 48, 25.0))
    for round_ in range(3):
        for name, sink in sinks.items():
            sink.write(observe(name, round_))
        wait_for(
            lambda done=round_: ("b", done) in frames_in(path) and ("a", done) in frames_in(path)
        )
        if round_ < 2:
            path.unlink() if how == "removed" else path.rename(old)
    for sink in sinks.values():
        sink.close()
    found = frames_in(path)
    # What was stored in a file that was removed at that moment is stored again: it may not have been seen.
    again = {("a", 1), ("b", 1)} if how == "removed" else set()
    assert {("a", 2), ("b", 2)} <= set(found) <= {("a", 2), ("b", 2)} | again
    assert len(found) == len(set(found))
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT state FROM runs").fetchall() == [("done",), ("done",)]
    if how == "renamed":
        assert frames_in(old) == [("a", 1), ("b", 1)]
