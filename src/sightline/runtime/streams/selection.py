"""Which frames of a stream are analysed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from sightline.config import AdaptiveOptions
from sightline.runtime.streams.adaptive import PERIOD_S, Controller, Level, ladder
from sightline.runtime.streams.record import StreamRecord
from sightline.types import Frame, SourceStatus, StreamInfo

if TYPE_CHECKING:
    from sightline.runtime.streams.motion import Motion

OVERLOAD = ("overloaded", "stale")
"""Reasons for which a frame comes to nothing because nobody had time for it."""


class Selection(Protocol):
    """Chooses the frames of one stream that are analysed, in order."""

    def begin(self, info: StreamInfo) -> None:
        """The source is open."""

    def reason(self, frame: Frame) -> str | None:
        """Why the next frame is left out, or None."""

    def outcome(self, reason: str | None) -> None:
        """A frame that was chosen came to nothing for this reason; None: it was analysed.

        Called in another thread than ``reason``.
        """


class EveryNth:
    """Chooses every so many-th frame, the first one among them.

    Args:
        every: 1 for all.
    """

    def __init__(self, every: int = 1) -> None:
        self._every = every
        self._taken = 0

    def begin(self, info: StreamInfo) -> None:
        """Nothing depends on what the source is."""

    def reason(self, frame: Frame) -> str | None:  # noqa: ARG002 - the protocol's
        """``skipped`` for all but each so many-th frame."""
        self._taken += 1
        return "skipped" if (self._taken - 1) % self._every else None

    def outcome(self, reason: str | None) -> None:
        """Nothing depends on it."""


class AdaptiveSelection:
    """Chooses frames where it is worth it and can be done in time.

    A live stream goes down the ladder of levels when its results come too late or too seldom. A file
    is never late: all of it is analysed.

    Args:
        options: motion gating and adaptive control.
        record: what was counted of the stream.
        status: of the source, whose own drops tell that nobody keeps up with it.
        sizes: inputs that the detector has; a level names one of them.
        every: only each ``every``-th frame is looked at, the first one among them.
    """

    def __init__(
        self,
        options: AdaptiveOptions,
        record: StreamRecord,
        status: Callable[[], SourceStatus],
        *,
        sizes: int = 1,
        every: int = 1,
    ) -> None:
        self._options = options
        self._record = record
        self._status = status
        self._every = every
        self._live = False
        self._controller = Controller(options, ladder(sizes, options.max_skip))
        self._motion = _motion() if options.motion else None
        self._moved_at = self._looked_at = float("-inf")
        self._taken = 0
        self._due = float("-inf")
        self._judged_at = time.monotonic()
        self._lost = False
        self._stale = 0

    @property
    def level(self) -> Level:
        """How much is analysed now."""
        return self._controller.level

    @property
    def number(self) -> int:
        """The level's place in the ladder; 0 is everything."""
        return self._controller.number

    def begin(self, info: StreamInfo) -> None:
        """The source is open."""
        self._live = info.live

    def reason(self, frame: Frame) -> str | None:
        """Why the next frame is left out, or None."""
        self._taken += 1
        if (self._taken - 1) % self._every:
            return "skipped"
        # The first frame is looked at, unless the level is not the first one.
        number = self._taken if self._every == 1 else (self._taken - 1) // self._every + 1
        if number % self.level.every or self._too_soon(frame):
            return "skipped"
        if self._motion is None:
            return None
        if self._motion.seen(frame):
            self._moved_at = frame.time
        options = self._options
        moving = frame.time - self._moved_at <= options.motion_hold_s
        if moving or frame.time - self._looked_at >= options.motion_refresh_s:
            self._looked_at = frame.time
            return None
        return "still"

    def outcome(self, reason: str | None) -> None:
        """A chosen frame came to nothing for this reason, or was analysed: the level follows."""
        self._lost |= reason is not None
        self._judge()

    def _too_soon(self, frame: Frame) -> bool:
        """Would analysing this frame exceed ``max_fps``?"""
        most = self._options.max_fps
        if most is None:
            return False
        if frame.time < self._due:
            return True
        # Due times go on from one another, so that the rate is kept though frames do not fit it: all but
        # after a pause, which is not made up for.
        paused = frame.time - self._due >= 2 / most
        self._due = frame.time + 0.5 / most if paused else self._due + 1 / most
        return False

    def _judge(self) -> None:
        """Go up or down the ladder."""
        now = time.monotonic()
        if not self._live or now - self._judged_at < PERIOD_S:
            return
        stale = self._status().dropped.get("stale", 0)
        self._controller.judge(
            age_p99_ms=self._record.ages_ms(99, window_s=2 * PERIOD_S)[0],
            fps=self._record.rates()[1],
            lost=self._lost or stale > self._stale,
        )
        self._judged_at, self._lost, self._stale = now, False, stale


def _motion() -> Motion:
    from sightline.runtime.streams.motion import Motion  # OpenCV is heavy

    return Motion()
