"""Minutes in a database, and the hours and days that they add up to."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from sightline.config import HistoryOptions
from sightline.errors import SinkError
from sightline.monitoring.history.series import DAY_S, HOUR_S, MINUTE_S, SERVICE, Series
from sightline.monitoring.history.summary import PeriodSummary, added
from sightline.runtime.history.reading import StoredHistory
from sightline.runtime.history.store import HistoryStore, answer_limit
from sightline.sinks import schema

GATE = Series("stream", "gate", "street")
START = 20_000 * DAY_S


def store(path: Path, **keep: float) -> HistoryStore:
    return HistoryStore(path, HistoryOptions(database=str(path), **keep))


def one(number: int = 1) -> PeriodSummary:
    found = PeriodSummary()
    found.count("read", number)
    found.count("class/\udcff" if number % 2 else "class/car", number)
    found.put("brightness", number % 128)
    found.value("accuracy/map50", 0.1 * number)
    return found


def levels(path: Path) -> dict[int, list[PeriodSummary]]:
    """All that is kept, by the seconds of its time."""
    found: dict[int, list[PeriodSummary]] = {}
    for wanted in (MINUTE_S, HOUR_S, DAY_S):
        found[wanted] = []
    history = StoredHistory(path)
    for seconds, length in ((MINUTE_S, HOUR_S), (HOUR_S, 30 * DAY_S), (DAY_S, 400 * DAY_S)):
        after = START if seconds != DAY_S else START - 300 * DAY_S
        found[seconds] = [
            row.summary for row in history.read(after, after + length) if row.seconds == seconds
        ]
    return found


def test_minutes_add_up_to_hours_and_days(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    writer = store(path)
    minutes = [one(number) for number in range(1, 8)]
    for number, minute in enumerate(minutes):
        writer.add(START + number * MINUTE_S, {GATE: minute})
    found = levels(path)
    stored = [PeriodSummary(Counter(), m.histograms, m.values) for m in minutes]
    for kept, minute in zip(stored, minutes, strict=True):  # a database holds no half characters
        kept.counts.update({schema.stored_text(name): n for name, n in minute.counts.items()})
    assert found[MINUTE_S] == stored
    assert found[HOUR_S] == [added(stored)]
    assert found[DAY_S] == [added(stored)]


def test_what_comes_later_for_a_minute_is_added(tmp_path: Path) -> None:
    """A clock that is set back, a service that is started again, two workers: all write the same minute."""
    path = tmp_path / "history.db"
    store(path).add(START, {GATE: one(2)})
    store(path).add(START, {GATE: one(4), SERVICE: one(2)})
    rows = StoredHistory(path).read(START, START + 60)
    assert {row.series: row.summary.counts["read"] for row in rows} == {GATE: 6, SERVICE: 2}


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    store(path).add(START, {GATE: one(2)})

    def write() -> None:
        for _ in range(10):
            store(path).add(START, {GATE: one(2)})

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (row,) = StoredHistory(path).read(START, START + 60)
    assert row.summary.counts["read"] == 42


def test_the_old_is_removed_and_what_is_coarser_stands_for_it(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    writer = store(path, minute_days=1, hour_days=3)
    for day in range(6):
        for minute in (0, 1, 61):
            writer.add(START + day * DAY_S + minute * MINUTE_S, {GATE: one(2)})
    everything = list(StoredHistory(path).read(START, START + 6 * DAY_S))
    assert sum(row.summary.counts["read"] for row in everything) == 36
    writer.prune(START + 6 * DAY_S + 30)
    with sqlite3.connect(path) as connection:
        left = {
            seconds: connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]
            for seconds, table in schema.history.items()
        }
    assert left == {MINUTE_S: 3, HOUR_S: 6, DAY_S: 6}
    after = list(StoredHistory(path).read(START, START + 6 * DAY_S))
    assert {row.seconds for row in after} == {HOUR_S, DAY_S}
    assert sum(row.summary.counts["read"] for row in after) == 36
    minutes = list(StoredHistory(path).read(START + 5 * DAY_S, START + 5 * DAY_S + HOUR_S))
    assert [row.seconds for row in minutes] == [MINUTE_S, MINUTE_S]
    old = list(StoredHistory(path).read(START, START + HOUR_S))
    assert [row.seconds for row in old] == [DAY_S]


def test_a_database_of_the_version_before_gets_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        schema.prepare(connection, "results.db")
        for table in (
            "history_minutes",
            "history_hours",
            "history_days",
            "history_names",
            "history_series",
        ):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("UPDATE schema_version SET version = 5")
        connection.execute(schema.runs.insert().values(started_at=sa.func.now(), state="done"))
    engine.dispose()
    store(path).add(START, {GATE: one(2)})
    assert StoredHistory(path).names("stream") == ["gate"]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchone() == (6,)
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_a_file_that_was_removed_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    writer = store(path)
    writer.add(START, {GATE: one(2)})
    path.unlink()
    writer.add(START, {GATE: one(4)})
    (row,) = StoredHistory(path).read(START, START + 60)
    assert row.summary.counts["read"] == 4


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"no database at all, and long enough to be read as one" * 20)
    with pytest.raises(SinkError, match=r"cannot write .*history.db: it is not a database"):
        store(path).add(START, {GATE: one(2)})


def test_a_damaged_summary_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    store(path).add(START, {GATE: one(2)})
    with sqlite3.connect(path) as connection:
        for table in schema.history.values():
            connection.execute(f"UPDATE {table.name} SET data = x'0109'")
    store(path).add(START, {GATE: one(4)})
    (row,) = StoredHistory(path).read(START, START + 60)
    assert row.summary.counts["read"] == 4


def test_a_server_that_hangs_is_not_waited_for_for_ever() -> None:
    address = "postgresql+pg8000://user@127.0.0.1/db"
    assert answer_limit(sa.make_url(address)) == {"timeout": 10.0}
    assert answer_limit(sa.make_url(f"{address}?timeout=3")) == {}
    assert answer_limit(sa.make_url("sqlite:///history.db")) == {}


def test_a_name_with_a_nul_is_kept_in_all_databases() -> None:
    """PostgreSQL takes none, and the minute with it would be in the way of all later ones."""
    assert schema.stored_text("a\0b") == r"a\x00b"
