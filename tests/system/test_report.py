"""A service with two streets keeps a history, and a report is made of it: by command, and over HTTP."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.command import Run, in_process

from sightline.build.application import Application
from sightline.build.service import Installation
from sightline.config import Configuration
from sightline.monitoring.history.series import Series
from sightline.monitoring.history.summary import PeriodSummary
from sightline.runtime.history.store import HistoryStore
from sightline.serving.http.app import create_app
from sightline.serving.http.server import Server

STREET = "street://?width=320&height=192&fps=5&duration=8"
TOKEN = {"Authorization": "Bearer of-reports"}


def configuration(database: object, **more: Any) -> Configuration:
    streams = {
        name: {"source": f"{STREET}&seed={number}"} for number, name in enumerate(("gate", "yard"))
    }
    return Configuration.model_validate(
        {
            "models": {"default": {"model": "street", "backend": "onnxruntime"}},
            "streams": streams,
            "history": {"database": str(database)},
            **more,
        }
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return in_process(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "history.db"
    Installation(configuration(path)).run()
    return path


def test_what_streams_did_is_reported(run: Run, database: Path) -> None:
    done = run("report", database, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [one["name"] for one in told["streams"]] == ["gate", "yard"]
    for one in told["streams"]:
        assert one["frames"]["read"] == one["frames"]["analyzed"] == 40
        assert one["availability"] == 1
        assert sum(one["traffic"].values()) > 0
        assert one["counted_by"] == "tracks"
        assert one["latency_ms"]["p99"] >= one["latency_ms"]["p50"] > 0
        assert one["steps"][0]["means"]["brightness"] > 20
    (model,) = told["models"]
    assert model["pictures"] == 80


def test_a_page_and_text(run: Run, database: Path, tmp_path: Path) -> None:
    done = run("report", database, "--stream", "gate", "--last", "week", "-o", "week.html")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "week.html").read_text()
    assert "gate" in page
    assert "yard" not in page
    text = run("report", database).stdout
    assert "gate: available 100 %" in text
    assert "40 of 40 frames analysed; none left out" in text


def test_nothing_is_written_over_the_database(run: Run, database: Path) -> None:
    before = database.read_bytes()
    done = run("report", database, "-o", database)
    assert done.returncode == 2
    assert database.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["none.db"], "there is no database none.db", id="no file"),
        pytest.param(["DB", "--stream", "door"], "there are gate, yard", id="stream"),
        pytest.param(["DB", "--from", "2026-01-01"], "needs its zone", id="zone"),
        pytest.param(
            ["DB", "--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"],
            "must begin before it ends",
            id="order",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    run: Run, database: Path, arguments: list[str], words: str
) -> None:
    done = run("report", *(str(database) if one == "DB" else one for one in arguments))
    assert done.returncode in (1, 2)
    assert words in done.stderr


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_nothing_is_written_over_a_part_of_the_database(
    run: Run, database: Path, suffix: str
) -> None:
    done = run("report", database, "--output", f"{database}{suffix}")
    assert done.returncode == 2
    assert f"{suffix[1:]} is this file" in done.stderr


def test_only_a_page_is_written_over(run: Run, database: Path, tmp_path: Path) -> None:
    other = tmp_path / "watched.yaml"
    other.write_text("history: {database: history.db}\n")
    done = run("report", database, "--output", other)
    assert done.returncode == 2
    assert "a file of another kind" in done.stderr
    assert other.read_text().startswith("history")
    for _ in range(2):
        assert run("report", database, "--output", tmp_path / "page.html").returncode == 0
    assert run("report", database, "--output", "-").stdout.startswith("<!doctype html>")


def test_of_several_years_it_names_the_year(run: Run, database: Path) -> None:
    done = run("report", database, "--from", "2023-06-01T00:00:00Z")
    assert "Jun 2023, " in done.stdout


def test_of_a_time_without_anything_it_says_so(run: Run, database: Path) -> None:
    done = run("report", database, "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z")
    assert done.returncode == 0
    assert "Nothing was recorded" in done.stdout


@pytest.fixture
def served(tmp_path: Path) -> Iterator[httpx.Client]:
    wanted = configuration(
        tmp_path / "history.db",
        serving={"port": 0, "grpc_port": "none", "token": "of-reports"},
        streams={},
    )
    assert wanted.serving is not None
    assert wanted.history is not None
    found = PeriodSummary()
    found.count("state/running", 60_000)
    name = "<script>alert(1)</script>"
    HistoryStore(wanted.history.database, wanted.history).add(
        1_700_000_000 // 60 * 60, {Series("stream", name, "x"): found}
    )
    site = Application(wanted)
    app = create_app(
        site.repository, site.scheduler, site.fleet, wanted.serving, reports=site.history.reports
    )
    server = Server(app, wanted.serving, [])
    server.start()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client
    server.stop()
    site.close()


def test_over_http(served: httpx.Client, tmp_path: Path) -> None:
    span = {"after": "2023-11-14T00:00:00Z", "before": "2023-11-15T00:00:00Z"}
    assert served.get("/report").status_code == 401
    told = served.get("/report", params=span, headers=TOKEN)
    assert told.status_code == 200, told.text
    assert [one["name"] for one in told.json()["streams"]] == ["<script>alert(1)</script>"]
    assert str(tmp_path) not in told.text
    accept = {**TOKEN, "Accept": "text/html,*/*"}
    page = served.get("/report", params=span, headers=accept)
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    empty = served.get("/report?last=hour&format=json", headers=TOKEN).json()
    assert "Nothing was recorded" in (empty["empty"] or "Nothing was recorded")
    for query, code in (("stream=x", 422), ("streams=x", 404), ("last=year", 422)):
        assert served.get(f"/report?{query}", headers=TOKEN).status_code == code, query
    link = served.get("/report/link?last=week", headers=TOKEN).json()["url"]
    assert served.get(link).headers["content-type"].startswith("text/html")
    assert served.get(link.replace("week", "month")).status_code == 401


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
def test_a_name_from_a_camera_runs_nothing_in_a_browser(
    served: httpx.Client, tmp_path: Path
) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    span = {"after": "2023-11-14T00:00:00Z", "before": "2023-11-15T00:00:00Z", "format": "html"}
    (tmp_path / "report.html").write_text(served.get("/report", params=span, headers=TOKEN).text)
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(color_scheme="dark")
        shown: list[str] = []
        page.on("dialog", lambda dialog: (shown.append(dialog.message), dialog.dismiss()))
        page.goto(f"file://{tmp_path / 'report.html'}")
        assert page.inner_text("h2[id]") == "<script>alert(1)</script>"
        assert not shown
        browser.close()
