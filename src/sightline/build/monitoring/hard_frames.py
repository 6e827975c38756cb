"""Hard frames of a stream that runs, from its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sightline.config import HARD_FRAME_KINDS, CollectFramesOptions, StreamOptions
from sightline.models.detector import class_ids
from sightline.monitoring.drift.stage import WatchDrift
from sightline.monitoring.profiles.profiler import Profilers
from sightline.protocols import Embedder, Stage
from sightline.runtime.hard_frames.collector import HardFrameCollector, RetentionLimits
from sightline.runtime.hard_frames.folder import HardFrameFolder
from sightline.runtime.hard_frames.stage import CollectHardFrames
from sightline.whole_files import OutputGuard, safe_name


@dataclass(frozen=True)
class CollectedStream:
    """A stream of which hard frames are kept: its name, and the model with its classes."""

    name: str
    model: str
    class_names: tuple[str, ...]
    live: bool


def hard_frame_collector(
    stream: CollectedStream,
    options: CollectFramesOptions,
    embedder: Embedder | None,
    guard: OutputGuard | None,
) -> HardFrameCollector:
    """What keeps the hard frames of a stream.

    Raises:
        ConfigError: a class that is to be blurred has no such name.
        SinkError: the folder cannot be used.
    """
    blur = tuple(class_ids(stream.class_names, options.blur))
    limit = int(options.max_mb * 1e6)
    kept = RetentionLimits(stream.name, options.per_day, options.keep_days, limit, blur)
    folder = HardFrameFolder(options.folder / safe_name(stream.name), stream.model, guard)
    return HardFrameCollector(kept, folder, embedder, live=stream.live)


def watching_stages(
    options: StreamOptions,
    drift: WatchDrift | None,
    collector: HardFrameCollector | None,
    profilers: Profilers,
) -> list[Stage[Any]]:
    """The stages that look at a stream when all has been found: drift first, since it makes frames hard."""
    stages: list[Stage[Any]] = [] if drift is None else [drift]
    if collector is not None and options.collect is not None:
        collect = options.collect
        kinds = collect.kinds or HARD_FRAME_KINDS
        status = (lambda: None) if drift is None else drift.status
        stages.append(CollectHardFrames(collector, profilers.every(collect.every_s), kinds, status))
    return stages
