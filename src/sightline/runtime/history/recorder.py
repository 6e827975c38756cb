"""Records what streams and models do: looks every few seconds, and writes once a minute.

Knows what is counted of a stream; knows neither tables nor reports.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sightline.errors import SinkError
from sightline.monitoring.history.collecting import StreamCollectors
from sightline.monitoring.history.series import MINUTE_S, SERVICE, Series
from sightline.monitoring.history.summary import MOST_NAMES, OTHER, PeriodSummary
from sightline.runtime.history.model_counts import ModelCounts
from sightline.types import AccuracyStatus, StreamStats
from sightline.wall_time import ClockWatch

_LOOK_S = 2.0
_ENDED = "ended"
_KEPT_MINUTES = 60
"""Minutes that wait for a database that is away or full; older ones are lost, and counted."""
_PRUNE_S = 3600.0
_LONGEST_ERROR = 120
_MOST_CLASSES = 20
"""Classes whose estimated accuracy is kept, at most: those of which there is most."""
_DIGITS = re.compile(r"\d+")

log = logging.getLogger(__name__)

Minute = tuple[int, dict[Series, PeriodSummary]]


@dataclass(frozen=True, slots=True)
class HistoryStatus:
    """Whether minutes are being written, and how many are lost."""

    writing: bool = True
    lost_minutes: int = 0


class Store(Protocol):
    """Where minutes are kept: see ``HistoryStore``."""

    name: str

    def add(self, start: int, found: Mapping[Series, PeriodSummary]) -> None:
        """Add what happened in a minute. Raises SinkError."""

    def prune(self, now: float) -> None:
        """Remove what is too old. Raises SinkError."""


class HistoryRecorder:
    """Counts what happens by minute, and writes it. A database that fails stops nothing.

    Args:
        store: where minutes are written.
        streams: what each stream has done by now.
        collectors: what is counted within the streams of this process.
        models: what is counted of models and requests; None: another process does it.
        clock: Unix seconds.
        monotonic: seconds that nobody sets.
        close_s: ``close`` waits so long for a writing that has begun.
    """

    def __init__(
        self,
        store: Store,
        streams: Callable[[], Mapping[str, StreamStats]],
        collectors: StreamCollectors,
        models: ModelCounts | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        close_s: float = 15.0,
    ) -> None:
        self._store, self._streams = store, streams
        self._collectors, self._models = collectors, models
        self._watch = ClockWatch(clock, monotonic)
        self._minute = _minute_of(self._watch.now)
        self._pruned_at = self._watch.ticks
        self._found: dict[Series, PeriodSummary] = {}
        self._before: dict[str, StreamStats] = {}
        self._waiting: deque[Minute] = deque()
        self._close_s = close_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.error: str | None = None
        """Why minutes cannot be written at the moment."""
        self.lost_minutes = 0
        """Minutes that were given up: the database was away for too long, or still at the end."""

    def start(self) -> None:
        """Record from now on, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._thread.start()

    def status(self) -> HistoryStatus:
        """How it stands. From any thread."""
        return HistoryStatus(self.error is None, self.lost_minutes)

    def close(self) -> None:
        """Write what there is, and record no more. A database that hangs is not waited for. Idempotent."""
        if self._stop.is_set():
            return
        self._stop.set()
        if self._thread is not None:
            self._thread.join(self._close_s)
        if self._thread is None or not self._thread.is_alive():
            try:
                self.look()
                self._end_minute(self._minute)
            except Exception:  # a defect here must not keep the process from ending in order
                log.exception("history: the last look failed")
        if self._waiting:
            log.error("%s: the last %d minutes are lost", self._store.name, len(self._waiting))
            self.lost_minutes += len(self._waiting)

    def look(self) -> None:
        """Count what has happened since the last look, and write the minute that is over, if one is."""
        before = self._watch.ticks
        jumped = self._watch.look()
        now, ticks = self._watch.now, self._watch.ticks
        minute = _minute_of(now)
        if minute != self._minute:
            over, self._minute = self._minute, minute
            self._end_minute(over)
        if jumped:
            log.warning("history: the clock was set; what comes is kept under the new time")
            self._of(SERVICE).count("clock_jumps")
        self._count(ticks - before)
        # A clock that is set wrong must not empty the database.
        if self._watch.steady and ticks - self._pruned_at >= _PRUNE_S:
            self._pruned_at = ticks
            self._prune(now)

    def _count(self, passed_s: float) -> None:
        """What has happened in the seconds that have passed."""
        passed_ms = round(passed_s * 1e3)
        self._of(SERVICE).count("up_ms", passed_ms)
        stats = self._streams()
        for name, one in stats.items():
            summary = self._of(Series("stream", name, one.model))
            before = self._before.get(name)
            if before is None or before.since != one.since or before.read > one.read:
                before = StreamStats(name, "", "", "")
            _count_stream(summary, before, one, passed_ms)
            summary.merge(self._collectors.take(name))
        self._before = dict(stats)
        if self._models is not None:
            for series, found in self._models.take().items():
                self._of(series).merge(found)

    def _of(self, series: Series) -> PeriodSummary:
        return self._found.setdefault(series, PeriodSummary())

    def _end_minute(self, start: int) -> None:
        found, self._found = self._found, {}
        self._waiting.append((start, found))
        while len(self._waiting) > _KEPT_MINUTES:
            self._waiting.popleft()
            self.lost_minutes += 1
        try:
            while self._waiting:
                self._store.add(*self._waiting[0])
                self._waiting.popleft()
        except SinkError as exc:
            if self.error is None:
                log.error("history: %s; up to %d minutes wait for it", exc, _KEPT_MINUTES)
            self.error = str(exc)
            return
        if self.error is not None:
            log.warning(
                "history: %s can be written again; %d minutes are lost so far",
                self._store.name, self.lost_minutes,
            )  # fmt: skip
            self.error = None

    def _prune(self, now: float) -> None:
        try:
            self._store.prune(now)
        except SinkError as exc:  # it is tried again in an hour
            log.error("history: old summaries stay: %s", exc)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_S):
            try:
                self.look()
            except Exception:  # a defect here must not end what it only watches
                log.exception("history: a look failed")


def _minute_of(now: float) -> int:
    return int(now // MINUTE_S) * MINUTE_S


def _count_stream(
    summary: PeriodSummary, before: StreamStats, now: StreamStats, passed_ms: int
) -> None:
    """Count what a stream has done between two looks."""
    # One that has ended between the two looks ran until then.
    ended = now.state == _ENDED and before.state != _ENDED
    summary.count(f"state/{'running' if ended else now.state}", passed_ms)
    for name in ("read", "analyzed", "reconnects", "lost"):
        summary.count(name, max(0, getattr(now, name) - getattr(before, name)))
    for reason, number in now.dropped.items():
        summary.count(f"dropped/{reason}", max(0, number - before.dropped.get(reason, 0)))
    for stage, reasons in now.missing.items():
        known = before.missing.get(stage, {})
        for reason, number in reasons.items():
            summary.count(f"missing/{stage} {reason}", max(0, number - known.get(reason, 0)))
    if now.error is not None and now.error != before.error:
        summary.count(f"error/{_error_kind(summary, now.error)}")
    if now.drift is not None:
        summary.count(f"drift/{now.drift.state}", passed_ms)
        if now.drift.state == "drift" and now.drift.causes:
            summary.count(f"cause/{now.drift.causes[0]}", passed_ms)
    if now.accuracy is not None and now.state in ("running", "degraded"):
        summary.count(f"accuracy/{now.accuracy.state}", passed_ms)
        _add_accuracy(summary, now.accuracy)


def _add_accuracy(summary: PeriodSummary, found: AccuracyStatus) -> None:
    """Add an estimate as it stands: so each has the weight of the time for which it stood."""
    if found.map50 is None or found.low is None or found.high is None:
        return
    for name, value in (("map50", found.map50), ("low", found.low), ("high", found.high)):
        summary.value(f"accuracy/{name}", value)
    classes = sorted(found.per_class.items(), key=lambda one: -one[1]["objects"])
    for name, told in classes[:_MOST_CLASSES]:
        summary.value(f"accuracy/ap50 of {name}", told["ap50"])


def _error_kind(summary: PeriodSummary, error: str) -> str:
    """An error without what differs from one to the next, so that the same ones are counted together."""
    kind = _DIGITS.sub("#", " ".join(error.split()))[:_LONGEST_ERROR]
    known = summary.parts("error")
    return kind if kind in known or len(known) < MOST_NAMES else OTHER
