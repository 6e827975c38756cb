"""Looks at a moment of a stream now and then, as a stage of its pipeline, so that its accuracy can be estimated."""

from __future__ import annotations

from concurrent.futures import Future

from sightline.errors import Overloaded
from sightline.runtime.estimation.estimator import AccuracyEstimator, FrameContext
from sightline.types import Frame, Observation

_AGAIN_S = 0.1
"""A file waits so long until it is asked again whether there is time for its moment."""
_EARLY = 0.1
"""Share of the time between two looks by which a frame may come early: a stream has its own times."""
_SOONER = 8
"""Where there is no time for a moment of a live stream, the next one is due in a part of the usual time."""


class EstimateAccuracy:
    """Hands a frame in so many seconds, with those before and after it, to an estimator. It changes nothing.

    A live stream waits for nobody: what finds no place is left out and counted. A file waits.

    Args:
        estimator: looks at them.
        every_s: seconds of the stream between two moments.
        live: the stream is.
        still: its frames are pictures that have nothing to do with one another.
    """

    name = "estimate"

    def __init__(
        self,
        estimator: AccuracyEstimator,
        every_s: float,
        *,
        live: bool,
        still: bool = False,
    ) -> None:
        self._estimator, self._every_s, self._live = estimator, every_s, live
        self._length = 1 if still else 3
        self._due = float("-inf")
        self._held: list[Frame] = []

    def submit(self, seen: Observation) -> Future[None] | None:
        """Take a frame where it is its turn; a file waits for the future.

        Raises Overloaded: a moment of a file is to be offered again.
        """
        held, frame = self._held, seen.frame
        if seen.skipped == "paused" or not self._estimator.wants_moments:
            held.clear()
            return None
        if not held and (seen.skipped is not None or frame.time < self._due):
            return None
        apart_s = (1 - _EARLY) * self._estimator.apart_s
        if held and frame is not held[-1] and frame.time < held[-1].time + apart_s:
            return None
        if not held or frame is not held[-1]:  # a file's may come again
            held.append(frame)
        if len(held) < self._length:
            return None
        around = {"before": held[0], "after": held[2]} if len(held) > 1 else {}
        done = self._estimator.offer(FrameContext(held[len(held) // 2], **around))
        if done is None and not self._live:
            raise Overloaded("there is no time to estimate the accuracy", _AGAIN_S)
        if done is None:
            self._estimator.leave_out("busy")
        self._due = held[0].time + self._every_s / (_SOONER if done is None else 1)
        held.clear()
        return None if self._live else done

    def settle(self, seen: Observation, found: None) -> Observation:  # noqa: ARG002 - the protocol's
        """The observation as it is."""
        return seen
