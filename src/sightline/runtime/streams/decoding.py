"""One stream's use of the processor for decoding: its turn for each packet, and which packets are left out.

A frame can only be decoded after those that it refers to, back to a key frame. So what is left out
is the rest of a group of pictures, up to the next key frame, and key frames themselves only where a
stream has nothing else. How much is left out is decided for all streams together (``DecodingBudget``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from sightline.runtime.streams.decoding_budget import (
    DecodingBudget,
    DecodingCounts,
    DecodingLoad,
)
from sightline.runtime.streams.record import Counts
from sightline.runtime.streams.selection import OVERLOAD
from sightline.types import SourceStatus

SAVED = 2.0
"""A stream may decode the shares of so many groups of pictures one after another."""
LONGEST_STEP_S = 10.0
"""A longer step between two packets is a gap in the stream, or its clock was set."""
SMOOTHING = 0.05
"""The part of a new step in the average."""
DEBT = 40.0
"""Frames that a stream may decode beyond its share, while the engine has nothing else to do."""


class Decoding:
    """A context manager around the decoding of each packet of one stream.

    Used by the thread that reads.

    Args:
        budget: shared by the streams that use the same model with the same priority.
        weight: share of the stream beside the others'.
        min_fps: frames a second that are decoded in any case.
    """

    def __init__(self, budget: DecodingBudget, weight: float = 1.0, min_fps: float = 0.0) -> None:
        self._budget = budget
        self._limiter = budget.limiter
        self.counts: Callable[[], DecodingCounts] | None = None
        """Tells what became of the stream's frames. While it is None, nothing is left out."""
        self._began = 0.0
        self.load = DecodingLoad(weight, min_fps)
        self._saved = 1.0
        self._broken = self._after_key = False
        self._groups = 0  # groups of pictures that have begun
        self._since_key = self._longest = 0  # packets
        self._at_s: float | None = None

    @property
    def share(self) -> float:
        """The part of the packets that is decoded."""
        return self.load.share

    @property
    def interval_s(self) -> float | None:
        """Seconds between two frames of the stream, decoded or not; None where that is not known."""
        return self.load.interval_s

    def __enter__(self) -> None:
        self._limiter.start_decoding()
        self._began = time.thread_time()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.load.used_s += max(0.0, time.thread_time() - self._began)
        self._limiter.end_decoding()

    def admits(self, key: bool, at_s: float | None = None) -> bool:
        """Whether the next packet is to be decoded.

        Args:
            key: it refers to no other.
            at_s: its time in the stream, in the order of decoding; None where it has none.
        """
        if self._budget.due(self.load):
            self._judge()
        only_keys, self._after_key = key and self._after_key, key
        self._count(key)
        self._measure(at_s)
        if key or self._since_key > 2 * self._longest:
            # Key frames heal a gap; a stream that sends none any more is decoded as it comes.
            self._broken = False
        share = self.load.share
        if share < 1.0:
            self._saved = min(1.0 + SAVED * share * self._longest, self._saved + share)
            if not self._broken and self._groups > 1 and (only_keys or not key):
                self._broken = self._is_over()
            if not self._broken:
                self._saved = max(-DEBT, self._saved - 1.0)
        return not self._broken

    def _is_over(self) -> bool:
        """Whether the stream has decoded its share, and the rest is left out until a key frame comes."""
        if self._saved < 1.0:
            self._judge()
        return self._saved < 1.0 and self._budget.leaves_out(-self._saved)

    def _judge(self) -> None:
        """Have the share set anew. What was decoded for nothing is decoded once more: streams share what is
        analysed."""
        if self.counts is not None:
            self._saved += self._budget.judge(self.load, self.counts())

    def _count(self, key: bool) -> None:
        """Learn how long a group of pictures is: nothing is left out before that is known."""
        self._since_key += 1
        if key:
            if self._groups:
                self._longest = max(self._longest, self._since_key)
            self._groups += 1
            self._since_key = 0

    def _measure(self, at_s: float | None) -> None:
        """Learn the time between two packets."""
        if at_s is None:
            return
        before, self._at_s = self._at_s, at_s
        if before is None or not 0.0 < at_s - before <= LONGEST_STEP_S:
            return
        step, known = at_s - before, self.load.interval_s
        self.load.interval_s = step if known is None else known + SMOOTHING * (step - known)


def decoding_counts(status: SourceStatus, counts: Counts) -> DecodingCounts:
    """What became of a stream's decoded frames, as its source and its record tell."""
    late = status.dropped.get("stale", 0)
    lost = late + sum(counts.dropped.get(reason, 0) for reason in OVERLOAD)
    return DecodingCounts(counts.taken + late, counts.analyzed, lost, late)
