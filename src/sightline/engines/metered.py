"""An engine whose inferences are counted and timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from sightline.engines.wrapper import EngineWrapper
from sightline.protocols import Engine, Meter
from sightline.types import Floats, Pixels

T = TypeVar("T")


class Metered(EngineWrapper):
    """Tells a meter of each batch that the engine runs, or fails to run.

    The time is that of the inference alone, from the filled input to the outputs: neither waiting
    for a request, nor ``fill``, nor ``read``. What ``fill`` and ``read`` raise is no failure of the
    engine's, and a cancelled batch was not run: the meter hears of neither.

    Args:
        engine: closed with this one.
        model: name under which the meter counts.
        meter: see ``protocols.Meter``; called in the engine's threads.
    """

    def __init__(self, engine: Engine, model: str, meter: Meter) -> None:
        super().__init__(engine)
        self._model = model
        self._meter = meter

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``: one batch (N, H, W); the future has what ``read`` returned.

        The meter is told of each batch.
        """
        clock = _Clock()

        def filled(pixels: Pixels) -> None:
            clock.callers = True
            fill(pixels)
            clock.callers, clock.start = False, time.perf_counter()

        def inferred(outputs: Sequence[Floats]) -> T:
            clock.callers = True
            self._meter.inferred(self._model, shape[0], clock.seconds, None)
            return read(outputs)

        future = self.engine.submit(shape, filled, inferred)
        future.add_done_callback(partial(self._failed, clock, shape[0]))
        return future

    def _failed(self, clock: _Clock, batch: int, future: Future[Any]) -> None:
        if not clock.callers and not future.cancelled() and (error := future.exception()):
            self._meter.inferred(self._model, batch, clock.seconds, type(error).__name__)


class _Clock:
    """Notes when the inference of one batch began, and whether the caller's own functions have the batch."""

    callers = False
    start: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the inference began; 0 where it never did."""
        return 0.0 if self.start is None else time.perf_counter() - self.start
