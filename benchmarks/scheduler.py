"""What the scheduler costs and what it keeps: its overhead, urgent items, and overload.

Rounds with and without it alternate in one run, and each ratio compares a round with the mean of the
bare rounds before and after it.

    python benchmarks/scheduler.py
"""

from __future__ import annotations

import argparse
import itertools
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from statistics import median

import numpy as np

from sightline import build
from sightline.config import ModelOptions, Priority, SchedulerOptions
from sightline.engines.requests import Workers, WorkersEngine
from sightline.errors import Overloaded
from sightline.models.detector import EngineDetector
from sightline.protocols import Engine
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledEngine
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import EngineInfo, Floats, Pixels, TensorSpec

CANVAS = (640, 384)
UNLIMITED = SchedulerOptions(queue=10_000, refuse_after=1e6)


class NoEngine(WorkersEngine):
    """Workers like any engine's, and an inference that does nothing."""

    def __init__(self, requests: int) -> None:
        self._info = EngineInfo(
            "none", "cpu", "fp32", requests,
            TensorSpec("x", (None, None, None, 3)), (TensorSpec("y", (None, 1)),),
        )  # fmt: skip
        self._workers = Workers("none", requests, _NoRequest)


class _NoRequest:
    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.input: Pixels = np.zeros((*shape, 3), np.uint8)
        self._output = [np.zeros((shape[0], 1), np.float32)]

    def run(self) -> Sequence[Floats]:
        return self._output


def rate(
    engine: Engine, shape: tuple[int, int, int], in_flight: int, seconds: float
) -> tuple[float, float]:
    """Items per second, and per second of this process's processor time, of one client that keeps
    so many in flight. The second is the same however busy the machine is with other things."""

    def fill(pixels: Pixels) -> None:
        pixels[0, 0, 0] = 1

    def read(outputs: Sequence[Floats]) -> float:
        return float(outputs[0].flat[0])

    flying: deque[Future[float]] = deque()
    count, start, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        while len(flying) >= in_flight:
            flying.popleft().result()
            count += 1
        flying.append(engine.submit(shape, fill, read))
    for future in flying:
        future.result()
    count += len(flying)
    return count / (time.perf_counter() - start), count / (time.process_time() - cpu)


def compare(
    bare: Engine, scheduled: Engine, shape: tuple[int, int, int], in_flight: int, rounds: int
) -> str:
    """Rates without and with the scheduler, and the median of the rounds' ratios."""
    seconds = 1.0
    rate(bare, shape, in_flight, seconds / 2)
    rate(scheduled, shape, in_flight, seconds / 2)
    alone, through = [rate(bare, shape, in_flight, seconds)], []
    for _ in range(rounds):
        through.append(rate(scheduled, shape, in_flight, seconds))
        alone.append(rate(bare, shape, in_flight, seconds))
    wall, cpu = (
        median(
            t[i] / ((a[i] + b[i]) / 2)
            for t, (a, b) in zip(through, itertools.pairwise(alone), strict=True)
        )
        for i in (0, 1)
    )
    more = 1e6 / median(t[1] for t in through) - 1e6 / median(a[1] for a in alone)
    return (
        f"{in_flight} in flight: {median(a[0] for a in alone):.0f}/s bare, "
        f"{median(t[0] for t in through):.0f}/s scheduled, ratio {wall:.3f}; "
        f"per processor second {cpu:.3f}, {more:.0f} µs more for an item"
    )


class QueueTimes:
    """A meter that keeps the seconds that items waited."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {"urgent": [], "normal": [], "batch": []}

    def queued(self, _: str, priority: str, seconds: float) -> None:
        self.seconds[priority].append(seconds)

    def refused(self, *_: object) -> None:
        """Not asked for."""

    inferred = detected = refused


def nothing(_: object) -> None:
    """Neither fill nor read."""


def urgent_beside_batch(engine: Engine, shape: tuple[int, int, int], seconds: float) -> None:
    """Four clients of priority batch saturate the engine; an urgent item comes every 50 ms."""
    meter = QueueTimes()
    scheduler = Scheduler(SchedulerOptions(), meter)
    scheduler.add("street", engine)
    scheduler.warm_up("street", (shape[2], shape[1]))
    stop = threading.Event()

    def saturate(name: str) -> None:
        mine = ScheduledEngine(scheduler, "street", Terms(name, "batch"))
        flying: deque[Future[None]] = deque()
        while not stop.is_set():
            try:
                while len(flying) >= 4:
                    flying.popleft().result()
                flying.append(mine.submit(shape, nothing, nothing))
            except Overloaded as exc:
                stop.wait(exc.retry_after_s / 4)

    threads = [threading.Thread(target=saturate, args=(f"batch-{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    urgent = ScheduledEngine(scheduler, "street", Terms("urgent", "urgent"))
    times = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        urgent.submit(shape, nothing, nothing).result()
        times.append(time.perf_counter() - start)
        time.sleep(0.05)
    capacity = scheduler.stats().capacity
    stop.set()
    for thread in threads:
        thread.join()
    scheduler.close()
    waited = [s * 1e3 for s in meter.seconds["urgent"]]
    running = engine.info.requests / capacity * 1e3
    print(
        f"urgent beside saturating batch: {len(waited)} items, queue p50 {np.percentile(waited, 50):.1f} ms, "
        f"p99 {np.percentile(waited, 99):.1f} ms (10 ms + one running batch: {10 + running:.1f} ms); "
        f"answered p99 {np.percentile(times, 99) * 1e3:.1f} ms; batch queue p50 "
        f"{np.percentile(meter.seconds['batch'], 50) * 1e3:.0f} ms"
    )


def load(
    engine: Engine,
    shape: tuple[int, int, int],
    per_second: float,
    seconds: float,
    priority: Priority,
) -> tuple[list[float], list[float], float]:
    """An open load of eight clients. Milliseconds of what was answered and of what was refused,
    and answers per second."""
    scheduler = Scheduler(SchedulerOptions())
    scheduler.add("street", engine)
    scheduler.warm_up("street", (shape[2], shape[1]))
    clients = [ScheduledEngine(scheduler, "street", Terms(f"{i}", priority)) for i in range(8)]
    random_ = random.Random(1)
    done: list[float] = []
    refused: list[float] = []
    futures = []
    start = time.perf_counter()
    due = start
    while due < start + seconds:
        due += random_.expovariate(per_second)
        pause = due - time.perf_counter()
        if pause > 0:
            time.sleep(pause)
        began = time.perf_counter()
        try:
            future = random_.choice(clients).submit(shape, nothing, nothing)
        except Overloaded:
            refused.append((time.perf_counter() - began) * 1e3)
        else:
            future.add_done_callback(_noting(done, refused, began))
            futures.append(future)
    for future in futures:
        future.exception()
    elapsed = time.perf_counter() - start
    scheduler.close()
    return done, refused, len(done) / elapsed


def _noting(
    done: list[float], refused: list[float], began: float
) -> Callable[[Future[None]], None]:
    def note(future: Future[None]) -> None:
        # What was accepted may still be pushed out, for clients that have less waiting.
        times = done if future.exception() is None else refused
        times.append((time.perf_counter() - began) * 1e3)

    return note


def overload(engine: Engine, shape: tuple[int, int, int], seconds: float, rounds: int) -> None:
    ratios = []
    for _ in range(rounds):
        capacity, _ = rate(engine, shape, 2 * engine.info.requests, 2.0)
        at, _, rate_at = load(engine, shape, capacity, seconds, "normal")
        over, refused, rate_over = load(engine, shape, 4 * capacity, seconds, "normal")
        p99_at, p99_over = np.percentile(at, 99), np.percentile(over, 99)
        ratios.append(p99_over / p99_at)
        print(
            f"  capacity {capacity:.0f}/s: answered {rate_at:.0f}/s, p99 {p99_at:.0f} ms; 4 times that: "
            f"answered {rate_over:.0f}/s, p99 {p99_over:.0f} ms; refusals p99 {np.percentile(refused, 99):.2f} ms"
        )
    print(f"accepted p99 at four times the capacity over that at capacity: {median(ratios):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=8.0)
    args = parser.parse_args()

    none = NoEngine(4)
    scheduler = Scheduler(UNLIMITED)
    scheduler.add("none", none)
    facade = ScheduledEngine(scheduler, "none", Terms("bench"))
    for in_flight in (1, 4, 8):
        print(f"no inference, {compare(none, facade, (1, 8, 8), in_flight, args.rounds)}")
    scheduler.close()
    none.close()

    detector = build.detector(ModelOptions(model="street", backend="openvino"))
    assert isinstance(detector, EngineDetector)
    engine, shape = detector.engine, (1, CANVAS[1], CANVAS[0])
    scheduler = Scheduler(UNLIMITED)
    scheduler.add("street", engine)
    scheduler.warm_up("street", CANVAS)
    print(f"street: batch sizes that pay: {scheduler.stats().models['street'].batch_sizes[CANVAS]}")
    facade = ScheduledEngine(scheduler, "street", Terms("bench"))
    for in_flight in (1, 4, 8):
        result = compare(engine, facade, shape, in_flight, args.rounds)
        print(f"street {CANVAS[0]}×{CANVAS[1]}, {result}")
    scheduler.close()
    urgent_beside_batch(engine, shape, args.seconds)
    overload(engine, shape, args.seconds, 3)
    detector.close()


if __name__ == "__main__":
    main()
