"""A service that estimates the accuracy of a stream's model, beside it: a street whose truth nobody tells it."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.command import Run, in_process
from tests.waiting import wait_for

from sightline.build.application import Application
from sightline.build.models import served_detector
from sightline.build.monitoring import accuracy as build_accuracy
from sightline.build.service import Installation
from sightline.config import Configuration
from sightline.protocols import SharedDetector
from sightline.runtime.estimation import worker
from sightline.runtime.rollouts import background
from sightline.serving.http.app import create_app
from sightline.serving.http.server import Server
from sightline.types import AccuracyStatus

PATIENT_S = 600.0
"""A reference takes seconds of a processor to start, of which a busy machine gives it a twentieth."""
pytestmark = pytest.mark.timeout(900)

STREET = "street://?width=320&height=192&fps=10"
SMALL = {"model": "street", "backend": "onnxruntime", "warm_up": False, "size": 192}
LARGE = {**SMALL, "size": 320}
LEARN = (
    "evaluate", "calibrate", f"{STREET}&seed=6001&duration=4", f"{STREET}&seed=6002&duration=4&light=night",
    "--model", "street", "--backend", "onnxruntime", "--size", "192", "--reference", "street", "--reference-size",
    "320",
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return in_process(tmp_path, monkeypatch, capsys)


def eager_reference(verbose: int, *arguments: Any) -> SharedDetector:
    """The detector of a reference in its process, which yields the processor to nobody."""
    background._yield_processor = lambda: None
    return served_detector(*arguments)


@pytest.fixture(autouse=True)
def no_idle_time_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests leave no idle time; that references wait for it is tested where they are alone."""
    monkeypatch.setattr(worker, "PATIENCE", worker.PATIENCE._replace(idle_start=False))
    monkeypatch.setattr(build_accuracy, "_reference", eager_reference)


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    from typer.testing import CliRunner

    from sightline.cli.main import app

    done = CliRunner().invoke(app, [*LEARN, "--output", str(folder / "small.json")])
    assert done.exit_code == 0, done.output
    return folder / "small.json"


def site(estimate: dict[str, Any], **more: Any) -> Configuration:
    stream = {"source": f"{STREET}&seed=7&duration=0", "realtime": True, "model": "small"}
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
    running = installation.application
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
        wait_for(
            lambda: accuracy(client)["state"] == "estimated", "there was no estimate", PATIENT_S
        )
        found = accuracy(client)
        assert 0 <= found["low"] < found["map50"] < found["high"] <= 1
        assert 10 <= found["frames"] <= 12
        assert not found["notes"]
        assert found["error"] is None
        assert "car" in found["per_class"]
        metrics = client.get("/metrics").text
        assert 'sightline_stream_estimated_accuracy{stream="gate"} 0.' in metrics
        assert 'sightline_stream_estimated_class_accuracy{class="car",stream="gate"} 0.' in metrics
        wait_for(lambda: accuracy(client)["looked_at"] > 12, timeout_s=PATIENT_S)
        assert accuracy(client)["frames"] == 12  # the newest
        clients = client.post("/streams", json={"name": "a", "source": STREET, "estimate": {}})
        assert clients.status_code == 403, clients.text
        assert "estimate" in clients.json()["error"]["message"]
    done = run("report", database, "--json")
    (gate,) = json.loads(done.stdout)["streams"]
    assert (
        0 <= gate["values"]["accuracy/low"]["mean"] < gate["values"]["accuracy/map50"]["mean"] < 1
    )
    assert 0 < gate["values"]["accuracy/ap50 of car"]["mean"] <= 1
    page = run("report", database, "--output", "page.html")
    assert page.returncode == 0, page.stderr
    assert "ap50 of car" in (tmp_path / "page.html").read_text()


@contextmanager
def running(configuration: Configuration) -> Iterator[Application]:
    made = Application(configuration)
    made.open()
    try:
        yield made
    finally:
        made.close()


def status(of: Application) -> AccuracyStatus:
    found = of.fleet.stats()["gate"].accuracy
    assert found is not None
    return found


def references() -> list[BaseProcess]:
    """The processes of reference models."""
    return [one for one in multiprocessing.active_children() if one.name == "sightline-large"]


def analyzed_more(of: Application) -> None:
    before = of.fleet.stats()["gate"].analyzed
    wait_for(lambda: of.fleet.stats()["gate"].analyzed > before + 5, timeout_s=PATIENT_S)


def test_what_a_stream_finds_is_the_same_beside_an_estimate(tmp_path: Path) -> None:
    """A recording waits for its looks, and its results do not change."""
    found = {}
    for name, estimate in (("with", {"reference": "large", "every_s": 0.5}), ("without", None)):
        file = tmp_path / f"{name}.jsonl"
        stream = {"source": f"{STREET}&seed=7&duration=8", "model": "small", "estimate": estimate}
        gate = {**stream, "outputs": {"json_lines": str(file)}}
        values = {"models": {"small": SMALL, "large": LARGE}, "streams": {"gate": gate}}
        with running(Configuration.model_validate(values)) as made:
            wait_for(lambda: made.fleet.stats()["gate"].state == "ended", timeout_s=PATIENT_S)
            stats = made.fleet.stats()["gate"]
        assert (stats.analyzed, sum(stats.dropped.values())) == (80, 0)
        found[name] = file.read_text()
        if estimate is None:
            assert stats.accuracy is None
        else:
            assert stats.accuracy is not None
            assert stats.accuracy.looked_at == 16
            assert stats.accuracy.left_out == {}
            assert stats.accuracy.state == "estimated"
    assert found["with"] == found["without"]
    assert found["with"].count("\n") == 80


def test_a_calibration_of_another_model_is_refused_and_the_stream_goes_on(
    calibration: Path, run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = {**SMALL, "size": 256}
    values = site({"reference": "large", "calibration": str(calibration)}).model_dump(mode="json")
    values["models"]["small"] = other
    with running(Configuration.model_validate(values)) as made:
        refused = status(made)
        assert refused.state == "refused"
        assert refused.error is not None
        assert str(calibration) in refused.error
        assert "at 192, not of street" in refused.error
        assert "evaluate calibrate" in refused.error
        assert "stream gate: its accuracy is not estimated" in caplog.text
        analyzed_more(made)
        assert not references()
    lines = [
        "models:", "  small: {model: street, size: 256}", "  large: {model: street, size: 320}",
        "streams:", "  gate:", "    source: street://", "    model: small", "    estimate:",
        "      reference: large", f"      calibration: {calibration}",
    ]  # fmt: skip
    (tmp_path / "site.yaml").write_text("\n".join(lines))
    done = run("config", "check", "site.yaml")
    assert done.returncode == 2
    assert "site.yaml:10:" in done.stderr
    assert "at 192, not of street" in done.stderr
    (tmp_path / "site.yaml").write_text("\n".join(lines).replace("256", "192"))
    assert run("config", "check", "site.yaml").returncode == 0


def test_a_reference_that_cannot_be_loaded_hurts_nobody(tmp_path: Path) -> None:
    values = site({"reference": "large"}).model_dump(mode="json")
    values["models"]["large"]["model"] = str(tmp_path / "none.onnx")
    with running(Configuration.model_validate(values)) as made:
        wait_for(lambda: status(made).left_out.get("failed"), timeout_s=PATIENT_S)
        found = status(made)
        assert found.state == "waiting"
        assert "none.onnx" in str(found.error)
        analyzed_more(made)


def test_a_reference_that_dies_is_started_again(calibration: Path) -> None:
    with running(site({"reference": "large", "calibration": str(calibration)})) as made:
        wait_for(lambda: status(made).looked_at, timeout_s=PATIENT_S)
        (process,) = references()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: status(made).left_out.get("failed"), timeout_s=PATIENT_S)
        assert "has died" in str(status(made).error)
        before = status(made).looked_at
        wait_for(lambda: status(made).looked_at > before, timeout_s=PATIENT_S)
        assert status(made).error is None
        analyzed_more(made)


def test_a_reference_that_hangs_delays_nobody_and_ends_with_its_stream() -> None:
    with running(site({"reference": "large"})) as made:
        wait_for(lambda: status(made).looked_at, timeout_s=PATIENT_S)
        (process,) = references()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        wait_for(lambda: status(made).left_out.get("busy"), timeout_s=PATIENT_S)
        analyzed_more(made)
        begun = time.monotonic()
        assert made.fleet.remove("gate")
        assert time.monotonic() - begun < 10
        wait_for(lambda: not references(), timeout_s=PATIENT_S)


def test_a_model_that_is_loaded_again_begins_anew() -> None:
    with running(site({})) as made:
        wait_for(lambda: status(made).looked_at >= 3, timeout_s=PATIENT_S)
        assert any("no larger model" in note for note in status(made).notes) or status(made).frames
        made.repository.load("small")
        wait_for(lambda: 0 < status(made).frames < status(made).looked_at, timeout_s=PATIENT_S)


def test_alerts_watch_estimates() -> None:
    rule = {"name": "worse", "metric": "accuracy", "below": 0.99, "for_s": 0}
    installation = Installation(site({}, alerts=[rule]))
    installation.application.open()
    try:
        wait_for(lambda: status(installation.application).state == "estimated", timeout_s=PATIENT_S)
        installation._alerts.evaluate()
        assert installation._alerts.firing == [("worse", "stream", "gate")]
    finally:
        installation.application.close()


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        pytest.param({"reference": "small"}, "reference", "the stream's own model", id="itself"),
        pytest.param({"reference": "larg"}, "reference", "larg", id="unknown"),
        pytest.param({"frames": 5}, "frames", "10", id="few"),
        pytest.param({"every": 1}, "every", "every_s", id="misspelt"),
        pytest.param(
            {"calibration": "none.json"}, "calibration", "there is no calibration", id="absent"
        ),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_with_its_line(
    run: Run, tmp_path: Path, change: dict[str, Any], where: str, what: str
) -> None:
    lines = [f"      {key}: {json.dumps(value)}" for key, value in change.items()]
    text = [
        "models:", "  small: {model: street, size: 192}", "  large: {model: street, size: 320}",
        "streams:", "  gate:", "    source: street://", "    estimate:", *lines,
    ]  # fmt: skip
    (tmp_path / "site.yaml").write_text("\n".join(text))
    done = run("config", "check", "site.yaml")
    assert done.returncode == 2, done.stdout
    assert what in done.stderr
    assert f":{1 + next(n for n, one in enumerate(text) if where in one)}:" in done.stderr
