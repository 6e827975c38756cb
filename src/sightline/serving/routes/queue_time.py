"""What every request for pictures has: the terms on which it waits, and how long it did."""

from __future__ import annotations

import time

from starlette.requests import Request

from sightline.config import LimitOptions, Priority
from sightline.monitoring.tracing import Trace
from sightline.runtime.scheduling.items import Terms


def request_terms(
    request: Request,
    limits: LimitOptions,
    begin: float,
    timeout_ms: float | None,
    priority: Priority,
) -> Terms:
    """The terms of a client's request that came at ``begin`` (monotonic); None: the usual timeout."""
    client = request.client.host if request.client is not None else "local"
    return Terms(
        client=f"http:{client}",
        priority=priority,
        deadline=begin + (timeout_ms or limits.timeout_ms) / 1e3,
        max_wait_s=limits.queue_ms / 1e3,
    )


class QueueTime:
    """How long a picture waits for its turn, from when this is made; ``started`` tells that it came."""

    def __init__(self) -> None:
        self._submitted = time.monotonic()
        self._began: float | None = None

    def started(self) -> None:
        """The turn has come. From any thread."""
        self._began = time.monotonic()

    def answered(self, trace: Trace, step: str, model: str) -> float:
        """Tell the trace of the queue and of the ``step`` after it; the milliseconds in the queue."""
        began = self._submitted if self._began is None else self._began
        trace.step("queue", self._submitted, began)
        trace.step(step, began, time.monotonic(), model=model)
        return (began - self._submitted) * 1e3
