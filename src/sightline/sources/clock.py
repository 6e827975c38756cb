"""Stream time out of whatever timestamps a stream carries."""

from __future__ import annotations

import logging

_JITTER_S = 0.25
_STILL_S = 0.001

log = logging.getLogger(__name__)


class StreamClock:
    """Turns presentation timestamps into a time that starts at 0 and never goes back.

    A step back of less than a quarter of a second is held where it was. Anything larger, or a step ahead of
    more than ``max_step_s``, is a new count: time goes on from there by the fallback step. So it does, frame by
    frame, where timestamps do not advance: where two in a row are no later than what came before.

    ``doubt`` says what was wrong first, None while nothing is.

    Args:
        max_step_s: the longest step that is believed.
        label: of the stream, where ``doubt`` is to be logged.
    """

    def __init__(self, max_step_s: float = float("inf"), label: str | None = None) -> None:
        self._max_step_s = max_step_s
        self._label = label
        self._time: float | None = None
        self._offset: float | None = None
        self._pts = 0.0  # the last timestamp
        self._ticks = self._still = 0  # frames, and those in a row whose timestamps did not advance
        self.doubt: str | None = None

    def tick(self, pts_s: float | None, step_s: float) -> float:
        """The time of the next frame in seconds.

        ``pts_s`` is its timestamp, None where it has none; ``step_s`` is what passed since the
        last frame as far as anybody can tell: 1 / fps, or the difference of arrival.
        """
        self._ticks += 1
        if self._time is None:
            self._time, self._offset, self._pts = 0.0, pts_s, pts_s or 0.0
            return self._time
        expected = self._time + step_s
        time = expected if pts_s is None else self._by_timestamp(pts_s, expected)
        self._time = max(self._time, time)
        return self._time

    def _by_timestamp(self, pts_s: float, expected: float) -> float:
        assert self._time is not None
        step_s, self._pts = pts_s - self._pts, pts_s
        if self._offset is None:
            return self._count_anew(expected)
        if not -_JITTER_S <= step_s <= self._max_step_s:
            self._suspect(f"{'go back' if step_s < 0 else 'jump'} by {abs(step_s):,.1f} s")
            return self._count_anew(expected)
        if step_s <= min(_STILL_S, (expected - self._time) / 2):
            self._still += 1
            if self._still == 1:
                return self._time
            self._suspect("do not advance")
            return expected
        ahead_s = self._time - (pts_s - self._offset)
        stood, self._still = self._still > 1, 0
        if ahead_s > (0 if stood else _JITTER_S):
            return self._count_anew(expected)
        return pts_s - self._offset

    def _count_anew(self, expected: float) -> float:
        self._offset = self._pts - expected
        return expected

    def _suspect(self, what: str) -> None:
        if self.doubt is not None:
            return
        at = self._ticks - 1
        self.doubt = f"its timestamps {what} at frame {at}: time goes on by the frame rate there"
        if self._label is not None:
            log.warning("%s: %s", self._label, self.doubt)

    def restart(self) -> None:
        """What follows is counted anew (a loop, a reconnect); time goes on by the next step."""
        self._offset = None
