"""Sampled frames of a source, with what a model finds in them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from sightline.build.pipeline import pipeline
from sightline.build.sources import SourceInput
from sightline.config import ByteTrackOptions
from sightline.monitoring.profiles.profile import FrameSample
from sightline.monitoring.profiles.profiler import Profiler
from sightline.protocols import Detector
from sightline.runtime.streams.stream import observe
from sightline.types import Observation, StreamInfo


def observed(
    source: SourceInput,
    info: StreamInfo,
    detector: Detector,
    interval_s: float,
    *,
    track: bool,
    seconds: float | None,
) -> Generator[tuple[Observation, FrameSample | None], None, None]:
    """What is seen in each frame of an open source, and the samples among them.

    Args:
        interval_s: seconds of the stream between two samples; 0: each frame is one.
        track: each frame is analysed and objects are followed, where pictures belong together; else only the
            sampled frames are analysed.
        seconds: of the stream that are looked at; None: until it ends.

    Raises SightlineError: the source or the model fails.
    """
    profiler = Profiler(interval_s)
    track = track and not source.still
    every = 1 if track or not info.fps else max(1, round(interval_s * info.fps))
    steps = pipeline(detector, ByteTrackOptions() if track else None, every=every)
    began: float | None = None
    with closing(observe(source.source, steps)) as observations:
        for seen in observations:
            began = seen.frame.time if began is None else began
            if seconds is not None and seen.frame.time - began >= seconds:
                return
            yield seen, profiler.see(seen)
