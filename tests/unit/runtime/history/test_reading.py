"""What is said of databases that cannot be read, and which summaries are read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from sightline.config import HistoryOptions
from sightline.errors import ConfigError
from sightline.monitoring.history.series import DAY_S, SERVICE, Series
from sightline.monitoring.history.summary import PeriodSummary
from sightline.runtime.history.reading import StoredHistory
from sightline.runtime.history.store import HistoryStore

START = 20_000 * DAY_S


def test_no_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no database .*in a configuration"):
        StoredHistory(tmp_path / "none.db").span()
    assert not (tmp_path / "none.db").exists()


def test_a_database_without_history_names_the_remedy(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE other (id INTEGER)")
    with pytest.raises(ConfigError, match=r"has no history: name it as `history.database`"):
        StoredHistory(tmp_path / "other.db").span()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"text" * 1000, "it is not a database: give another file", id="text"),
        pytest.param(b"", "has no history", id="empty"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=why):
        StoredHistory(path).span()


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no file: give the database of a service"):
        StoredHistory(tmp_path).span()


def test_a_driver_that_is_not_here_is_named_with_the_one_that_is() -> None:
    with pytest.raises(
        ConfigError, match=r"its driver is missing: .*or write postgresql\+pg8000://"
    ):
        StoredHistory("mysql://x/y").span()


@pytest.mark.parametrize("address", ["nosuch://x/y", "postgresql+pg8000://bad host/x"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ConfigError):
        StoredHistory(address).span()


def test_streams_and_models_narrow_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    summary = PeriodSummary()
    summary.count("read")
    all_series = [
        Series("stream", "gate", "street"),
        Series("stream", "gate", "large"),
        Series("stream", "yard", "street"),
        Series("model", "street"),
        SERVICE,
    ]
    HistoryStore(path, HistoryOptions(database=str(path))).add(
        START, dict.fromkeys(all_series, summary)
    )

    def found(**narrow: tuple[str, ...]) -> set[Series]:
        return {row.series for row in StoredHistory(path).read(START, START + 60, **narrow)}

    assert found() == set(all_series)
    assert found(streams=("gate",)) == {*all_series[:2], all_series[3]}
    assert found(models=("street",)) == {all_series[0], all_series[2], all_series[3]}
    assert found(streams=("gate",), models=("large",)) == {all_series[1]}
    assert StoredHistory(path).span() == (START, START + 60)


@pytest.mark.parametrize("damage", ["x'ff00'", "5", "'text'", "x''"])
def test_a_damaged_summary_is_left_out_and_told(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "history.db"
    writer = HistoryStore(path, HistoryOptions(database=str(path)))
    summary = PeriodSummary()
    summary.count("read")
    for minute in range(3):
        writer.add(START + 60 * minute, {SERVICE: summary})
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE history_minutes SET data = {damage} WHERE start = ?", (START,))
    connection.close()
    rows = StoredHistory(path).read(START, START + 180)
    assert [row.start for row in rows] == [START + 60, START + 120]
    assert "1 summaries are damaged" in caplog.text


def test_one_series_is_in_memory_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    one = PeriodSummary()
    one.count("read", 5)
    found = {
        Series("stream", name, model): one for name, model in (("b", "x"), ("a", "x"), ("a", "y"))
    }
    for minute in range(2):
        HistoryStore(path, HistoryOptions(database=str(path))).add(
            START + 60 * minute, dict(reversed(found.items()))
        )
    rows = StoredHistory(path).read(START, START + 120)
    assert iter(rows) is rows  # made as they are asked for
    order = [(row.series.name, row.series.model) for row in rows]
    assert order == [(name, model) for name, model in ("ax", "ay", "bx") for _ in range(2)]
