"""The values that alert rules watch: of models over the last minute, of streams as they are."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from sightline.monitoring.machine import disk_used, temperatures
from sightline.monitoring.metrics import ModelTotals, PrometheusMeter
from sightline.types import RolloutStats, StreamStats

WINDOW_S = 60.0

LEAST_OBJECTS = 20
"""Fewest objects from which the agreement of two models is told."""

_Objects = tuple[int, int]
T = TypeVar("T")

DOWN = {"connecting", "reconnecting", "restarting", "failed"}
"""States of a stream in which it should run and does not; ended and paused streams are not down."""

_COMES_BACK = {"restarting", "connecting"}
"""States after ``running`` when a worker died. Its streams' values are not gone: nothing is over."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value: ``latency_p99_ms`` of the model ``street``."""

    metric: str
    kind: Literal["model", "stream", "machine"]
    name: str
    value: float


class WatchedValues:
    """Reads what there is to watch; called again and again, about once a second.

    ``latency_p99_ms``: of a model the p99 of the time in the queue and that of the inference,
    added; of a stream the p99 age of its results. ``throughput_fps``: pictures, or analysed frames,
    per second. ``error_rate``: the share of a model's pictures that failed or were refused, 0 to 1.
    ``agreement``: of a model with a second one beside it, on what both saw, 0 to 1.
    ``drift``: of a stream that is watched, the largest change over its limit: 1 and more is drift.
    ``anomaly``: how far its newest sample is from all that is usual.
    ``accuracy``: of a stream of whose model it is estimated, 0 to 1.
    ``stream_down_s``: for how long a stream has not been running. While a worker starts again, its
    streams have a throughput of 0 and the latency that they had.

    ``disk_used``: the share of each file system in use, 0 to 1, by a folder on it; ``temperature_c``: of each
    thermal zone that the machine tells of.

    Models that nobody used in the window have a throughput and nothing else; ``agreement`` is there where
    the two were confident of at least ``LEAST_OBJECTS`` in it.

    Args:
        meter: where models are counted.
        streams: what each stream has done, by name.
        expected: streams that count as down until they are there for the first time. One that
            is removed later was removed on purpose.
        clock: monotonic seconds.
        rollouts: what second models came to, by the name of the first.
        folders: whose disks are watched.
    """

    def __init__(
        self,
        meter: PrometheusMeter,
        streams: Callable[[], Mapping[str, StreamStats]],
        expected: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
        rollouts: Callable[[], Mapping[str, RolloutStats]] = dict,
        folders: Sequence[Path] = (),
    ) -> None:
        self._meter = meter
        self._folders = folders
        self._rollouts = rollouts
        self._compared: deque[tuple[float, dict[str, _Objects]]] = deque([(clock(), {})])
        self._streams = streams
        self._expected = set(expected)
        self._clock = clock
        self._past: deque[tuple[float, dict[str, ModelTotals]]] = deque([(clock(), meter.totals())])
        self._up: dict[str, float] = {}
        self._ages: dict[str, float] = {}  # the last p99 of streams that have run

    def __call__(self) -> list[Reading]:
        now = self._clock()
        found = [*self._models(now), *self._agreements(now), *self._of_streams(now)]
        found += [Reading("disk_used", "machine", *one) for one in disk_used(self._folders)]
        return found + [Reading("temperature_c", "machine", *one) for one in temperatures()]

    def _models(self, now: float) -> Iterator[Reading]:
        totals = self._meter.totals()
        then, before = _window(self._past, now, totals)
        for name, total in totals.items():
            yield from _of_model(name, before.get(name, ModelTotals()), total, now - then)

    def _agreements(self, now: float) -> Iterator[Reading]:
        totals = {name: _objects(stats) for name, stats in self._rollouts().items()}
        _, before = _window(self._compared, now, totals)
        for name, (agreed, confident) in totals.items():
            agreed_before, confident_before = before.get(name, (0, 0))
            if confident < confident_before:  # begun anew meanwhile
                agreed_before = confident_before = 0
            if confident - confident_before >= LEAST_OBJECTS:
                share = (agreed - agreed_before) / (confident - confident_before)
                yield Reading("agreement", "model", name, share)

    def _of_streams(self, now: float) -> Iterator[Reading]:
        streams = self._streams()
        self._expected -= streams.keys()
        watched = streams.keys() | self._expected
        self._up = {name: since for name, since in self._up.items() if name in watched}
        self._ages = {name: age for name, age in self._ages.items() if name in streams}
        for name in self._expected:
            yield Reading("stream_down_s", "stream", name, now - self._up.setdefault(name, now))
        for name, values in streams.items():
            if values.state not in DOWN:
                self._up[name] = now
            down = now - self._up.setdefault(name, now)
            if values.state in DOWN or values.state == "running":
                yield Reading("stream_down_s", "stream", name, down)
            if values.state == "running":
                self._ages[name] = values.age_p99_ms
            elif values.state not in _COMES_BACK:
                self._ages.pop(name, None)
            if values.drift is not None and values.drift.state in {"usual", "drift"}:
                yield Reading("drift", "stream", name, values.drift.effect)
                yield Reading("anomaly", "stream", name, values.drift.anomaly)
            if values.accuracy is not None and values.accuracy.map50 is not None:
                yield Reading("accuracy", "stream", name, values.accuracy.map50)
            if name in self._ages:
                yield Reading("throughput_fps", "stream", name, values.fps_analyzed)
                yield Reading("latency_p99_ms", "stream", name, self._ages[name])


def _window(past: deque[tuple[float, T]], now: float, totals: T) -> tuple[float, T]:
    """Keep what there is now; returns when the window began, and what there was then."""
    past.append((now, totals))
    # The oldest one kept is the last before the window.
    while len(past) > 2 and past[1][0] <= now - WINDOW_S:
        past.popleft()
    return past[0]


def _objects(stats: RolloutStats) -> _Objects:
    """Those that the two agreed on, and those that either was confident of."""
    classes = stats.per_class.values()
    return sum(one.agreed for one in classes), sum(one.confident for one in classes)


def _of_model(
    name: str, before: ModelTotals, total: ModelTotals, seconds: float
) -> Iterator[Reading]:
    succeeded = total.succeeded - before.succeeded
    wrong = total.failed - before.failed + total.refused - before.refused
    if seconds > 0:
        yield Reading("throughput_fps", "model", name, succeeded / seconds)
    if succeeded + wrong > 0:
        yield Reading("error_rate", "model", name, wrong / (succeeded + wrong))
    if succeeded > 0:
        latency = _p99(before.queue, total.queue) + _p99(before.inference, total.inference)
        yield Reading("latency_p99_ms", "model", name, 1e3 * latency)


def _p99(before: Mapping[float, float], now: Mapping[float, float]) -> float:
    """The 99th percentile in seconds of what came between, interpolated inside of a bucket.

    Both count what took at most so long, by that limit. Beyond the last limit its value is told.
    """
    counts = {limit: count - before.get(limit, 0.0) for limit, count in sorted(now.items())}
    wanted = 0.99 * counts.get(math.inf, 0.0)
    lower, below = 0.0, 0.0
    for limit, count in counts.items():
        if math.isinf(limit) or wanted <= 0:
            break
        if count >= wanted:
            return lower + (limit - lower) * (wanted - below) / (count - below)
        lower, below = limit, count
    return lower
