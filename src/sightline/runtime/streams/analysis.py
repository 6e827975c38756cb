"""Which frames of a stream are analysed, and what becomes of those that are not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from sightline.config import AdaptiveOptions
from sightline.errors import DeadlineExceeded, InferenceError, Overloaded
from sightline.protocols import Detector, Meter
from sightline.runtime.streams.adaptive import PERIOD_S, Controller, ladder
from sightline.runtime.streams.record import StreamRecord
from sightline.types import Detections, Frame, SourceStatus, StreamInfo

if TYPE_CHECKING:
    from sightline.runtime.streams.decoding import Decoding
    from sightline.runtime.streams.motion import Motion

Pending = Future[list[Detections]]

_LOST = ("overloaded", "stale")
"""Reasons for which a frame is dropped that came to nothing, because nobody had time for it."""


class Analysis(Protocol):
    """How the frames of one stream are analysed. ``submit`` and ``settle`` run in two threads."""

    def begin(self, info: StreamInfo) -> None:
        """The source is open."""

    def submit(self, frame: Frame) -> Pending | str:
        """Start to detect in the next frame; where it is left out, the reason."""

    def settle(self, frame: Frame, pending: Pending) -> Detections | None:
        """Wait for what was found; None where the frame is given up. Raises what ends the stream."""

    def end(self) -> None:
        """The stream ends: whoever waits in ``submit`` or ``settle`` is let go. From any thread."""


class EveryFrame:
    """Detects in every frame, or in every so many-th; the first failure ends the stream.

    Args:
        detector: looks at the frames.
        every: only each ``every``-th frame is analysed, the first one among them.
    """

    def __init__(self, detector: Detector, every: int = 1) -> None:
        self._detector = detector
        self._every = every
        self._taken = 0

    def begin(self, info: StreamInfo) -> None:
        """Nothing depends on what the source is."""

    def submit(self, frame: Frame) -> Pending | str:
        self._taken += 1
        if (self._taken - 1) % self._every:
            return "skipped"
        return self._detector.submit((frame,))

    def settle(self, frame: Frame, pending: Pending) -> Detections | None:  # noqa: ARG002 - the protocol's
        return pending.result()[0]

    def end(self) -> None:
        """Nobody waits here longer than an inference takes."""


class SelectedFrames:
    """Detects where it is worth it and can be done in time, and counts the rest by reason.

    A live stream goes on when a frame is lost to overload or to a failed inference. A file waits
    instead, and its first failure ends it.

    Args:
        detectors: the same model at each of ``options.sizes``, or at its one size.
        options: motion gating and adaptive control.
        record: where everything is counted.
        status: of the source, whose own drops tell that nobody keeps up with it.
        meter: told of what outputs are given.
        turn: held for the work of the processor.
        decoding: told of how it goes, so that no more is decoded than can be used.
        every: only each ``every``-th frame is looked at, the first one among them.
    """

    def __init__(
        self,
        name: str,
        detectors: Sequence[Detector],
        options: AdaptiveOptions,
        record: StreamRecord,
        status: Callable[[], SourceStatus],
        meter: Meter | None = None,
        turn: AbstractContextManager[None] | None = None,
        decoding: Decoding | None = None,
        every: int = 1,
    ) -> None:
        self._every = every
        self._name = name
        self._detectors = detectors
        self._options = options
        self._record = record
        self._status = status
        self._meter = meter
        self._turn = turn or nullcontext()
        self._decoding = decoding
        self._live = False
        self._ending = threading.Event()
        self._awaited: Pending | None = None
        self.paused = False
        self.error: str | None = None
        self._controller = Controller(options, ladder(len(detectors), options.max_skip))
        self._motion = _motion() if options.motion else None
        self._moved_at = self._looked_at = float("-inf")
        self._taken = 0
        self._due = float("-inf")
        self._judged_at = time.monotonic()
        self._lost = False
        self._stale = 0

    @property
    def level(self) -> int:
        """The place in the ladder; 0 is everything."""
        return self._controller.number

    def begin(self, info: StreamInfo) -> None:
        self._live = info.live

    def submit(self, frame: Frame) -> Pending | str:
        self._record.took()
        self._taken += 1
        with self._turn:
            reason = self._reason(frame)
        if reason is not None:
            self._record.drop(reason)
            return reason
        return self._detect(frame) or "overloaded"

    def settle(self, frame: Frame, pending: Pending) -> Detections | None:
        current: Pending | None = pending
        while current is not None:
            self._awaited = current
            if self._ending.is_set():
                current.cancel()
            try:
                found = current.result()[0]
            except CancelledError:  # the stream ends, and the frame still waited for its turn
                return None
            except DeadlineExceeded:
                self._give_up("stale")
                return None
            except Overloaded as exc:  # it was accepted, then had to make room for more urgent work
                current = self._detect(frame) if self._waits(exc) else None
            except InferenceError as exc:
                self._give_up("failed")
                if not self._live:
                    raise
                self.error = str(exc)
                return None
            else:
                return self._analyzed(frame, found)
        return None

    def saw(self, objects: Detections) -> None:
        """Objects of a frame, analysed or predicted, were handed to the outputs."""
        self._record.saw(len(objects))
        if self._meter is not None:
            self._meter.detected(self._name, objects)

    def end(self) -> None:
        self._ending.set()
        awaited = self._awaited  # ``settle`` sets it before it looks whether the stream ends
        if awaited is not None:
            awaited.cancel()

    def _detect(self, frame: Frame) -> Pending | None:
        """Hand a frame to the detector; None where it is given up."""
        while True:
            try:
                with self._turn:
                    return self._detectors[self._controller.level.size].submit((frame,))
            except Overloaded as exc:
                if not self._waits(exc):
                    return None

    def _waits(self, refused: Overloaded) -> bool:
        """Wait until a refused frame may be tried again; a live one is given up."""
        if self._live or self._ending.wait(refused.retry_after_s):
            self._give_up("overloaded")
            return False
        return True

    def _analyzed(self, frame: Frame, found: Detections) -> Detections:
        self.error = None
        self._record.analyze(time.monotonic() - frame.captured_at)
        self._judge()
        return found

    def _reason(self, frame: Frame) -> str | None:
        """Why this frame is left out, or None."""
        if self.paused:
            return "paused"
        if self._every == 1:
            number = self._taken
        elif (self._taken - 1) % self._every:
            return "skipped"
        else:
            number = (self._taken - 1) // self._every + 1
        if number % self._controller.level.every or self._too_soon(frame):
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

    def _too_soon(self, frame: Frame) -> bool:
        """Would analysing this frame exceed ``max_fps``?"""
        most = self._options.max_fps
        if most is None:
            return False
        if frame.time < self._due:
            return True
        # Due times go on from one another, so that the rate is kept though frames do not fit it.
        self._due = max(self._due + 1 / most, frame.time + 0.5 / most)
        return False

    def _give_up(self, reason: str) -> None:
        self._record.drop(reason)
        self._lost = True
        self._judge()

    def _judge(self) -> None:
        """Go up or down the ladder. A file is never late: all of it is analysed."""
        now = time.monotonic()
        if not self._live or now - self._judged_at < PERIOD_S:
            return
        dropped = self._status().dropped
        stale = dropped.get("stale", 0)
        if self._decoding is not None:
            counts = self._record.counts()
            lost = sum(counts.dropped.get(reason, 0) for reason in _LOST)
            self._decoding.judge(
                counts.taken + stale,
                lost + stale,
                dropped.get("skipped", 0),
                late=stale > self._stale,
            )
        self._controller.judge(
            age_p99_ms=self._record.ages_ms(99, window_s=2 * PERIOD_S)[0],
            fps=self._record.rates()[1],
            lost=self._lost or stale > self._stale,
        )
        self._judged_at, self._lost, self._stale = now, False, stale


def _motion() -> Motion:
    from sightline.runtime.streams.motion import Motion  # OpenCV is heavy

    return Motion()
