"""What a configuration says is kept of streams and models: made with them, and ended before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sightline.config import Configuration, StreamOptions
from sightline.monitoring.drift.stage import WatchDrift, WatchedCamera
from sightline.monitoring.history.collecting import (
    CollectHistory,
    StreamCollector,
    StreamCollectors,
)
from sightline.monitoring.profiles.profiler import Profilers
from sightline.protocols import Stage
from sightline.runtime.history.model_counts import ModelCounts
from sightline.runtime.history.recorder import HistoryRecorder, HistoryStatus
from sightline.runtime.history.reports import ServedReports
from sightline.runtime.history.store import HistoryStore
from sightline.runtime.streams.record import StreamRecord
from sightline.types import StreamStats
from sightline.whole_files import OutputGuard


class History:
    """The history of one process; of a configuration that keeps none, nothing happens.

    Args:
        configuration: of the process.
        guard: what was found at the path of the database.
    """

    def __init__(self, configuration: Configuration, guard: OutputGuard | None = None) -> None:
        self._options = options = configuration.history
        self._workers = configuration.workers
        self._guard = guard
        self._recorder: HistoryRecorder | None = None
        self.collectors = None if options is None else StreamCollectors(options.every_s)
        self.models: ModelCounts | None = None
        """What is counted of models, where this process is the one that does it."""
        self.reports = None if options is None else ServedReports(options.database, self._status)
        """What clients may have reports of; None: nothing is kept."""

    @contextmanager
    def of(self, streams: Callable[[], Mapping[str, StreamStats]]) -> Iterator[None]:
        """Record what these streams do until the end of the context, and write it then."""
        if self._options is None or self.collectors is None:
            yield
            return
        store = HistoryStore(self._options.database, self._options, self._guard)
        stats = (lambda: _dead(streams())) if self._workers else streams
        self._recorder = HistoryRecorder(store, stats, self.collectors, self.models)
        self._recorder.start()
        try:
            yield
        finally:
            self._recorder.close()

    @property
    def lost_minutes(self) -> int:
        """Minutes that could not be written."""
        return self._status().lost_minutes

    def _status(self) -> HistoryStatus:
        return HistoryStatus() if self._recorder is None else self._recorder.status()


def _dead(streams: Mapping[str, StreamStats]) -> dict[str, StreamStats]:
    """Streams whose worker is away: of all others their own worker tells."""
    return {
        name: StreamStats(name, one.state, one.source, one.model, error=one.error)
        for name, one in streams.items()
        if one.state == "restarting"
    }


def drift_watch(
    name: str,
    options: StreamOptions,
    identify: Callable[[str], str],
    collector: StreamCollector | None,
    profilers: Profilers,
) -> WatchDrift | None:
    """What watches a stream for drift, if anything does."""
    drift = options.drift
    if drift is None:
        return None
    camera = WatchedCamera(
        name, identify(options.model), drift.reference, drift.learn_days, drift.every_s
    )
    on_sample = None if collector is None else collector.sampled
    return WatchDrift(camera, profilers.every(drift.every_s), on_sample=on_sample)


def counting_stages(
    collectors: StreamCollectors | None,
    name: str,
    options: StreamOptions,
    record: StreamRecord,
    profilers: Profilers,
) -> tuple[StreamCollector | None, list[Stage[Any]]]:
    """What counts a stream, and its stage. A frame is looked at once for that and for drift."""
    if collectors is None:
        return None, []
    counted = collectors.of(name)
    record.on_analyzed = counted.analyzed
    profiler = None if options.drift else profilers.every(collectors.every_s)
    return counted, [CollectHistory(counted, profiler)]
