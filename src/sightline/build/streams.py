"""Streams of a fleet: a source, a share of an engine, a tracker and outputs, from one set of options."""

from __future__ import annotations

import logging
import math
import time
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sightline._version import __version__
from sightline.build.monitoring.accuracy import GetEstimate, no_estimate
from sightline.build.monitoring.watching import WatchedStream, WatchMaker, ended_on_failure
from sightline.build.outputs import Outputs, outputs
from sightline.build.pipeline import StreamLoad, pipeline
from sightline.build.regions import by_regions
from sightline.build.sources import SourceInput, check_source, inputs
from sightline.build.stage_detectors import FindOptions, suited
from sightline.build.stages import stages
from sightline.config import ClassifyOptions, Priority, StreamOptions
from sightline.errors import ConfigError
from sightline.models.composites.parts import conf_of
from sightline.monitoring.history.collecting import StreamCollectors
from sightline.protocols import (
    Classifier,
    Detector,
    IdentifiedEmbedder,
    Meter,
    SharedDetector,
    Stage,
)
from sightline.redaction import redact_address
from sightline.runtime.repository.served_model import ModelCall, Overrides, SharedModel
from sightline.runtime.rollouts.rollout import Rollout
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import (
    ScheduledClassifier,
    ScheduledDetector,
    ScheduledEmbedder,
)
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.runtime.streams.cpu_limiter import CpuLimiter
from sightline.runtime.streams.decoding import Decoding, decoding_counts
from sightline.runtime.streams.decoding_budget import DecodingBudget, DecodingCounts
from sightline.runtime.streams.parts import StreamParts
from sightline.runtime.streams.record import StreamRecord
from sightline.runtime.streams.selection import AdaptiveSelection
from sightline.runtime.streams.stages import DetectAtLevel, DetectObjects
from sightline.types import RunState
from sightline.whole_files import OutputGuard

if TYPE_CHECKING:
    from sightline.models.classifier import CropClassifier
    from sightline.models.embedder import CropEmbedder
    from sightline.runtime.streams.pipeline import Pipeline
    from sightline.sources.turn import Turn

log = logging.getLogger(__name__)

GetClassifier = Callable[[str], "tuple[str, CropClassifier]"]
"""The name that the scheduler knows a stage's model by, and its classifier. Raises SightlineError."""

GetEmbedder = Callable[[str], "tuple[str, CropEmbedder]"]
"""The same of an embedder. Raises SightlineError."""

GetDetector = Callable[[str], "tuple[str, SharedDetector]"]
"""The full name of a model and its detector. Raises NotFound, or what loading it raises."""


class StreamMaker:
    """Makes the parts of a fleet's streams.

    Args:
        scheduler: runs the models' engines.
        get: finds a model by name.
        meter: told of each analysed frame.
        joined: text files that several streams write to; they are begun already.
        get_classifier, get_embedder, get_stage_detector: find a stage's or tracker's model, and the name
            that the scheduler knows it by.
        get_guard: what was found at the paths of a stream's outputs.
        get_rollout: the rollout of a model, by its full name; None: it has none.
        identify: tells two models of one name apart: see ``model_identity``.
        collectors: what is counted of streams, to be kept; None: nothing.
        get_estimate: what estimates the accuracy of a stream's model, where its options say so.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        get: GetDetector,
        meter: Meter | None = None,
        joined: Collection[str] = (),
        get_classifier: GetClassifier | None = None,
        get_embedder: GetEmbedder | None = None,
        get_stage_detector: GetDetector | None = None,
        get_guard: Callable[[str, StreamOptions], OutputGuard | None] = lambda *_: None,
        get_rollout: Callable[[str], Rollout | None] = lambda _: None,
        identify: Callable[[str], str] = str,
        collectors: StreamCollectors | None = None,
        get_estimate: GetEstimate = no_estimate,
    ) -> None:
        self._scheduler, self._get, self._meter, self._joined = scheduler, get, meter, joined
        self._get_classifier, self._get_embedder = get_classifier, get_embedder
        self._get_stage_detector, self._get_guard = get_stage_detector, get_guard
        self._get_rollout = get_rollout
        self._watch = WatchMaker(identify, collectors, get_estimate)
        self._turn = CpuLimiter()
        self._budgets: dict[tuple[str, Priority], DecodingBudget] = {}

    def __call__(self, name: str, options: StreamOptions, record: StreamRecord) -> StreamParts:
        """The parts of one stream. Raises SightlineError: it cannot run."""
        model, detector = self._get(options.model)
        decoding = Decoding(self._budget(model, options), options.weight, options.min_fps)
        found = _input(name, options, decoding)
        if found.live:
            decoding.counts = _decoded(found, record)
        selection = AdaptiveSelection(
            options.adaptive,
            record,
            lambda: found.source.status,
            sizes=len(options.adaptive.sizes),
            every=options.every,
        )
        terms = _terms(name, found, options)
        rollout = self._get_rollout(model)

        def detect(detector: SharedDetector) -> Stage[Any]:
            def scheduled(sized: SharedDetector, of: str = model) -> ScheduledDetector:
                interval = lambda: decoding.interval_s  # noqa: E731 - known when it is asked for
                return ScheduledDetector(self._scheduler, of, sized, terms, interval)

            beside = partial(_beside, rollout, scheduled, terms, conf_of(detector))
            if options.detect.regions:
                return DetectObjects(beside(by_regions(detector, options.detect, scheduled)))
            detectors = [beside(scheduled(sized)) for sized in _sizes(detector, options)]
            return DetectAtLevel(detectors, lambda: selection.level.size)

        guard = self._get_guard(name, options)
        stream = WatchedStream(name, options, found, record, model, detector, rollout, guard)
        embedder = partial(_embedder, self._scheduler, self._get_embedder, terms)
        watching = self._watch(stream, embedder)
        load = StreamLoad(selection, record, self._turn, detect)
        answering = model if rollout is None else rollout.sharing.model_of_stream(name)
        run = {"command": "run", "model": answering, "version": __version__, "stream": name}
        with ended_on_failure(watching.ends):
            steps = self._steps(detector, options, found, terms, load, watching.stages)
            own = outputs(options.outputs, run, [found], self._joined, guard)
        close = partial(_close, name, own, found, record, time.monotonic(), watching.ends)
        meter = self._meter
        return StreamParts(
            found.source, steps, own.sinks(found), redact_address(options.source), answering, close,
            lambda: selection.number, None if meter is None else partial(meter.detected, name),
            watching.drift, watching.hard_frames, watching.accuracy,
        )  # fmt: skip

    def _budget(self, model: str, options: StreamOptions) -> DecodingBudget:
        """Streams compete with those that wait for the same engine with the same priority."""
        fresh = DecodingBudget(self._turn, lambda: self._scheduler.busy_s(model))
        return self._budgets.setdefault((model, options.priority), fresh)

    def _steps(
        self,
        detector: SharedDetector,
        options: StreamOptions,
        found: SourceInput,
        terms: Terms,
        load: StreamLoad,
        watching: Sequence[Stage[Any]],
    ) -> Pipeline:
        terms = replace(terms, min_rate=0.0, live=False)  # classifiers have no assured rate
        classifier = partial(_classifier, self._scheduler, self._get_classifier, terms)
        embedder = partial(_embedder, self._scheduler, self._get_embedder, terms)
        finder = partial(_stage_detector, self._scheduler, self._get_stage_detector, terms)
        return pipeline(
            detector,
            options.tracker if options.track else None,
            still=found.still,
            stages=[
                *stages(options.stages, detector, classifier, embedder, finder),
                *watching,
            ],
            load=load,
            detect=options.detect,
            get_embedder=embedder,
        )


def _classifier(
    scheduler: Scheduler, get: GetClassifier | None, terms: Terms, of: ClassifyOptions
) -> Classifier:
    """A stage's model, behind the scheduler."""
    if get is None:
        raise ConfigError(f"stages: {of.model}: there are no models of stages here")
    key, shared = get(of.model)
    return ScheduledClassifier(scheduler, key, shared.replaced(conf=of.conf), terms)


def _stage_detector(
    scheduler: Scheduler, get: GetDetector | None, terms: Terms, of: FindOptions
) -> Detector:
    """The detector of a stage, behind the scheduler."""
    if get is None:
        raise ConfigError(f"stages: {of.model}: there are no models of stages here")
    key, shared = get(of.model)
    return ScheduledDetector(scheduler, key, suited(shared, of), terms)


def _embedder(
    scheduler: Scheduler, get: GetEmbedder | None, terms: Terms, name: str
) -> IdentifiedEmbedder:
    """The embedder of a tracker or stage, behind the scheduler."""
    if get is None:
        raise ConfigError(f"embedder {name}: there are no models of trackers and stages here")
    key, shared = get(name)
    return ScheduledEmbedder(scheduler, key, shared, terms)


def _beside(
    rollout: Rollout | None,
    scheduled: Callable[[SharedDetector, str], Detector],
    terms: Terms,
    conf: float,
    first: Detector,
) -> Detector:
    """A stream's detector, with the second model that its model may have."""
    if rollout is None:
        return first
    wanted = Overrides(conf=conf)

    def ask(other: SharedModel) -> Detector:
        return scheduled(other.detector.replaced(conf=conf), other.name)

    return rollout.around(first, ModelCall(terms, wanted, ask, rollout.sharing.key_of_frame))


def _close(
    name: str,
    own: Outputs,
    found: SourceInput,
    record: StreamRecord,
    began: float,
    ends: Sequence[Callable[[], None]],
    state: RunState,
) -> None:
    """Close a stream's outputs and what else ``ends`` with it, and log what became of its frames."""
    own.state = state
    try:
        for end in ends:
            end()
        own.close()
    finally:
        log.info("stream %s: %s, %s", name, state, _counts(found, record, began))


def _input(name: str, options: StreamOptions, turn: Turn) -> SourceInput:
    """The source; a camera that is not there yet is waited for, unless the user says otherwise."""
    check_source(options)
    live = options.live
    if "wait_for_camera" not in live.model_fields_set:
        live = live.model_copy(update={"wait_for_camera": True})
    (found,) = inputs(
        [options.source],
        live,
        [name],
        loop=options.loop,
        turn=turn,
        fps=options.fps,
        start=options.start,
    )
    if found.live or not options.realtime:
        return found  # what is live keeps its own time
    from sightline.sources.paced import PacedSource

    return replace(found, source=PacedSource(found.source), paced=True)


def _decoded(found: SourceInput, record: StreamRecord) -> Callable[[], DecodingCounts]:
    """Counts what became of the decoded frames of a stream."""
    weak = weakref.ref(found.source)  # no circle: the source holds whoever calls this

    def count() -> DecodingCounts:
        source = weak()
        return (
            DecodingCounts() if source is None else decoding_counts(source.status, record.counts())
        )

    return count


def _counts(found: SourceInput, record: StreamRecord, began: float) -> str:
    """What became of all frames of a stream that has ended."""
    counts = record.counts()
    dropped = Counter(found.source.status.dropped)
    read = counts.taken + dropped.total()
    dropped.update(counts.dropped)
    reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
    left_out = f"{dropped.total()} left out ({reasons})" if reasons else "none left out"
    return (
        f"{read} read, {counts.analyzed} analysed, {left_out} in {time.monotonic() - began:.1f} s"
    )


def _terms(name: str, found: SourceInput, options: StreamOptions) -> Terms:
    # A recording that is read as fast as it can be waits for its turn, however long that takes.
    return Terms(
        f"stream {name}",
        options.priority,
        options.weight,
        options.min_fps,
        options.max_age_ms / 1e3 if found.live else None,
        live=found.live,
        max_wait_s=None if found.live else math.inf,
    )


def _sizes(detector: SharedDetector, options: StreamOptions) -> Sequence[SharedDetector]:
    """The detector at each size that the stream may be analysed at, largest first.

    Raises ConfigError: it has one size only.
    """
    from sightline.models.detector import EngineDetector

    sizes = sorted(options.adaptive.sizes, reverse=True)
    if not sizes:
        return [detector]
    if not isinstance(detector, EngineDetector):
        raise ConfigError("adaptive.sizes: tiles and ensembles are looked at in one size only")
    return [detector.replaced(size=size) for size in sizes]
