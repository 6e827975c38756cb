"""What a stream of a fleet is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sightline.protocols import Sink, Source
from sightline.runtime.streams.pipeline import Pipeline
from sightline.types import AccuracyStatus, Detections, DriftStatus, HardFrameStatus, RunState


@dataclass(frozen=True)
class StreamParts:
    """What one stream is made of. ``address`` is its source as it may be shown."""

    source: Source
    pipeline: Pipeline
    sinks: Sequence[Sink]
    address: str
    model: str
    close: Callable[[RunState], None]
    """Closes the sinks, and notes how the stream ended. Raises SinkError."""
    level: Callable[[], int] = int
    """The place in the ladder of how much is analysed; 0 is everything."""
    saw: Callable[[Detections], None] | None = None
    """Told of the objects that the outputs of each frame are given."""
    drift: Callable[[], DriftStatus | None] = lambda: None
    hard_frames: Callable[[], HardFrameStatus | None] = lambda: None
    accuracy: Callable[[], AccuracyStatus | None] = lambda: None
