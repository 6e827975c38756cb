"""The timing of one engine: warm-up, single inferences, and as many side by side as it takes."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from sightline.protocols import Engine
from sightline.types import Pixels

WARM_UP_BLOCK_S = 0.2
STABLE_BLOCKS, STABLE_SPREAD = 3, 1.03
WARM_UP_RULE = (
    f"warm when the medians of {STABLE_BLOCKS} blocks of {WARM_UP_BLOCK_S:g} s in a row lie within "
    f"{STABLE_SPREAD - 1:.0%} of each other"
)

Clock = Callable[[], float]


@dataclass(frozen=True)
class WarmUp:
    """How long an engine took until its times were stable; ``stable`` is False where they never were."""

    seconds: float
    runs: int
    stable: bool


@dataclass(frozen=True)
class FullLoad:
    """As many inferences side by side as an engine takes: pictures per second, and each one's
    milliseconds from its submission."""

    pictures_per_s: float
    samples_ms: list[float]


class TimedRuns:
    """Runs an engine on a picture of noise.

    Args:
        engine: what is timed. Its input is written once in a while only: what is timed is the inference.
        shape: the batch (N, H, W).
        clock: seconds.
    """

    def __init__(
        self, engine: Engine, shape: tuple[int, int, int], clock: Clock = time.perf_counter
    ) -> None:
        self.engine, self.shape, self._clock = engine, shape, clock
        self._noise: Pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)

    def warm_up(self, limit_s: float) -> WarmUp:
        """Run until the times are stable (``WARM_UP_RULE``), for ``limit_s`` at most."""
        began, runs = self._clock(), 0
        medians: deque[float] = deque(maxlen=STABLE_BLOCKS)
        while True:
            block = self.latencies_ms(WARM_UP_BLOCK_S, fill=self._fill)
            runs += len(block)
            medians.append(statistics.median(block))
            stable = len(medians) == STABLE_BLOCKS and max(medians) <= STABLE_SPREAD * min(medians)
            if stable or self._clock() - began >= limit_s:
                return WarmUp(self._clock() - began, runs, stable)

    def latencies_ms(
        self, seconds: float, fill: Callable[[Pixels], None] | None = None
    ) -> list[float]:
        """Milliseconds of inferences one after another, for ``seconds``; at least one."""
        times, until = [], self._clock() + seconds
        while True:
            start = self._clock()
            self.engine.submit(self.shape, fill or _nothing, _nothing).result()
            now = self._clock()
            times.append((now - start) * 1e3)
            if now >= until:
                return times

    def load(self, seconds: float) -> FullLoad:
        """As many inferences in flight as the engine takes, for ``seconds``, until all have ended."""
        times: list[float] = []
        flying: deque[tuple[Future[float], float]] = deque()

        def collect() -> None:
            future, start = flying.popleft()
            times.append((future.result() - start) * 1e3)

        began = self._clock()
        while not times or self._clock() < began + seconds:
            start = self._clock()
            # ``submit`` waits for a free request.
            future = self.engine.submit(self.shape, _nothing, lambda _: self._clock())
            flying.append((future, start))
            while flying and flying[0][0].done():
                collect()
        while flying:
            collect()
        return FullLoad(len(times) * self.shape[0] / (self._clock() - began), times)

    def fill_requests(self, count: int) -> None:
        """Write the noise into the input of every request, by running that many side by side."""
        futures = [self.engine.submit(self.shape, self._fill, _nothing) for _ in range(count)]
        for future in futures:
            future.result()

    def _fill(self, pixels: Pixels) -> None:
        pixels[:] = self._noise


def _nothing(_: object) -> None:
    """Neither fill nor read: the inference alone is measured."""
