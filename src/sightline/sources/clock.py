"""Stream time out of whatever timestamps a stream carries."""

from __future__ import annotations

_JITTER_S = 0.25


class StreamClock:
    """Turns presentation timestamps into a time that starts at 0 and never goes back.

    A step back of less than a quarter of a second is held where it was. Anything larger, or a step ahead of
    more than ``max_step_s``, is a new count: time goes on from there by the fallback step.
    """

    def __init__(self, max_step_s: float = float("inf")) -> None:
        self._max_step_s = max_step_s
        self._time: float | None = None
        self._offset: float | None = None

    def tick(self, pts_s: float | None, step_s: float) -> float:
        """The time of the next frame in seconds.

        ``pts_s`` is its timestamp, None where it has none; ``step_s`` is what passed since the
        last frame as far as anybody can tell: 1 / fps, or the difference of arrival.
        """
        if self._time is None:
            self._time, self._offset = 0.0, pts_s
            return self._time
        time = expected = self._time + step_s
        if pts_s is not None:
            if self._offset is not None:
                time = pts_s - self._offset
                if time < self._time - _JITTER_S or time > self._time + self._max_step_s:
                    self._offset = None
            if self._offset is None:
                time, self._offset = expected, pts_s - expected
        self._time = max(self._time, time)
        return self._time

    def restart(self) -> None:
        """What follows is counted anew (a loop, a reconnect); time goes on by the next step."""
        self._offset = None
