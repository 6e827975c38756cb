"""The place of a frame among all that a stream holds, those that could not be decoded included."""

from __future__ import annotations

import heapq

_MOST_WAITING = 4096
"""Packets whose frames are awaited. Decoders hold back a few dozen at most."""

_REORDERED = 32
"""Frames around a damaged place come out so much later at most: they are shown in another order."""

_MOST_TORN = 1000
"""A longer gap in time is no lost part, but a break, or a timestamp that is damaged itself."""


class FramePlaces:
    """Counts frames in the order in which they are shown, from the timestamps of their packets.

    A packet is damaged at the moment at which it is decoded, but the frames around it come out
    later and in another order. So the timestamps of all packets are kept: those between the last
    frame and the next one belong to frames that did not come. Packets without a frame of their own
    (the second field of a picture, a hidden reference) must not count: either the time that passed
    has room for the frame, or somebody reported that one was left out. Where timestamps do not
    tell the order, what was reported counts as soon as it is reported.

    ``silent`` counts the frames that did not come and that nobody reported.

    Args:
        step: the time from one frame to the next, in units of the timestamps; None: not known.
        timed: whether timestamps tell the order in which frames are shown. Those of H.264 in
            AVI do not.
    """

    def __init__(self, step: float | None, *, timed: bool = True) -> None:
        self._step = step
        self._timed = timed
        self._waiting: list[int] = []  # a heap
        self._given_up = 0
        self._reported = 0  # left out, and not yet found in the order
        self._damaged = self._torn = 0  # for so many frames more this may show
        self._last: int | None = None
        self._decoded_at = -(1 << 63)  # decoding time of the last packet
        self._anew = (
            False  # timestamps have begun anew, and the first frame of them has not come out
        )
        self._next = 0
        self.silent = 0

    def note_packet(self, timestamp: int | None, decoded_at: int | None = None) -> None:
        """A packet was read, whether or not it will be decoded; ``decoded_at`` never runs back but at a new count."""
        if decoded_at is not None:
            self._anew = self._anew or decoded_at < self._decoded_at
            self._decoded_at = decoded_at
        if timestamp is None:
            self._timed = False
            return
        heapq.heappush(self._waiting, timestamp)
        if len(self._waiting) > _MOST_WAITING:
            heapq.heappop(self._waiting)
            self._given_up += 1

    def note_left_out(self, frames: int = 1) -> None:
        """So many frames are damaged or were not decoded."""
        self._reported += frames
        self._damaged = _REORDERED

    def note_torn(self) -> None:
        """The container is damaged: packets may be missing. Gaps in time tell how many."""
        self._torn = self._damaged = _REORDERED

    def place(self, timestamp: int | None) -> int | None:
        """The number of frames before this one, which has come out.

        None for one that comes after frames that are shown later, as decoders hand them out near
        damage: it has been counted as one that did not come.
        """
        if self._is_late(timestamp):
            return None
        missing = self._missing(timestamp)
        self.silent += max(0, missing - self._reported)
        self._reported = max(0, self._reported - missing)
        self._torn, self._damaged = max(0, self._torn - 1), max(0, self._damaged - 1)
        place = self._next + missing
        self._next = place + 1
        return place

    def _is_late(self, timestamp: int | None) -> bool:
        if not (self._timed and self._damaged and self._step):
            return False
        if self._last is None or timestamp is None:
            return False
        if self._anew or (self._waiting and self._waiting[0] <= timestamp):
            return False  # a new count of timestamps has begun
        return 0 <= self._last - timestamp < _REORDERED * self._step

    def _missing(self, timestamp: int | None) -> int:
        """How many frames did not come between the last frame and this one."""
        if self._last is not None and timestamp is not None and timestamp <= self._last:
            self._timed = self._anew = False
        if timestamp is None or not self._timed:
            return self._reported
        room = 0
        if self._last is not None and self._step:
            room = round((timestamp - self._last) / self._step) - 1
        self._last = timestamp
        missing = min(self._passed(timestamp), max(room, self._reported))
        return max(room, missing) if self._torn and room <= _MOST_TORN else missing

    def _passed(self, timestamp: int) -> int:
        """How many packets stand before this frame, and brought none."""
        passed, self._given_up = self._given_up, 0
        while self._waiting and self._waiting[0] < timestamp:
            heapq.heappop(self._waiting)
            passed += 1
        if self._waiting and self._waiting[0] == timestamp:
            heapq.heappop(self._waiting)
        return passed
