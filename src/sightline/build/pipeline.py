"""Pipelines: what a stream does with its frames, put together here for everybody who runs one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sightline.build.models import for_tracking
from sightline.config import TrackerKind
from sightline.protocols import Detector, Stage, Tracker
from sightline.runtime.streams.pipeline import Pipeline
from sightline.runtime.streams.selection import EveryNth
from sightline.runtime.streams.stages import Detect, Track

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sightline.runtime.streams.record import StreamRecord
    from sightline.runtime.streams.selection import Selection


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
) -> Pipeline:
    """The pipeline of one stream.

    Args:
        detector: finds objects; its thresholds are made to suit the tracker.
        tracker: gives them ids: one of this stream alone, or the options of one; None: nobody does.
        still: the frames are pictures that have nothing to do with one another, so none is tracked.
        stages: what follows the tracker, in order: see ``stages``.
        every: only each ``every``-th frame is analysed, where ``load`` does not choose them.
        load: for a stream that shares engines and processor with others.

    Raises:
        ConfigError: the thresholds do not go together.
    """
    following: Tracker | None = None
    if tracker is not None and not still:
        own = tracker if isinstance(tracker, Tracker) else None
        options = tracker if isinstance(tracker, TrackerKind) else None
        detector, make_tracker = for_tracking(detector, options)
        following = own or make_tracker()
    detect = Detect(detector) if load is None else load.detect(detector)
    track = [] if following is None else [Track(following)]
    steps: list[Stage[Any]] = [detect, *track, *stages]
    if load is None:
        return Pipeline(steps, EveryNth(every))
    return Pipeline(steps, load.selection, load.record, load.turn)
