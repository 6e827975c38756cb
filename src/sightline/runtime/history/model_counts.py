"""Counts what models do, as a meter around the one that there is."""

from __future__ import annotations

import threading

from sightline.monitoring.history.latency import latency_bin
from sightline.monitoring.history.series import SERVICE, Series
from sightline.monitoring.history.summary import PeriodSummary
from sightline.protocols import Meter
from sightline.types import Detections

_MOST = 200
"""Models that are told apart."""


class ModelCounts:
    """A ``Meter`` that counts by model what it is told, and tells another one. Safe from any thread.

    Args:
        meter: the other one.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._lock = threading.Lock()
        self._found: dict[Series, PeriodSummary] = {}

    def inferred(self, model: str, batch: int, seconds: float, error: str | None) -> None:
        """See ``Meter.inferred``."""
        self._meter.inferred(model, batch, seconds, error)
        with self._lock:
            found = self._of(Series("model", model))
            if error is None:
                found.count("pictures", batch)
                found.put("inference", latency_bin(seconds), batch)
            else:
                found.count("failed", batch)
                found.count(f"error/{error}", batch)

    def queued(self, model: str, priority: str, seconds: float) -> None:
        """See ``Meter.queued``."""
        self._meter.queued(model, priority, seconds)
        with self._lock:
            self._of(Series("model", model)).put("queue", latency_bin(seconds))

    def refused(self, model: str, priority: str, reason: str) -> None:
        """See ``Meter.refused``."""
        self._meter.refused(model, priority, reason)
        with self._lock:
            self._of(Series("model", model)).count(f"refused/{reason}")

    def detected(self, stream: str, detections: Detections) -> None:
        """See ``Meter.detected``; streams are counted elsewhere."""
        self._meter.detected(stream, detections)

    def answered(self, code: str | int, seconds: float) -> None:
        """The service answered a request, with an HTTP status or gRPC's name of one."""
        with self._lock:
            found = self._of(SERVICE)
            found.count(f"requests/{code}")
            found.put("latency", latency_bin(seconds))

    def take(self) -> dict[Series, PeriodSummary]:
        """What was counted since the last time."""
        with self._lock:
            found, self._found = self._found, {}
        return found

    def _of(self, series: Series) -> PeriodSummary:
        if series not in self._found and len(self._found) >= _MOST:
            series = Series(series.kind, "other")
        return self._found.setdefault(series, PeriodSummary())
