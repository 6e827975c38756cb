"""How many streams does this machine hold? Measured with everything in it: decoding, gating,
inference, tracking, and what is dropped."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from sightline.config import StreamOptions
from sightline.runtime.streams.fleet import Fleet
from sightline.runtime.streams.record import WINDOW_S

SETTLE_S = 4.0
"""Connecting and first inferences are not measured; nor should be the adaptive control's first steps,
which take a few seconds each."""
_SPREAD_S = 1.0
"""Streams start over so long, as cameras do not send their pictures at one moment."""
KEPT = 0.95
"""A stream holds its rate when it reaches this part of it."""
_LOST = ("stale", "overloaded", "failed")
"""Reasons for which a frame is dropped that was wanted."""
_ENDING = 64
"""Streams that are ended at a time: each waits for its threads."""


@dataclass(frozen=True)
class FleetLoad:
    """What a number of streams came to. Rates are per second, ages milliseconds.

    ``slowest_fps`` is of the stream that was analysed least; ``cpu_ms`` processor time for each
    analysed frame, with all that belongs to it.
    """

    streams: int
    seconds: float
    analyzed_fps: float
    slowest_fps: float
    age_p50_ms: float
    age_p99_ms: float
    dropped: Mapping[str, int]
    cpu_ms: float
    cpu_share: float
    failed: int
    error: str | None = None
    """Why the first of those failed."""

    def holds(self, fps: float | None, p99_ms: float) -> bool:
        """Did every stream reach ``fps``, in time? None: what is wanted depends on what moves."""
        if self.failed or self.age_p99_ms > p99_ms:
            return False
        if fps is not None:
            return self.slowest_fps >= KEPT * fps
        read = self.analyzed_fps * self.seconds + sum(self.dropped.values())
        return sum(self.dropped.get(reason, 0) for reason in _LOST) <= (1 - KEPT) * read


def measure_fleet(
    fleet: Fleet,
    options: StreamOptions,
    streams: int,
    seconds: float,
    settle_s: float = SETTLE_S,
) -> FleetLoad:
    """Run ``streams`` copies of one stream side by side for ``seconds``, after they have settled.

    The fleet is empty again afterwards. Raises ConfigError, SourceError, SinkError.
    """
    names = [f"load-{number}" for number in range(streams)]
    try:
        for name in names:
            fleet.add(name, options)
            time.sleep(_SPREAD_S / streams)
        time.sleep(settle_s)
        before, began, used = fleet.stats(), time.monotonic(), time.process_time()
        ages: list[float] = []
        # Ages are kept for WINDOW_S: a longer measurement is read in turns.
        left = seconds
        while left > 0:
            turn = min(left, WINDOW_S)
            time.sleep(turn)
            ages += fleet.ages_s()
            left -= turn
        after, used = fleet.stats(), time.process_time() - used
        took = time.monotonic() - began
    finally:
        with ThreadPoolExecutor(_ENDING) as pool:
            list(pool.map(fleet.remove, set(names) & set(fleet.names())))
    analyzed = [after[name].analyzed - before[name].analyzed for name in names]
    dropped: Counter[str] = Counter()
    for name in names:
        dropped.update(after[name].dropped)
        dropped.subtract(before[name].dropped)
    p50, p99 = np.percentile(ages, (50, 99)) * 1e3 if ages else (0.0, 0.0)
    total = sum(analyzed)
    errors = [after[name].error for name in names if after[name].state == "failed"]
    return FleetLoad(
        streams, took, total / took, min(analyzed) / took, float(p50), float(p99),
        {reason: count for reason, count in dropped.items() if count}, 1e3 * used / max(1, total),
        used / took, len(errors), next(iter(errors), None),
    )  # fmt: skip


def most_streams(
    measure: Callable[[int], FleetLoad],
    fps: float | None,
    p99_ms: float,
    limit: int = 1024,
    start: int = 1,
) -> FleetLoad | None:
    """The largest number of streams that hold ``fps`` with ages below ``p99_ms``.

    Doubles the number from ``start`` on until it does not hold, then halves the gap to within a tenth.
    Where ``start`` does not hold, it is halved first. None: not even one stream holds.
    """
    best: FleetLoad | None = None
    too_many = limit + 1
    count = min(start, limit)
    while best is None or best.streams < limit:
        load = measure(count)
        if load.holds(fps, p99_ms):
            best = load
        else:
            too_many = count
        known = 0 if best is None else best.streams
        if too_many == 1 or (best is not None and too_many - known <= max(1, known // 10)):
            break
        if best is None:
            count = count // 2
        elif too_many > limit:
            count = min(2 * known, limit)
        else:
            count = (known + too_many) // 2
    return best
