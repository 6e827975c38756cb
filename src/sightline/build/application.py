"""A whole installation from one configuration: models, scheduler, streams and the service."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from sightline.build.crop_models import classifier, embedder
from sightline.build.files.conflicts import streams_guard
from sightline.build.model_files import (
    BUNDLED_CLASSIFIERS,
    configured_identity,
    configured_model,
)
from sightline.build.models import detector as make_detector
from sightline.build.models import native_engine, served_detector
from sightline.build.monitoring.accuracy import AccuracyEstimation
from sightline.build.monitoring.history import History
from sightline.build.outputs import joined_files
from sightline.build.rollouts import Rollouts
from sightline.build.sources import LIVE, source_kind
from sightline.build.stages import StageModels
from sightline.build.streams import StreamMaker
from sightline.config import (
    Configuration,
    EngineOptions,
    ModelOptions,
    ServedModelOptions,
    SharedModelOptions,
    StreamOptions,
)
from sightline.config.configuration import asks_names
from sightline.errors import ConfigError, SightlineError, SinkError
from sightline.models.detector import EngineDetector
from sightline.monitoring.logs import verbosity
from sightline.protocols import Meter, SharedDetector
from sightline.runtime.processes.workers import ShardedFleet
from sightline.runtime.repository.classifiers import ClassifierRepository
from sightline.runtime.repository.models import ModelRepository
from sightline.runtime.repository.served_model import ExpectedUse
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.runtime.search.served import GetEmbedder, ServedSearch
from sightline.runtime.streams.fleet import Fleet
from sightline.sinks.lines import begin
from sightline.whole_files import OutputGuard

if TYPE_CHECKING:
    from sightline.models.classifier import CropClassifier
    from sightline.models.embedder import CropEmbedder

_STOP_S = 0.5
"""Workers that load models when all is to end are killed after so long."""

log = logging.getLogger(__name__)


M = TypeVar("M", "CropClassifier", "CropEmbedder", EngineDetector)

CLASSIFY, EMBED, DETECT = "classify", "embed", "detect"
"""What models of stages and trackers do."""


class Application:
    """The models of a configuration behind one scheduler, and its streams.

    ``open`` loads the models and starts the streams; ``close`` ends all. With workers the streams
    run in processes that have models of their own.

    Args:
        configuration: the whole of it; its service is built around this by ``service``.
        meter: told of what engines and scheduler do in this process.
        limit: streams at a time, instead of what the service's options say.
        joined: text files that several streams of the whole installation write to, where this is
            only a part of it.
        expected: who will use each model, where the configuration does not tell.
        served: names of the models that are more than a stage's, where the configuration does not tell.
    """

    def __init__(
        self,
        configuration: Configuration,
        meter: Meter | None = None,
        limit: int | None = None,
        joined: Collection[str] | None = None,
        expected: Mapping[str, ExpectedUse] | None = None,
        served: Sequence[str] | None = None,
    ) -> None:
        self.configuration = configuration
        self._guard = streams_guard(configuration, configuration.streams)
        self._begun = joined is not None
        self._joined = (
            joined_files(configuration.streams) if joined is None else dict.fromkeys(joined, True)
        )
        self.scheduler = Scheduler(configuration.scheduler, meter)
        self.stage_models = StageModels(
            lambda name: self._load_for_stages(name, CLASSIFY, classifier),
            lambda name: self._load_for_stages(name, EMBED, embedder),
            lambda name: self._load_for_stages(name, DETECT, _plain_detector),
        )
        self.rollouts = Rollouts(configuration)
        self._served = tuple(configuration.served_models if served is None else served)
        options = {name: configuration.models[name] for name in self._served}
        self.repository = ModelRepository(
            self.scheduler,
            self._load,
            self._served,
            cold=[name for name, model in options.items() if not model.warm_up],
            native=lambda name: native_engine(configuration.models[name].files[0]),
            described=[name for name, model in options.items() if _by_its_tensors(model)],
            expected=_expected(configuration) if expected is None else expected,
            content=self.rollouts.content,
        )
        self.classifiers = ClassifierRepository(
            self.scheduler, self._classifier, configuration.classifiers, BUNDLED_CLASSIFIERS
        )
        wanted = None if configuration.serving is None else configuration.serving.search
        find = partial(_embedder_like, configuration, self._embedder)
        self.search = None if wanted is None else ServedSearch(self.scheduler, find, wanted)
        self._meter, self.history = meter, History(configuration, self._guard)
        self._estimation = AccuracyEstimation(configuration, self.repository)
        self._closing, self._opening, self._starts_streams = ExitStack(), Lock(), False
        self.stopped = False
        """``open`` was told to start no streams."""
        serving = configuration.serving
        most = serving.limits.streams if serving else max(256, len(configuration.streams))
        self.fleet = self._fleet(limit or most)
        self.failed: dict[str, SightlineError] = {}
        """Streams that could not be started."""

    def open(self) -> None:
        """Load the models, then start the streams. A stream that cannot start stops no other.

        Raises:
            SightlineError: a model cannot be used.
        """
        with ExitStack() as stack:
            stack.callback(self.repository.close)
            stack.callback(self.stage_models.close)
            stack.callback(self.scheduler.close)
            if self.search is not None:
                stack.callback(self.search.close)
            stack.callback(self.rollouts.close)
            stack.callback(self._estimation.close)
            self.rollouts.begin()
            self.repository.load_all()
            self.rollouts.open(self.repository)
            for name in _asked_by_clients(self.configuration):
                self.stage_models.get_classifier(name)
            stack.callback(self.fleet.close)
            self.fleet.open()
            with self._opening:
                if self.stopped:
                    raise SightlineError("told to end before the streams were started")
                self._starts_streams = True
            self._begin_joined()
            stack.enter_context(self.history.of(self.fleet.stats))
            for name, options in self.configuration.streams.items():
                try:
                    self.fleet.add(name, options)
                except SightlineError as exc:
                    self.failed[name] = exc
                    log.error("stream %s cannot start: %s", name, exc)
            self._closing = stack.pop_all()

    def stop_opening(self) -> bool:
        """From another thread: let ``open`` start no streams, and end its workers.

        Returns:
            False where it starts them already: ``open`` will be done in a moment.
        """
        with self._opening:
            if self._starts_streams:
                return False
            self.stopped = True
        self.fleet.close(_STOP_S)
        return True

    def close(self) -> None:
        """End the streams, answer what was accepted, free the engines. Idempotent."""
        self._closing.close()

    def _begin_joined(self) -> None:
        """Empty the files that streams share, once and before any of them writes."""
        if self._begun:
            return
        for path, append in self._joined.items():
            try:
                begin(path, append=append, guard=self._guard)
            except SinkError as exc:  # each stream says it again, and a camera goes on trying
                log.error("%s", exc)
        self._begun = True

    def _fleet(self, limit: int) -> Fleet | ShardedFleet:
        if self.configuration.workers:
            return _sharded(self.configuration, limit, tuple(self._joined), self._meter)
        make = StreamMaker(
            self.scheduler,
            self._detector,
            self._meter,
            self._joined,
            self._track_classifier,
            self._embedder,
            self._stage_detector,
            self._guard_of,
            self.rollouts.of,
            partial(configured_identity, self.configuration),
            self.history.collectors,
            self._estimation.of,
        )
        return Fleet(make, limit)

    def _guard_of(self, name: str, options: StreamOptions) -> OutputGuard:
        """What was found at the paths of a stream's outputs: at the start, or of one that is added now."""
        if self.configuration.streams.get(name) == options:
            return self._guard
        return streams_guard(self.configuration, {name: options})

    def _load(self, name: str) -> SharedDetector:
        # The workers first: what they cannot use changes nothing here either.
        if isinstance(self.fleet, ShardedFleet):
            self.fleet.reload(name)
        hang_s = self.configuration.scheduler.hang_s
        return served_detector(name, self.configuration.models[name], hang_s)

    def _load_for_stages(self, name: str, task: str, load: Callable[[ModelOptions], M]) -> M:
        """The model of a stage or tracker, behind the scheduler."""
        options = configured_model(self.configuration, name)
        if not isinstance(options, ServedModelOptions):
            raise ConfigError(
                f"{name}: {task} wants the model of one file, and this is an ensemble"
            )
        loaded, key = load(options), _stage_key(name, task)
        try:
            self.scheduler.add(key, loaded.engine)
            if options.warm_up:
                self.scheduler.warm_up(key, loaded.card.size)
        except BaseException:  # re-raised once the engine is closed
            loaded.close()
            raise
        return loaded

    def _classifier(self, name: str) -> tuple[str, CropClassifier]:
        return _stage_key(name, CLASSIFY), self.stage_models.get_classifier(name)

    def _track_classifier(self, name: str) -> tuple[str, CropClassifier]:
        return _stage_key(name, CLASSIFY), self.stage_models.track_classifier(name)

    def _embedder(self, name: str) -> tuple[str, CropEmbedder]:
        return _stage_key(name, EMBED), self.stage_models.embedder(name)

    def _stage_detector(self, name: str) -> tuple[str, SharedDetector]:
        """One of the configuration's models, which clients may ask too; or a bundled or pulled one, or a file."""
        if name in self._served:
            return self._detector(name)
        loaded = self.stage_models.get_detector(name)
        assert isinstance(loaded, EngineDetector)
        return _stage_key(name, DETECT), loaded

    def _detector(self, name: str) -> tuple[str, SharedDetector]:
        served = self.repository.get(name)
        return served.name, served.detector


def _asked_by_clients(configuration: Configuration) -> list[str]:
    """Classifiers that answer clients, and are loaded before these come."""
    if configuration.serving is None:
        return []
    return [n for n, options in configuration.models.items() if asks_names(options)]


def _sharded(
    configuration: Configuration, limit: int, joined: tuple[str, ...], meter: Meter | None
) -> ShardedFleet:
    """A fleet whose streams run in several processes."""
    begin = partial(
        _open_shard,
        _share(configuration),
        limit,
        verbosity(),
        joined,
        _users(configuration),
        tuple(configuration.served_models),
    )
    return ShardedFleet(begin, configuration.workers, limit, meter)


def _plain_detector(options: ModelOptions) -> EngineDetector:
    """A detector for stages. Raises ConfigError: it is no model of one file."""
    made = make_detector(options)
    if not isinstance(made, EngineDetector):
        made.close()
        raise ConfigError(f"{options.model}: {DETECT} wants the model of one file")
    return made


def _embedder_like(
    configuration: Configuration, get: GetEmbedder, name: str
) -> tuple[str, CropEmbedder]:
    """An embedder by its name, or by the file that a database names: what streams use is not loaded twice."""
    models = configuration.models
    same = (n for n, options in models.items() if name in {file.model for file in options.files})
    return get(name if name in models else next(same, name))


def _by_its_tensors(options: SharedModelOptions) -> bool:
    """Whether a model is described by its file's own tensors."""
    return isinstance(options, ServedModelOptions) and options.tensors == "native"


def _stage_key(name: str, task: str) -> str:
    """What the scheduler, and metrics, call the model of a stage: a detector may have its name."""
    return f"{Path(name).stem}:{task}"


def _expected(configuration: Configuration) -> Mapping[str, ExpectedUse] | None:
    """Who uses each model in this process. With workers, its own models serve clients only."""
    users = _users(configuration)
    return {} if users is not None and configuration.workers else users


def _users(configuration: Configuration) -> Mapping[str, ExpectedUse] | None:
    """The streams of each model; None where others may come later: clients, or streams of a program."""
    if configuration.serving is not None or not configuration.streams:
        return None
    first = configuration.served_models[0]
    found: dict[str, ExpectedUse] = {}
    for stream in configuration.streams.values():
        known = stream.model in configuration.models
        name = stream.model if known else first  # its name is `default`
        before = found.get(name, ExpectedUse())
        live = before.live or stream.realtime or source_kind(stream.source) in LIVE
        found[name] = ExpectedUse(before.streams + 1, live)
        for stage in stream.stages:
            if stage.model in configuration.served_models:
                before = found.get(stage.model, ExpectedUse())
                found[stage.model] = ExpectedUse(before.streams + 1, live=before.live or live)
    return found


def _share(configuration: Configuration) -> Configuration:
    """What one worker runs: the same models on its part of the processor, no streams yet."""
    threads = max(1, len(os.sched_getaffinity(0)) // configuration.workers)

    def limited(engine: EngineOptions) -> EngineOptions:
        return engine if engine.threads else engine.model_copy(update={"threads": threads})

    def of_file(file: dict[str, Any]) -> dict[str, Any]:
        engines: dict[str, object] = {"engine": limited(file["engine"])}
        if "fallback" in file:
            engines["fallback"] = tuple(limited(engine) for engine in file["fallback"])
        return engines

    models = {name: model.with_files(of_file) for name, model in configuration.models.items()}
    return configuration.model_copy(
        update={"models": models, "streams": {}, "workers": 0, "serving": None, "alerts": ()}
    )


@dataclass(frozen=True)
class _Shard:
    """What runs in one worker."""

    application: Application
    fleet: Fleet

    def reload(self, model: str) -> None:
        """Load a model again in this worker. Raises what loading raises."""
        self.application.repository.load(model)

    def close(self) -> None:
        """End the worker's streams and free its engines."""
        self.application.close()


def _open_shard(
    configuration: Configuration,
    limit: int,
    verbose: int,
    joined: tuple[str, ...],
    expected: Mapping[str, ExpectedUse] | None,
    served: tuple[str, ...],
    meter: Meter,
) -> _Shard:
    from sightline.monitoring import logs

    logs.set_up(verbose)  # text on a terminal, JSON elsewhere: stderr is the parent's
    application = Application(configuration, meter, limit, joined, expected, served)
    application.open()
    assert isinstance(application.fleet, Fleet)
    return _Shard(application, application.fleet)
