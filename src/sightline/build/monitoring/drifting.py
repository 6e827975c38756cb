"""Drift of a source against a reference, from options: what samples frames, learns and checks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

from sightline.build.model_files import model_identity
from sightline.build.models import detector as make_detector
from sightline.build.monitoring.sampling import observed, only_input, opened_embedder
from sightline.build.sources import SourceInput
from sightline.config import ModelOptions
from sightline.errors import ConfigError, SightlineError
from sightline.monitoring.drift.blocks import BlockSeries
from sightline.monitoring.drift.causes import Cause, causes
from sightline.monitoring.drift.detector import DriftDetector, DriftState, anomaly
from sightline.monitoring.drift.reference import (
    ALL_HOURS,
    BLOCK,
    ENOUGH_S,
    FEWEST_BLOCKS,
    WINDOWS,
    Reference,
    usual_of,
)
from sightline.monitoring.profiles.profile import FrameSample
from sightline.monitoring.profiles.profiler import SAMPLE_S
from sightline.redaction import redact
from sightline.types import StreamInfo

log = logging.getLogger(__name__)

FEWEST_LEARNT = FEWEST_BLOCKS * BLOCK
FEWEST_CHECKED = WINDOWS[0] * BLOCK
_DENSE = 2
"""A short recording is sampled so often that there are so many times the fewest samples."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class SamplingOptions:
    """How the frames of a source are sampled.

    ``interval_s`` are seconds of the stream between two samples; None: one, or less where the recording is
    short. ``track``: each frame is analysed and tracked, so that tracks can be judged; else only the sampled
    frames are. ``seconds`` of a live source are looked at; None: until it ends. ``embedder`` is the name or file of a
    model that says what objects look like; None: that is not compared.
    """

    interval_s: float | None = None
    track: bool = False
    seconds: float | None = None
    embedder: str | None = None


@dataclass
class DriftCheck:
    """What a check found.

    Attributes:
        samples: frames that were looked at.
        interval_s: stream seconds between two of them.
        states: what each look found, a block of samples apart.
        anomalies: stream seconds and anomaly score of each sample.
    """

    interval_s: float
    samples: int = 0
    states: list[DriftState] = field(default_factory=list)
    anomalies: list[tuple[float, float]] = field(default_factory=list)

    @property
    def first(self) -> DriftState | None:
        """The first look that found drift."""
        return next((state for state in self.states if state.drifted), None)

    @property
    def worst(self) -> DriftState:
        """The last look that found drift, or the last one."""
        return next((s for s in reversed(self.states) if s.drifted), self.states[-1])

    @property
    def causes(self) -> list[Cause]:
        """The likely causes, the likeliest first."""
        return causes(self.worst) if self.first is not None else []


def learn(
    spec: str,
    model: ModelOptions,
    options: SamplingOptions,
    tell: Tell,
    keep: Callable[[Reference], None] = lambda _: None,
) -> Reference:
    """Learn the reference of a source, of all hours together.

    Args:
        keep: gets what was learnt so far where a live source fails, before the failure is raised.

    Raises:
        ConfigError: it has too few frames, or an option cannot be.
        SightlineError: the source or the model fails.
    """
    with _opened(spec) as (source, info):
        interval = options.interval_s or _interval(source, info, FEWEST_LEARNT)
        name, identity = redact(source.name), model_identity(model)
        length_s = _length_s(source, info, options)
        _warn_of_too_few(name, source, info, length_s, interval, FEWEST_LEARNT)
        if length_s is not None:
            _warn_of_little(name, length_s)
        series = BlockSeries()

        def learnt() -> Reference:
            usual = usual_of(name, series.blocks, series.rest)
            return Reference(
                name, identity, (info.width, info.height), interval, {ALL_HOURS: usual}
            )

        try:
            for sample in _samples(source, info, model, options, interval):
                series.add(sample)
                tell(_so_far(series.samples, interval, info))
        except SightlineError:
            if source.live and series.samples >= FEWEST_LEARNT + BLOCK:
                keep(learnt())
            raise
        if length_s is None and not source.still:
            _warn_of_little(name, series.seconds)
        return learnt()


def check(
    spec: str, model: ModelOptions, reference: Reference, options: SamplingOptions, tell: Tell
) -> DriftCheck:
    """Hold a source against a reference.

    Raises:
        ConfigError: the reference is of another model or picture size, or there are too few frames.
        SightlineError: the source or the model fails.
    """
    with _opened(spec) as (source, info):
        camera = source.name if source.live else None
        reference.check_fits(camera, model_identity(model), (info.width, info.height))
        dense = _interval(source, info, FEWEST_CHECKED)
        interval = options.interval_s or min(reference.interval_s, dense)
        length_s = _length_s(source, info, options)
        _warn_of_too_few(redact(spec), source, info, length_s, interval, FEWEST_CHECKED)
        held = replace(reference, interval_s=max(interval, reference.interval_s))
        detector = DriftDetector(held, same_interval=interval == reference.interval_s)
        found = DriftCheck(interval)
        for sample in _samples(source, info, model, options, interval):
            found.samples += 1
            found.anomalies.append((sample.time, anomaly(sample, held.usual_at(sample.utc))))
            state = detector.add(sample)
            if state is not None:
                found.states.append(state)
            tell(_so_far(found.samples, interval, info))
    if not found.states:
        raise ConfigError(
            f"{redact(spec)}: {found.samples} sampled frames are too few: {FEWEST_CHECKED} are compared at "
            "least. Give more footage, or look more often with --every"
        )
    return found


@contextmanager
def _opened(spec: str) -> Iterator[tuple[SourceInput, StreamInfo]]:
    named = only_input(spec, "a reference")
    with closing(named.source):
        yield named, named.source.open()


def _interval(source: SourceInput, info: StreamInfo, fewest: int) -> float:
    """Seconds between samples: one, or so few that a short recording has enough of them."""
    if source.still or info.frames is None or not info.fps:
        return 0.0 if source.still else SAMPLE_S
    return min(SAMPLE_S, max(1, info.frames // (_DENSE * fewest)) / info.fps)


def _length_s(source: SourceInput, info: StreamInfo, options: SamplingOptions) -> float | None:
    """How much of the source is looked at, where that is known before; None also for pictures."""
    if source.still:
        return None
    lengths = [] if options.seconds is None else [options.seconds]
    if info.frames is not None and info.fps:
        lengths.append(info.frames / info.fps)
    return min(lengths, default=None)


def _warn_of_too_few(
    name: str, source: SourceInput, info: StreamInfo, length_s: float | None, interval: float, fewest: int
) -> None:  # fmt: skip
    """Say at once what will be an error at the end: no error yet, since a length may be stated wrongly."""
    most = info.frames if source.still else None
    if length_s is not None and interval:
        most = int(length_s / interval) + 1
    if most is not None and most < fewest:
        log.warning(
            "%s: %d sampled frames at most are to be expected, and %d are needed: give more footage, or look "
            "more often with --every", name, most, fewest,
        )  # fmt: skip


def _warn_of_little(name: str, length_s: float) -> None:
    if length_s < ENOUGH_S:
        log.warning(
            "%s: the reference spans %.0f s: of traffic, much that is usual is not in it. Some minutes are "
            "better, and days best", name, length_s,
        )  # fmt: skip


def _samples(
    source: SourceInput,
    info: StreamInfo,
    model: ModelOptions,
    options: SamplingOptions,
    interval: float,
) -> Iterator[FrameSample]:
    with (
        closing(make_detector(model)) as detector,
        opened_embedder(options.embedder, model.models_dir) as embedder,
    ):
        found = observed(
            source, info, detector, interval,
            track=options.track, seconds=options.seconds, embedder=embedder,
        )  # fmt: skip
        with closing(found):
            yield from (sample for _, sample in found if sample is not None)


def _so_far(number: int, interval: float, info: StreamInfo) -> str:
    if info.frames and info.fps and interval:
        expected = max(number, int(info.frames / info.fps / interval))
        return f"frames: {number} of {expected}"
    return f"frames: {number}"
