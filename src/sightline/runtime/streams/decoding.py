"""How many frames of a stream are decoded: no more than twice as many as come to something.

A frame can only be decoded after those that it refers to, back to a key frame. So what is left out
is the rest of a group of pictures, up to the next key frame, and key frames themselves only where a
stream has nothing else. Nothing is left out while the machine keeps up.
"""

from __future__ import annotations

import math
import time
from types import TracebackType

from sightline.runtime.streams.cpu_limiter import CpuLimiter

PERIOD_S = 1.0
MEMORY_S = 5.0
"""What happened longer ago hardly counts. Groups of pictures are a few seconds long."""
HEAVY = 0.1
"""Decoding matters from this part of the processor on."""
LOST = 0.1
"""A stream is behind when this part of its decoded frames is lost to overload."""
KEPT_UP = 0.02
"""It keeps up when no more than this part is."""
MARGIN = 2.0
"""So many frames are decoded for each that comes to something: which one it is depends on the moment."""
LEAST = 0.02
FALL, RISE = 0.7, 1.25
"""The share that is decoded changes by these factors a second at most."""
SAVED = 64.0
"""Frames that may be decoded one after another once a key frame has come."""


class Decoding:
    """One stream's use of the processor for decoding: a context manager around each packet.

    Used by the thread that reads; ``judge`` by another.
    """

    def __init__(self, turns: CpuLimiter) -> None:
        self._turns = turns
        self._began = 0.0
        self.share = 1.0
        """Of the packets, that are decoded."""
        self._saved = 1.0
        self._broken = self._after_key = False
        self._groups = 0  # of pictures, that have begun
        self._since_key = self._longest = 0  # packets
        self._judged_at = time.monotonic()
        self._decoding_s = turns.decoding_s
        self._before = (0, 0, 0)
        self._decoded = self._lost = self._skipped = 0.0

    def __enter__(self) -> None:
        self._turns.start_decoding()
        self._began = time.thread_time()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._turns.end_decoding(max(0.0, time.thread_time() - self._began))

    def admits(self, key: bool) -> bool:
        """Whether the next packet is to be decoded; ``key``: it refers to no other."""
        only_keys, self._after_key = key and self._after_key, key
        self._count(key)
        if key or self._since_key > 2 * self._longest:
            # Key frames heal a gap; a stream that sends none any more is decoded as it comes.
            self._broken = False
        if self.share < 1.0:
            self._saved = min(SAVED, self._saved + self.share)
            if self._saved < 1.0 and self._groups > 1 and (only_keys or not key):
                self._broken = True
            if not self._broken:
                self._saved = max(0.0, self._saved - 1.0)
        return not self._broken

    def _count(self, key: bool) -> None:
        """Learn how long a group of pictures is: nothing is left out before that is known."""
        self._since_key += 1
        if key:
            if self._groups:
                self._longest = max(self._longest, self._since_key)
            self._groups += 1
            self._since_key = 0

    def judge(self, decoded: int, lost: int, skipped: int, *, late: bool) -> None:
        """Adapt to how it went. Called often; does something once a period.

        Args:
            decoded: frames of the stream so far.
            lost: those of them that nobody had time for.
            skipped: packets that ``admits`` has left out.
            late: decoding is behind the time at which frames should be there.
        """
        now = time.monotonic()
        passed = now - self._judged_at
        if passed < PERIOD_S:
            return
        used_s, self._decoding_s = self._turns.decoding_s - self._decoding_s, self._turns.decoding_s
        heavy = used_s >= HEAVY * passed * self._turns.cores
        self._judged_at = now
        fade = math.exp(-passed / MEMORY_S)
        counts = (decoded, lost, skipped)
        new = [count - before for count, before in zip(counts, self._before, strict=True)]
        self._before = counts
        self._decoded, self._lost, self._skipped = (
            fade * old + count
            for old, count in zip((self._decoded, self._lost, self._skipped), new, strict=True)
        )
        packets = self._decoded + self._skipped
        if packets and (heavy or late) and self._lost > LOST * self._decoded:
            wanted = MARGIN * (self._decoded - self._lost) / packets
            self.share = max(LEAST, FALL * self.share, min(self.share, wanted))
        elif self._lost <= KEPT_UP * self._decoded:
            self.share = min(1.0, RISE * self.share)
