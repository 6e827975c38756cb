"""Reports of a database: which time, which names, and what is said of none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sightline.config import HistoryOptions
from sightline.errors import ConfigError, Conflict, InvalidRequest, NotFound, Overloaded
from sightline.monitoring.history.series import DAY_S, HOUR_S, Series
from sightline.monitoring.history.summary import PeriodSummary
from sightline.runtime.history.reports import ReportRequest, ServedReports, make_report
from sightline.runtime.history.store import HistoryStore

START = 20_000 * DAY_S


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "history.db"
    writer = HistoryStore(path, HistoryOptions(database=str(path)))
    found = PeriodSummary()
    found.count("read", 5)
    found.count("state/running", 60_000)
    for hour in (0, 1):
        writer.add(START + hour * HOUR_S, {Series("stream", "gate", "street"): found})
    return str(path)


def moment(utc: float) -> datetime:
    return datetime.fromtimestamp(utc, UTC)


def test_the_last_day(database: str) -> None:
    facts = make_report(database, ReportRequest(), lambda: START + DAY_S + HOUR_S + 5.0)
    (gate,) = facts.streams
    assert gate.frames["read"] == 5  # that of the first hour is older
    assert facts.time.after == START + HOUR_S
    assert gate.recommendations == []


def test_between_two_moments(database: str) -> None:
    asked = ReportRequest(after=moment(START), before=moment(START + 90 * DAY_S))
    (gate,) = make_report(database, asked).streams
    assert gate.frames["read"] == 10


def test_of_nothing_it_says_when_there_is_something(database: str) -> None:
    facts = make_report(database, ReportRequest(last="hour"), lambda: START + 9.0 * DAY_S)
    assert facts.empty is not None
    assert "the database knows the time from" in facts.empty


def test_names_that_are_not_known(database: str) -> None:
    with pytest.raises(NotFound, match="nothing was recorded of a stream 'yard'; there are gate"):
        make_report(database, ReportRequest(streams=("yard",)))


def test_a_time_that_ends_before_it_begins(database: str) -> None:
    asked = ReportRequest(after=moment(START + 5), before=moment(START))
    with pytest.raises(ConfigError, match="must begin before it ends"):
        make_report(database, asked)
    with pytest.raises(InvalidRequest, match="must begin before it ends"):
        ServedReports(database).make(asked)


def test_clients_are_not_told_where_the_database_lies(database: str, tmp_path: Path) -> None:
    facts = ServedReports(database).make(ReportRequest())
    assert str(tmp_path) not in str(facts.to_dict())
    with pytest.raises(Conflict, match=r"nothing to report on yet: .* Ask again in a minute"):
        ServedReports(str(tmp_path / "none.db")).make(ReportRequest())


def test_one_report_at_a_time(database: str) -> None:
    reports = ServedReports(database)
    with reports._making, pytest.raises(Overloaded, match="another report"):
        reports.make(ReportRequest())
    assert reports.make(ReportRequest()).database == ""
