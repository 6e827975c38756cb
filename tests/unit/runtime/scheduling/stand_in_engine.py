"""An engine that does what it is told, and jobs whose pictures tell who they are of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from sightline.engines.requests import Workers
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledEngine
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Detections, EngineInfo, Floats, Pixels, TensorSpec

LANE = (4, 4)


LONG_S = 20.0
"""Nothing here takes so long; a test that waits for it has failed."""


TERMS = Terms("test")


class StandIn:
    """An engine with real worker threads whose inference is ``run(batch)``.

    Its one output has the first byte of each picture.
    """

    def __init__(
        self,
        run: Callable[[Pixels], None] = lambda _: None,
        requests: int = 1,
        input_n: int | None = None,
        output_n: int | None = None,
    ) -> None:
        self.run = run
        self.batches: list[int] = []
        self.submitted_by: list[threading.Thread] = []
        self.closed = False
        self.rows: Callable[[Pixels], Floats] = lambda x: x[:, 0, 0, :1].astype(np.float32)
        self.info = EngineInfo(
            "stand-in", "cpu", "fp32", requests,
            TensorSpec("x", (input_n, None, None, 3)), (TensorSpec("y", (output_n, 1)),),
        )  # fmt: skip
        self._workers = Workers("stand-in", requests, lambda shape: _Run(self, shape))

    def submit(self, shape: Any, fill: Any, read: Any) -> Future[Any]:
        self.submitted_by.append(threading.current_thread())
        return self._workers.submit(shape, fill, read)

    def close(self) -> None:
        self.closed = True
        self._workers.close()


class _Run:
    def __init__(self, engine: StandIn, shape: tuple[int, int, int]) -> None:
        self._engine = engine
        self.input = np.full((*shape, 3), 99, np.uint8)

    def run(self) -> Sequence[Floats]:
        self._engine.batches.append(len(self.input))
        self._engine.run(self.input)
        return [self._engine.rows(self.input)]


class Gate:
    """An inference that waits until it is let through; those let through before stay through."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, _: Pixels) -> None:
        self.entered.release()
        assert self.open.wait(LONG_S)

    def wait_until_entered(self) -> None:
        assert self.entered.acquire(timeout=LONG_S)


class RecordingMeter:
    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.batches: list[tuple[str, int, str | None]] = []

    def inferred(self, model: str, batch: int, seconds: float, error: str | None) -> None:
        assert 0 <= seconds < LONG_S
        self.batches.append((model, batch, error))

    def queued(self, model: str, priority: str, seconds: float) -> None:
        assert 0 <= seconds < LONG_S
        self.calls.append(("queued", model, priority))

    def refused(self, model: str, priority: str, reason: str) -> None:
        self.calls.append(("refused", model, priority, reason))

    def detected(self, stream: str, detections: Detections) -> None:
        raise AssertionError("streams tell of their frames themselves")


def put(
    scheduler: Scheduler,
    value: int,
    terms: Terms = TERMS,
    *,
    pictures: int = 1,
    fill: Callable[[Pixels], None] | None = None,
    read: Callable[[Sequence[Floats]], Any] | None = None,
) -> Future[Any]:
    """Submit pictures whose bytes are ``value``; the future has them back as a list."""

    def own_fill(x: Pixels) -> None:
        assert x.shape == (pictures, *LANE, 3)
        x[...] = value

    def own_read(outputs: Sequence[Floats]) -> list[float]:
        (output,) = outputs
        return [float(v) for v in output[:, 0]]

    engine = ScheduledEngine(scheduler, "m", terms)
    return engine.submit((pictures, *LANE), fill or own_fill, read or own_read)


def result(future: Future[Any]) -> Any:
    return future.result(LONG_S)


# One bad item.


def poison(_: object) -> None:
    raise ValueError("poison")
