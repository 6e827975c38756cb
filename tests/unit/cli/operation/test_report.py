"""``sightline report``: what is asked of a history, and where the page may be written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.command_runner import run_command

from sightline.cli.main import app
from sightline.errors import ConfigError
from sightline.monitoring.reports.facts import report_facts
from sightline.runtime.history import reports


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    monkeypatch.chdir(tmp_path)
    found: list[Any] = []

    def make(database: str, request: Any) -> Any:
        found.append(request)
        return report_facts(database, 0, 3600, [])

    monkeypatch.setattr(reports, "make_report", make)
    return found


def test_a_day_is_told_where_nothing_else_is_asked(asked: list[Any]) -> None:
    found = run_command(app, "report", "history.db")
    assert found.exit_code == 0, found.exception
    (request,) = asked
    assert (request.last, request.after, request.before, request.streams, request.models) == (
        "day",
        None,
        None,
        (),
        (),
    )
    assert "recorded" in found.output.splitlines()[0]


def test_times_streams_and_models(asked: list[Any]) -> None:
    run_command(
        app, "report", "history.db", "--last", "week", "--from", "2026-11-28T00:00:00Z", "--to", "2026-11-28T01:00:00+01:00",
        "--stream", "gate", "--stream", "yard", "-m", "street",
    )  # fmt: skip
    (request,) = asked
    assert (request.streams, request.models) == (("gate", "yard"), ("street",))
    assert request.after == request.before, "times have zones"


@pytest.mark.parametrize(("option", "value"), [("--from", "yesterday"), ("--to", "2026-13-01")])
def test_what_is_no_time(asked: list[Any], option: str, value: str) -> None:
    error = run_command(app, "report", "history.db", option, value).exception
    assert isinstance(error, ConfigError)
    assert str(error).startswith(f"{option}: ")
    assert asked == []


def test_a_page_and_json(asked: list[Any]) -> None:
    found = run_command(app, "report", "history.db", "--output", "week.html")
    assert found.stdout == ""
    assert "wrote week.html" in found.output
    page = Path("week.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert run_command(app, "report", "history.db", "--output", "-").stdout == page
    told = json.loads(run_command(app, "report", "history.db", "--json").stdout)
    assert told["database"] == "history.db"
    both = run_command(app, "report", "history.db", "--json", "--output", "week.html")
    assert json.loads(both.stdout)["streams"] == []


@pytest.mark.parametrize("output", ["history.db", "history.db-wal", "notes.txt"])
def test_a_page_is_written_over_nothing_else(asked: list[Any], output: str) -> None:
    for name in ("history.db", "history.db-wal", "notes.txt"):
        Path(name).write_text("mine")
    error = run_command(app, "report", "history.db", "--output", output).exception
    assert isinstance(error, ConfigError)
    assert Path(output).read_text() == "mine"


def test_an_earlier_page_is_replaced(asked: list[Any]) -> None:
    for _ in range(2):
        assert run_command(app, "report", "history.db", "--output", "week.html").exit_code == 0
