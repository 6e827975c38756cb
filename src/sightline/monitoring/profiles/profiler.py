"""Samples the frames of one stream for its profile."""

from __future__ import annotations

from sightline.monitoring.profiles.object_statistics import ObjectStatistics
from sightline.monitoring.profiles.picture_statistics import PictureSample, picture_sample
from sightline.monitoring.profiles.profile import FrameSample
from sightline.types import Observation

SAMPLE_S = 1.0
"""Seconds of the stream between two frames that are looked at."""
_EARLY = 0.02
"""Share of an interval by which a frame may come before it is due: times of frames are rounded."""


class Profiler:
    """Looks at one frame in so many seconds of a stream.

    Several stages of the stream may share one: shown the same frame again, it says the same.

    Args:
        interval_s: seconds of stream time between two samples; 0: each frame is one.
    """

    def __init__(self, interval_s: float = SAMPLE_S) -> None:
        self._interval_s = interval_s
        self._due = float("-inf")
        self._before: PictureSample | None = None
        self._objects = ObjectStatistics()
        self._number: int | None = None
        self._sample: FrameSample | None = None

    def see(self, seen: Observation) -> FrameSample | None:
        """The sample of an observation, or None: it is not its turn.

        Frames in which nothing was looked for are passed over: the next one that was analysed is the sample.
        """
        if seen.frame.index != self._number:
            self._number = seen.frame.index
            self._sample = self._look(seen)
        return self._sample

    def _look(self, seen: Observation) -> FrameSample | None:
        frame = seen.frame
        self._objects.see(seen)
        if (
            frame.time < self._due - _EARLY * self._interval_s
            or seen.predicted
            or seen.skipped is not None
        ):
            return None
        # A frame that comes late does not move those after it, and a gap is not caught up with.
        behind = frame.time - self._due
        self._due = (self._due if behind < self._interval_s else frame.time) + self._interval_s
        picture = picture_sample(frame, self._before)
        self._before = picture
        return FrameSample(frame.time, frame.utc, picture, self._objects.sample(seen, picture))


class Profilers:
    """The profilers of one stream, one for each interval: a frame is looked at once for all stages that want it."""

    def __init__(self) -> None:
        self._by_interval: dict[float, Profiler] = {}

    def every(self, interval_s: float) -> Profiler:
        """The profiler that looks at one frame in so many seconds."""
        return self._by_interval.setdefault(interval_s, Profiler(interval_s))
