"""The terms on which a request waits, and how long it did."""

from __future__ import annotations

import time
from typing import Any

import pytest
from starlette.requests import Request

from sightline.config import LimitOptions
from sightline.serving.routes.queue_time import QueueTime, request_terms

LIMITS = LimitOptions(timeout_ms=4000, queue_ms=250)


def request_of(client: tuple[str, int] | None) -> Request:
    return Request({"type": "http", "client": client, "headers": []})


@pytest.mark.parametrize(
    ("client", "name"), [(("10.0.0.7", 99), "http:10.0.0.7"), (None, "http:local"), (("::1", 1), "http:::1")]
)  # fmt: skip
def test_a_client_is_its_address(client: tuple[str, int] | None, name: str) -> None:
    terms = request_terms(request_of(client), LIMITS, 100.0, None, "high")
    assert (terms.client, terms.priority, terms.max_wait_s) == (name, "high", 0.25)


@pytest.mark.parametrize(
    ("timeout_ms", "deadline"), [(None, 104.0), (1.0, 100.001), (600_000, 700)]
)
def test_a_deadline_counts_from_when_the_request_came(
    timeout_ms: float | None, deadline: float
) -> None:
    terms = request_terms(request_of(None), LIMITS, 100.0, timeout_ms, "normal")
    assert terms.deadline == pytest.approx(deadline)


class Recorded:
    def __init__(self) -> None:
        self.steps: list[tuple[str, float, float, dict[str, Any]]] = []

    def step(self, name: str, begin: float, end: float, **values: Any) -> None:
        self.steps.append((name, begin, end, values))


def test_the_time_in_the_queue_ends_with_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 10.5, 12.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    queued, trace = QueueTime(), Recorded()
    queued.started()
    assert queued.answered(trace, "detect", "tiny") == 500.0  # type: ignore[arg-type]
    assert trace.steps == [("queue", 10.0, 10.5, {}), ("detect", 10.5, 12.0, {"model": "tiny"})]


def test_what_never_had_a_turn_has_not_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that was there already."""
    now = iter([10.0, 12.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    queued, trace = QueueTime(), Recorded()
    assert queued.answered(trace, "detect", "tiny") == 0.0  # type: ignore[arg-type]
    assert trace.steps == [("queue", 10.0, 10.0, {}), ("detect", 10.0, 12.0, {"model": "tiny"})]
