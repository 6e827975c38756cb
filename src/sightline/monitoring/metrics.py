"""Prometheus metrics, in a registry of their own. ``docs/reference/metrics.md`` lists them.

What happens is counted as it happens (``Meter``); what streams, scheduler and hardware know of
themselves is read when it is asked for.
"""

from __future__ import annotations

import collections
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.samples import Sample

from sightline._version import __version__
from sightline.monitoring.hardware import Energy, Gpus
from sightline.monitoring.rollouts import rollout_metrics
from sightline.monitoring.stream_metrics import stream_metrics
from sightline.types import Detections, RolloutStats, SchedulerStats, StreamStats

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""The content type of what ``render`` returns."""

SECONDS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10,
)  # fmt: skip
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

MOST_CLASSES = 100
MOST_STREAMS = 1000
MOST_ROUTES = 100
OTHER = "other"
"""Names beyond these limits are counted together under this one."""


@dataclass
class ModelTotals:
    """Pictures by outcome, and how many took at most so many seconds (cumulative, by limit).

    ``refused`` are those that a client was told of: overloaded or too late.
    """

    succeeded: float = 0.0
    failed: float = 0.0
    refused: float = 0.0
    inference: defaultdict[float, float] = field(default_factory=lambda: defaultdict(float))
    queue: defaultdict[float, float] = field(default_factory=lambda: defaultdict(float))


class PrometheusMeter:
    """A ``Meter`` that Prometheus reads. Safe from any thread.

    Args:
        streams: gives what each running stream has done, by name.
        scheduler: gives what waits and runs.
        restarts: how often worker processes were started again.
        rollouts: gives what second models came to, by the name of the first.
        lost_minutes: how many minutes the history has lost; None: none is kept.
        hardware: GPUs (where ``nvidia-ml-py`` and a driver are there) and the processor's energy
            (where Linux lets this user read it).
    """

    def __init__(
        self,
        streams: Callable[[], Mapping[str, StreamStats]] | None = None,
        scheduler: Callable[[], SchedulerStats] | None = None,
        restarts: Callable[[], int] | None = None,
        rollouts: Callable[[], Mapping[str, RolloutStats]] | None = None,
        lost_minutes: Callable[[], int] | None = None,
        *,
        hardware: bool = True,
    ) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=False)
        self._inferences = Counter(
            "sightline_inferences", "Pictures that an engine was given, by outcome: ok, or the name of the error.",
            ("model", "status"), registry=registry,
        )  # fmt: skip
        self._inference_seconds = Histogram(
            "sightline_inference_seconds", "Time of one batch in an engine that succeeded.",
            ("model",), buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._batch_size = Histogram(
            "sightline_batch_size", "Pictures in one batch.",
            ("model",), buckets=BATCHES, registry=registry,
        )  # fmt: skip
        self._queue_seconds = Histogram(
            "sightline_queue_seconds", "Time that an item waited before it was run.",
            ("model", "priority"), buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._refused = Counter(
            "sightline_refused", "Items that were not run: overloaded, deadline, stale or cancelled.",
            ("model", "priority", "reason"), registry=registry,
        )  # fmt: skip
        self._requests = Counter(
            "sightline_requests", "Requests that were answered, by the pattern of their route.",
            ("protocol", "route", "code"), registry=registry,
        )  # fmt: skip
        self._request_seconds = Histogram(
            "sightline_request_seconds", "Time from a request's arrival to its answer.",
            ("protocol", "route"), buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._routes: set[tuple[str, str]] = set()
        self._detections = _DetectionCounts()
        ProcessCollector(registry=registry)
        registry.register(
            _Reading(streams, scheduler, restarts, rollouts, lost_minutes, self._detections)
        )
        if hardware:
            registry.register(Energy())
            registry.register(Gpus())

    def inferred(self, model: str, batch: int, seconds: float, error: str | None) -> None:
        """See ``Meter.inferred``."""
        self._inferences.labels(model, error or "ok").inc(batch)
        self._batch_size.labels(model).observe(batch)
        if error is None:
            self._inference_seconds.labels(model).observe(seconds)

    def queued(self, model: str, priority: str, seconds: float) -> None:
        """See ``Meter.queued``."""
        self._queue_seconds.labels(model, priority).observe(seconds)

    def refused(self, model: str, priority: str, reason: str) -> None:
        """See ``Meter.refused``."""
        self._refused.labels(model, priority, reason).inc()

    def detected(self, stream: str, detections: Detections) -> None:
        """See ``Meter.detected``."""
        self._detections.add(stream, detections)

    def answered(self, protocol: str, route: str, code: str | int, seconds: float) -> None:
        """A request was answered.

        Args:
            protocol: ``http`` or ``grpc``.
            route: the pattern (``/streams/{name}``) or the method, never the path that was asked.
            code: HTTP status or gRPC status name.
            seconds: from arrival to answer.
        """
        if (protocol, route) not in self._routes:
            if len(self._routes) >= MOST_ROUTES:
                route = OTHER
            else:
                self._routes.add((protocol, route))
        self._requests.labels(protocol, route, str(code)).inc()
        self._request_seconds.labels(protocol, route).observe(seconds)

    def totals(self) -> dict[str, ModelTotals]:
        """What each model has done since the start, for who compares two moments."""
        found: dict[str, ModelTotals] = defaultdict(ModelTotals)
        for sample in _samples(self._inferences):
            done = found[sample.labels["model"]]
            if sample.labels["status"] == "ok":
                done.succeeded += sample.value
            else:
                done.failed += sample.value
        for sample in _samples(self._refused):
            if sample.labels["reason"] in {"overloaded", "deadline"}:
                found[sample.labels["model"]].refused += sample.value
        for sample in _buckets(self._inference_seconds):
            limit = float(sample.labels["le"])
            found[sample.labels["model"]].inference[limit] += sample.value
        for sample in _buckets(self._queue_seconds):  # all priorities together
            limit = float(sample.labels["le"])
            found[sample.labels["model"]].queue[limit] += sample.value
        return dict(found)

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now."""
        for metric in self.registry.collect():
            # Moments of creation double the number of series and are of use to nobody here.
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric

    def render(self) -> bytes:
        """All metrics as Prometheus' text, of ``CONTENT_TYPE``."""
        return generate_latest(self)


def _samples(metric: Counter | Histogram) -> Iterator[Sample]:
    for family in metric.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                yield sample


def _buckets(metric: Histogram) -> Iterator[Sample]:
    return (sample for sample in _samples(metric) if sample.name.endswith("_bucket"))


class _DetectionCounts:
    """Objects by stream and class. What a stream counted goes when the stream has gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, int]] = {}

    def add(self, stream: str, detections: Detections) -> None:
        """Count the objects of a frame by class; beyond ``MOST_STREAMS`` streams all others are one."""
        # Quicker than NumPy for the few objects of a picture.
        counts = collections.Counter(detections.class_ids.tolist())
        with self._lock:
            if stream not in self._counts and len(self._counts) >= MOST_STREAMS:
                stream = OTHER
            classes = self._counts.setdefault(stream, {})
            for class_id, count in counts.items():
                name = detections.class_name(class_id)
                if name not in classes and len(classes) >= MOST_CLASSES:
                    name = OTHER
                classes[name] = classes.get(name, 0) + count

    def taken(self, running: Mapping[str, object] | None) -> list[tuple[str, str, int]]:
        """Stream, class and count; those of streams that do not run are forgotten."""
        with self._lock:
            if running is not None:
                gone = [s for s in self._counts if s not in running and s != OTHER]
                for stream in gone:
                    del self._counts[stream]
            return [(s, c, n) for s, classes in self._counts.items() for c, n in classes.items()]


class _Reading:
    """A collector of what streams, scheduler, second models and history know of themselves."""

    def __init__(
        self,
        streams: Callable[[], Mapping[str, StreamStats]] | None,
        scheduler: Callable[[], SchedulerStats] | None,
        restarts: Callable[[], int] | None,
        rollouts: Callable[[], Mapping[str, RolloutStats]] | None,
        lost_minutes: Callable[[], int] | None,
        detections: _DetectionCounts,
    ) -> None:
        self._streams = streams
        self._scheduler = scheduler
        self._restarts = restarts
        self._rollouts = rollouts
        self._lost_minutes = lost_minutes
        self._detections = detections

    def collect(self) -> Iterator[Metric]:
        """All values as they are now, for Prometheus."""
        yield InfoMetricFamily(
            "sightline", "The version that runs.", value={"version": __version__}
        )
        streams = self._streams() if self._streams is not None else None
        detections = CounterMetricFamily(
            "sightline_detections", "Objects that were found in frames of streams.", labels=("stream", "class"),
        )  # fmt: skip
        for stream, name, count in self._detections.taken(streams):
            detections.add_metric((stream, name), count)
        yield detections
        if streams is not None:
            yield from stream_metrics(streams)
        if self._scheduler is not None:
            yield from _of_scheduler(self._scheduler())
        if self._rollouts is not None:
            yield from rollout_metrics(self._rollouts())
        if self._restarts is not None:
            yield CounterMetricFamily(
                "sightline_worker_restarts", "Worker processes that had died or hung and were started again.", value=self._restarts(),
            )  # fmt: skip
        if self._lost_minutes is not None:
            yield CounterMetricFamily(
                "sightline_history_lost_seconds", "Time whose summaries the history's database could not be given.", value=60 * self._lost_minutes(),
            )  # fmt: skip


def _of_scheduler(values: SchedulerStats) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "sightline_scheduler_waiting", "Items that wait to be run.", labels=("priority",)
    )
    for priority, count in values.waiting.items():
        waiting.add_metric((str(priority),), count)
    yield waiting
    yield GaugeMetricFamily(
        "sightline_scheduler_in_flight", "Batches that are being run.", value=values.in_flight
    )
    yield GaugeMetricFamily(
        "sightline_scheduler_capacity", "Pictures per second that the engines can do, as measured.", value=values.capacity,
    )  # fmt: skip
