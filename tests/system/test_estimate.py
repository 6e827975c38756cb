"""A service that estimates the accuracy of a stream's model, beside it: a street whose truth nobody tells it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.command import Run, in_process
from tests.waiting import wait_for

from sightline.build.service import Installation
from sightline.config import Configuration
from sightline.serving.http.app import create_app
from sightline.serving.http.server import Server

STREET = "street://?width=320&height=192&fps=10"
SMALL = {"model": "street", "backend": "onnxruntime", "warm_up": False, "size": 192}
LARGE = {**SMALL, "size": [640, 384]}
LEARN = (
    "evaluate", "calibrate", f"{STREET}&seed=6001&duration=4", f"{STREET}&seed=6002&duration=4&light=night",
    "--model", "street", "--backend", "onnxruntime", "--size", "192", "--reference", "street", "--reference-size",
    "640x384",
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return in_process(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    from typer.testing import CliRunner

    from sightline.cli.main import app

    done = CliRunner().invoke(app, [*LEARN, "--output", str(folder / "small.json")])
    assert done.exit_code == 0, done.output
    return folder / "small.json"


def site(estimate: dict[str, Any], **more: Any) -> Configuration:
    stream = {"source": f"{STREET}&seed=7", "realtime": True, "model": "small"}
    return Configuration.model_validate(
        {
            "models": {"small": SMALL, "large": LARGE},
            "streams": {"gate": {**stream, "estimate": {"every_s": 0.5, **estimate}}},
            **more,
        }
    )


@contextmanager
def served(configuration: Configuration) -> Iterator[httpx.Client]:
    """A client of a service that runs."""
    installation = Installation(configuration)
    running = installation.site
    running.open()
    assert configuration.serving is not None
    app = create_app(
        running.repository, running.scheduler, running.fleet, configuration.serving, installation.meter,
        reports=running.history.reports,
    )  # fmt: skip
    server = Server(app, configuration.serving, [])
    server.start()
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
            yield client
    finally:
        server.stop()
        running.close()


def accuracy(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/streams/gate").json()["accuracy"]
    return found


def test_an_estimate_is_in_the_api_in_metrics_and_in_reports(
    calibration: Path, run: Run, tmp_path: Path
) -> None:
    database = tmp_path / "history.db"
    configuration = site(
        {"reference": "large", "calibration": str(calibration), "frames": 12},
        history={"database": str(database)},
        serving={"port": 0},
    )
    with served(configuration) as client:
        wait_for(lambda: accuracy(client)["state"] == "estimated", "there was no estimate", 90)
        found = accuracy(client)
        assert 0 <= found["low"] < found["map50"] < found["high"] <= 1
        assert 10 <= found["frames"] <= 12
        assert not found["notes"]
        assert found["error"] is None
        assert "car" in found["per_class"]
        metrics = client.get("/metrics").text
        assert 'sightline_stream_estimated_accuracy{stream="gate"} 0.' in metrics
        assert 'sightline_stream_estimated_class_accuracy{class="car",stream="gate"} 0.' in metrics
        wait_for(lambda: accuracy(client)["looked_at"] > 12)
        assert accuracy(client)["frames"] == 12  # the newest
        clients = client.post("/streams", json={"name": "a", "source": STREET, "estimate": {}})
        assert clients.status_code == 403, clients.text
        assert "estimate" in clients.json()["error"]["message"]
    done = run("report", database, "--json")
    (gate,) = json.loads(done.stdout)["streams"]
    assert 0 < gate["values"]["accuracy/low"]["mean"] < gate["values"]["accuracy/map50"]["mean"] < 1
    assert 0 < gate["values"]["accuracy/ap50 of car"]["mean"] <= 1
    page = run("report", database, "--output", "page.html")
    assert page.returncode == 0, page.stderr
    assert "ap50 of car" in (tmp_path / "page.html").read_text()
