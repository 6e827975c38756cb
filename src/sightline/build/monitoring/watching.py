"""What watches how a stream fares, put together from its options: history, drift, hard frames, estimated accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sightline.build.monitoring.accuracy import GetEstimate
from sightline.build.monitoring.hard_frames import (
    CollectedStream,
    hard_frame_collector,
    watching_stages,
)
from sightline.build.monitoring.history import counting_stages, drift_watch
from sightline.build.sources import SourceInput
from sightline.config import HARD_FRAME_KINDS, StreamOptions
from sightline.monitoring.history.collecting import StreamCollectors
from sightline.monitoring.profiles.profiler import Profilers
from sightline.protocols import Embedder, SharedDetector, Stage
from sightline.runtime.hard_frames.collector import HardFrameCollector
from sightline.runtime.rollouts.rollout import Rollout
from sightline.runtime.streams.record import StreamRecord
from sightline.types import AccuracyStatus, DriftStatus, HardFrameStatus
from sightline.whole_files import OutputGuard


@dataclass(frozen=True)
class WatchedStream:
    """A stream that is being put together.

    Attributes:
        name, options, found: of the stream, and its source.
        record: counts what becomes of its frames.
        model, detector: its model, and the name that the scheduler knows it by.
        rollout: of the model, if it has one.
        guard: what was found at the paths of its outputs.
    """

    name: str
    options: StreamOptions
    found: SourceInput
    record: StreamRecord
    model: str
    detector: SharedDetector
    rollout: Rollout | None
    guard: OutputGuard | None


@dataclass(frozen=True)
class StreamWatch:
    """What watches a stream: its stages, what they come to, and how they end."""

    stages: list[Stage[Any]]
    drift: Callable[[], DriftStatus | None]
    hard_frames: Callable[[], HardFrameStatus | None]
    accuracy: Callable[[], AccuracyStatus | None]
    ends: list[Callable[[], None]]


class WatchMaker:
    """Makes what watches streams.

    Args:
        identify: tells two models of one name apart: see ``model_identity``.
        collectors: what is counted of streams, to be kept; None: nothing.
        get_estimate: what estimates the accuracy of a stream's model.
    """

    def __init__(
        self,
        identify: Callable[[str], str],
        collectors: StreamCollectors | None,
        get_estimate: GetEstimate,
    ) -> None:
        self._identify, self._collectors, self._get_estimate = identify, collectors, get_estimate

    def __call__(
        self, stream: WatchedStream, get_embedder: Callable[[str], Embedder]
    ) -> StreamWatch:
        """What watches a stream, as its options say. Raises SightlineError."""
        name, options = stream.name, stream.options
        profilers = Profilers()
        counted, counting = counting_stages(
            self._collectors, name, options, stream.record, profilers
        )
        drift = drift_watch(name, options, self._identify, counted, profilers)
        model, rollout = stream.model, stream.rollout
        answering = model if rollout is None else rollout.sharing.model_of_stream(name)
        estimate = self._get_estimate(name, options, answering, stream.found)
        ends = [estimate.end]
        if drift is not None:
            ends.append(drift.end)
        with ended_on_failure(ends):
            collector = self._collector(stream, get_embedder)
        if collector is not None:
            ends.append(partial(_end_collecting, name, collector, stream.rollout))
        watching = watching_stages(options, drift, collector, profilers)
        return StreamWatch(
            [*counting, *watching, *estimate.stages],
            (lambda: None) if drift is None else drift.status,
            (lambda: None) if collector is None else collector.status,
            estimate.status,
            ends,
        )

    def _collector(
        self, stream: WatchedStream, get_embedder: Callable[[str], Embedder]
    ) -> HardFrameCollector | None:
        """What keeps a stream's hard frames, if anything does. Raises SightlineError."""
        collect = stream.options.collect
        if collect is None:
            return None
        embedder = None if collect.embedder is None else get_embedder(collect.embedder)
        model, names = self._identify(stream.options.model), stream.detector.class_names
        collected = CollectedStream(stream.name, model, names, live=stream.found.live)
        collector = hard_frame_collector(collected, collect, embedder, stream.guard)
        if stream.rollout is not None and "disagreed" in (collect.kinds or HARD_FRAME_KINDS):
            stream.rollout.listen(stream.name, collector.disagreed)
        return collector


@contextmanager
def ended_on_failure(ends: Sequence[Callable[[], None]]) -> Iterator[None]:
    """Ends what a stream has begun with, where the rest of it cannot be made: it may be tried again."""
    try:
        yield
    except BaseException:
        for end in ends:
            end()
        raise


def _end_collecting(name: str, collector: HardFrameCollector, rollout: Rollout | None) -> None:
    """Keep no more hard frames of a stream."""
    if rollout is not None:
        rollout.listen(name, None)
    collector.close()
