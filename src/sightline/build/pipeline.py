"""Pipelines: what a stream does with its frames, put together here for everybody who runs one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sightline.build.models import for_tracking, suited_embedder
from sightline.build.regions import by_regions
from sightline.config import DetectionOptions, TrackerKind, embedder_of
from sightline.errors import ConfigError
from sightline.protocols import AppearanceTracker, Detector, Embedder, Stage, Tracker
from sightline.runtime.streams.pipeline import Pipeline
from sightline.runtime.streams.selection import EveryNth
from sightline.runtime.streams.stages import DetectObjects, EmbedDetections, Track

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sightline.runtime.streams.record import StreamRecord
    from sightline.runtime.streams.selection import Selection


GetEmbedder = Callable[[str], Embedder]
"""The embedder of this name or file. Raises SightlineError."""


@dataclass(frozen=True)
class StreamLoad:
    """How a stream of a fleet shares the machine with others.

    ``selection`` chooses its frames, ``record`` counts them, ``turn`` is held for the work of the
    processor, and ``detect`` makes the stage that detects with a share of the engine.
    """

    selection: Selection
    record: StreamRecord
    turn: AbstractContextManager[None]
    detect: Callable[[Any], Stage[Any]]


def pipeline(
    detector: Detector,
    tracker: Tracker | TrackerKind | None = None,
    *,
    still: bool = False,
    every: int = 1,
    stages: Sequence[Stage[Any]] = (),
    load: StreamLoad | None = None,
    detect: DetectionOptions | None = None,
    get_embedder: GetEmbedder | None = None,
) -> Pipeline:
    """The pipeline of one stream.

    Args:
        detector: finds objects; its thresholds are made to suit the tracker.
        tracker: gives them ids: one of this stream alone, or the options of one; None: nobody does.
        still: the frames are pictures that have nothing to do with one another, so none is tracked.
        stages: what follows the tracker, in order: see ``stages``.
        every: only each ``every``-th frame is analysed, where ``load`` does not choose them.
        load: for a stream that shares engines and processor with others.
        detect: what the detector is shown; None: whole pictures.
        get_embedder: finds the embedder that the options of a tracker name.

    Raises:
        ConfigError: the thresholds do not go together, or the tracker needs an embedder and has none.
        SightlineError: the embedder cannot be used.
    """
    detect = detect or DetectionOptions()
    if still and detect.regions:
        raise _no_motion()
    following: Tracker | None = None
    if tracker is not None and not still:
        own = tracker if isinstance(tracker, Tracker) else None
        options = tracker if isinstance(tracker, TrackerKind) else None
        detector, make_tracker = for_tracking(detector, options)
        following = own or make_tracker()
    track: list[Stage[Any]] = [] if following is None else [Track(following)]
    if isinstance(following, AppearanceTracker):
        embedder = following.embedder
        if isinstance(tracker, TrackerKind):
            embedder = _embedder(tracker, detector, get_embedder)
        if embedder is not None:
            track.insert(0, EmbedDetections(embedder, following.embeds_from))
    if load is not None:
        steps = [load.detect(detector), *track, *stages]
        return Pipeline(steps, load.selection, load.record, load.turn)
    if detect.regions:
        detector = by_regions(detector, detect, lambda one: one)
    return Pipeline([DetectObjects(detector), *track, *stages], EveryNth(every))


def _no_motion() -> ConfigError:
    return ConfigError(
        "regions: pictures that have nothing to do with one another show no motion: give a film, or "
        "`fps` where they are the frames of one"
    )


def _embedder(
    options: TrackerKind, detector: Detector, get_embedder: GetEmbedder | None
) -> Embedder:
    """The embedder of a tracker: the one that its options name, or that suits the detector."""
    name = embedder_of(options) or suited_embedder(detector)
    if name is None:
        raise ConfigError(
            f"tracker {options.kind}: it knows objects again by their looks, and needs an embedder that "
            "was trained for them. Give its file or name as `embedder`; `street-embedder` comes with "
            "the program, for the synthetic street"
        )
    if get_embedder is None:
        raise ConfigError(f"tracker.embedder: {name}: there are no models of trackers here")
    return get_embedder(name)
