"""Sampled frames of a source, with what a model finds in them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.build.crop_models import embedder as make_embedder
from sightline.build.pipeline import pipeline
from sightline.build.sources import SourceInput, inputs
from sightline.config import ByteTrackOptions, EmbedOptions, ModelOptions
from sightline.errors import ConfigError
from sightline.monitoring.profiles.profile import FrameSample
from sightline.monitoring.profiles.profiler import Profiler
from sightline.protocols import Detector, IdentifiedEmbedder
from sightline.redaction import redact
from sightline.runtime.streams.embed import EmbedTracks
from sightline.runtime.streams.stream import observe
from sightline.types import Observation, StreamInfo

if TYPE_CHECKING:
    from sightline.models.embedder import CropEmbedder


@contextmanager
def opened_embedder(name: str | None, models_dir: Path | None) -> Iterator[CropEmbedder | None]:
    """The embedder of a name or file, closed in the end; None of None. Raises SightlineError: it cannot be used."""
    if name is None:
        yield None
        return
    with closing(make_embedder(ModelOptions(model=name, models_dir=models_dir))) as found:
        yield found


def only_input(spec: str, what: str) -> SourceInput:
    """The one source that is given; ``what`` each camera has of its own. Raises ConfigError: there are several."""
    named, *more = inputs([spec])
    if more:
        raise ConfigError(f"{redact(spec)}: each camera has {what} of its own: give one source")
    return named


def observed(
    source: SourceInput,
    info: StreamInfo,
    detector: Detector,
    interval_s: float,
    *,
    track: bool,
    seconds: float | None,
    embedder: IdentifiedEmbedder | None = None,
) -> Generator[tuple[Observation, FrameSample | None], None, None]:
    """What is seen in each frame of an open source, and the samples among them.

    Args:
        interval_s: seconds of the stream between two samples; 0: each frame is one.
        track: each frame is analysed and objects are followed, where pictures belong together; else only the
            sampled frames are analysed.
        seconds: of the stream that are looked at; None: until it ends.
        embedder: says what the objects look like; None: nobody does.

    Raises SightlineError: the source or the model fails.
    """
    profiler = Profiler(interval_s)
    track = track and not source.still
    every = 1 if track or not info.fps else max(1, round(interval_s * info.fps))
    stages = []
    if embedder is not None:
        options = EmbedOptions(model=embedder.info.name, picture=0)
        stages.append(EmbedTracks(embedder, options))
    tracker = ByteTrackOptions() if track else None
    steps = pipeline(detector, tracker, every=every, stages=stages)
    began: float | None = None
    with closing(observe(source.source, steps)) as observations:
        for seen in observations:
            began = seen.frame.time if began is None else began
            if seconds is not None and seen.frame.time - began >= seconds:
                return
            yield seen, profiler.see(seen)
