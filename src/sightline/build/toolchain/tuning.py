"""Runs the candidates of a search on footage: detectors of a model, made when they are first asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from sightline.build.models import detector, for_tracking
from sightline.build.sources import inputs
from sightline.config import ModelOptions
from sightline.errors import ConfigError, SightlineError, SourceError
from sightline.evaluation.agreement import score_agreement
from sightline.models.detector import EngineDetector
from sightline.optimize.benchmarks.timing import FullLoad, TimedRuns
from sightline.optimize.tuning.candidates import TuningCandidate
from sightline.optimize.variants.finite import FiniteEngine
from sightline.runtime.measure import Stages, TimedEngine, measure_stages

if TYPE_CHECKING:
    from sightline.types import Detections, Frame

WARM_UP_S = 0.5
LOWEST_CONF = 0.001
"""Agreement is measured over the whole curve of precision."""

UNKNOWN_EVERY = 5
"""Frames of cameras and of other sources without an end are taken so far apart."""

Accuracy = Callable[[ModelOptions], float]
_Key = tuple[str, str, int, int]


class FootageRunner:
    """See ``optimize.tuning.search.CandidateRunner``. Use ``close`` at the end.

    Args:
        options: the model, in its native configuration.
        source: width and height of the footage.
        accuracy: of a model with options, as a part of the native one's.
    """

    def __init__(self, options: ModelOptions, source: tuple[int, int], accuracy: Accuracy) -> None:
        self._options, self._source, self._accuracy = options, source, accuracy
        self._made: dict[_Key, EngineDetector] = {}
        self._warm: set[TuningCandidate] = set()

    def options(self, candidate: TuningCandidate) -> ModelOptions:
        """The model as a candidate runs it."""
        return candidate_options(self._options, candidate)

    def accuracy(self, candidate: TuningCandidate) -> float:
        """See ``CandidateRunner``."""
        return self._accuracy(self.options(candidate))

    def load(self, candidate: TuningCandidate, seconds: float) -> FullLoad:
        """See ``CandidateRunner``."""
        key = _key(candidate)
        if key not in self._made:
            self._made[key] = engine_detector(self.options(candidate))
        found = self._made[key].replaced(size=candidate.size)
        width, height = found.canvas(self._source)
        runs = TimedRuns(found.engine, (candidate.batch, height, width))
        if candidate not in self._warm:
            runs.warm_up(WARM_UP_S)
            runs.fill_requests(found.engine.info.requests)
            self._warm.add(candidate)
        return runs.load(seconds)

    def release(self, candidates: Sequence[TuningCandidate]) -> None:
        """See ``CandidateRunner``."""
        kept = set(map(_key, candidates))
        for key in [key for key in self._made if key not in kept]:
            self._made.pop(key).close()
            self._warm = {one for one in self._warm if _key(one) != key}

    def close(self) -> None:
        """Free all engines."""
        self.release(())


def _key(candidate: TuningCandidate) -> _Key:
    return (candidate.backend, candidate.precision, candidate.threads, candidate.requests)


def candidate_options(options: ModelOptions, candidate: TuningCandidate) -> ModelOptions:
    """A model as a candidate runs it; its batch is the scheduler's."""
    how: dict[str, object] = {
        "precision": candidate.precision,
        "threads": candidate.threads,
        "requests": candidate.requests,
    }
    return options.model_copy(
        update={
            "backend": candidate.backend,
            "size": candidate.size,
            "engine": options.engine.model_copy(update=how),
        }
    )


def engine_detector(options: ModelOptions) -> EngineDetector:
    """The detector of a model. Raises ConfigError: it has no engine of its own; what ``detector`` does."""
    made = detector(options)
    if not isinstance(made, EngineDetector):
        made.close()
        raise ConfigError(f"--model {options.model}: a model file with a network is needed")
    return made


def sampled_frames(source: str, count: int, every: int | None = None) -> list[Frame]:
    """Frames of a source: each ``every``-th, ``count`` at most. Raises SourceError: there is none.

    Without ``every`` they are evenly spread over a source whose length is known; of others each fifth is taken.
    """
    (named,) = inputs([source])
    with closing(named.source):
        info = named.source.open()
        if every is None:
            every = max(1, info.frames // count) if info.frames else UNKNOWN_EVERY
        frames = list(itertools.islice(named.source, 0, count * every, every))
    if not frames:
        raise SourceError(f"{info.name} has no frames to look at")
    return frames


class FootageAgreement:
    """Accuracy without labels: how well a model agrees with its native configuration on frames.

    Args:
        options: the native configuration.
        frames: what is looked at.

    Raises:
        ConfigError: the native configuration is confident of no object in them.
    """

    def __init__(self, options: ModelOptions, frames: Sequence[Frame]) -> None:
        self._frames = frames
        self._detector: tuple[ModelOptions, EngineDetector] | None = None
        self._names, self._reference = self._look(options)
        if not any((found.scores >= 0.5).any() for found in self._reference):
            raise ConfigError(
                f"{options.model} is confident of no object in the footage, so nothing tells how accurate a "
                "way to run it is: give footage with objects, or --labels"
            )

    def __call__(self, options: ModelOptions) -> float:
        """COCO's mAP against the confident objects of the native configuration, or how much alike the masks,
        turned boxes or keypoints are where that is lower."""
        _, found = self._look(options)
        scores = score_agreement(found, self._reference, self._names)
        return min([scores.map, *scores.shapes.values()])

    def close(self) -> None:
        """Free the engine that was looked with last."""
        if self._detector is not None:
            self._detector[1].close()
            self._detector = None

    def _look(self, options: ModelOptions) -> tuple[tuple[str, ...], list[Detections]]:
        unsized = options.model_copy(update={"size": None, "conf": LOWEST_CONF})
        if self._detector is None or self._detector[0] != unsized:
            self.close()
            self._detector = (unsized, engine_detector(unsized))
        made = self._detector[1].replaced(size=options.size).with_engines(FiniteEngine)
        return made.class_names, [made.submit((f,)).result()[0] for f in self._frames]


def usable_backends(options: ModelOptions, known: Sequence[str]) -> list[str]:
    """The runtimes of this machine that load a model. Raises the first refusal where none does."""
    usable: list[str] = []
    refused: list[SightlineError] = []
    for backend in known:
        try:
            engine_detector(options.model_copy(update={"backend": backend})).close()
        except SightlineError as exc:
            refused.append(exc)
        else:
            usable.append(backend)
    if not usable:
        raise refused[0]
    return usable


def stage_times(options: ModelOptions, source: str, frames: int = 60) -> tuple[Stages, float]:
    """Milliseconds of the stages of one stream by itself, and the frames per second of the source."""
    stages = Stages()
    built, tracker = for_tracking(engine_detector(options))
    try:
        timed = built.with_engines(lambda engine: TimedEngine(engine, stages))
        (named,) = inputs([source])
        rate = named.source.open().fps or 0.0
        measure_stages(named.source, timed, tracker(), stages, frames)
    finally:
        built.close()
    return stages, rate
