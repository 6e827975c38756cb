"""Is it alive, is it able, what is it doing."""

from __future__ import annotations

import pytest
from tests.unit.serving.in_process import InProcess, Model, failure

from sightline.runtime.repository.models import ModelState


def test_alive_is_said_as_long_as_anything_is_answered() -> None:
    service = InProcess()
    service.repository.ready = False
    service.state.draining = True
    answer = service.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize(
    ("loaded", "draining", "status", "said"),
    [
        (True, False, 200, "ready"),
        (False, False, 503, "not ready"),
        (True, True, 503, "not ready"),
    ],
    ids=["all models answer", "a model has failed", "ending"],
)
def test_able(loaded: bool, draining: bool, status: int, said: str) -> None:
    service = InProcess()
    service.repository.ready, service.state.draining = loaded, draining
    answer = service.get("/ready")
    assert (answer.status_code, answer.json()) == (status, {"status": said})
    assert service.ask("HEAD", "/ready").status_code == status


def test_metrics_are_prometheus_text_or_not_there() -> None:
    class Metrics:
        def render(self) -> bytes:
            return b"frames_total 3\n"

    answer = InProcess(metrics=Metrics()).get("/metrics")
    assert answer.text == "frames_total 3\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert failure(InProcess().get("/metrics")) == (
        404,
        "NotFound",
        "this service keeps no metrics",
    )


def test_everything_at_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import dataclass

    @dataclass
    class Stats:
        queued: int = 4

    service = InProcess(Model("a"), Model("b"))
    service.repository.states_of["b"] = ModelState("b", "failed", "/secret/path")
    service.scheduler.stats = Stats  # type: ignore[attr-defined]
    service.state.started_at -= 60
    content = service.get("/status").json()
    assert content["models"] == {"a": "ready", "b": "failed"}
    assert content["scheduler"] == {"queued": 4}
    assert (content["streams"], content["history"]) == ({}, None)
    assert (content["ready"], content["draining"]) == (True, False)
    assert 60 <= content["uptime_s"] < 120
    assert "secret" not in str(content)
