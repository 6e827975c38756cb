"""The frames that a folder of hard frames holds by now: which are too old, which are too much, what they show."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from sightline.monitoring.hard_frames.appearance import distances
from sightline.monitoring.hard_frames.reasons import hardness
from sightline.runtime.hard_frames.folder import HardFrameFolder, StoredFrame
from sightline.types import Floats
from sightline.wall_time import ClockWatch

log = logging.getLogger(__name__)

_DAY_S = 86_400.0


class FrameStock:
    """The frames in a folder. For one thread.

    Args:
        folder: where they are.
        days, most_bytes: how long a frame is kept, and how much all of them may take.
        watch: the clock by which frames are old; where somebody has just set it, none is removed for its age.
    """

    def __init__(
        self, folder: HardFrameFolder, days: float, most_bytes: int, watch: ClockWatch
    ) -> None:
        self._folder, self._watch = folder, watch
        self._days, self._most_bytes = days, most_bytes
        self._was_open = False
        self.frames: list[StoredFrame] = []
        """Those that are there, in the order in which they came; none before ``open``."""

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(frame.size for frame in self.frames)

    def open(self) -> bool:
        """Open the folder unless it is: for the first time, or a new one where somebody has moved it away.

        Returns whether it was opened. Raises SinkError: it cannot be used now.
        """
        if self._folder.is_open:
            return False
        if self._was_open:
            log.warning("%s was removed or renamed: a new one is begun", self._folder.folder)
        self._was_open, self.frames = False, []
        self.frames = self._folder.open()
        self._was_open = True
        if not all(self._is_old(frame) for frame in self.frames):
            # Else the clock may be wrong: it is looked at again when it has been steady for a while.
            list(self._removed(old=True))
        return True

    def close(self) -> None:
        """Let others use the folder. Idempotent."""
        self._folder.close()

    def of_day(self, day: str) -> Iterator[StoredFrame]:
        """The frames of a day: see ``day_of``."""
        return (frame for frame in self.frames if day_of(frame.utc) == day)

    def shows(self, looks: Floats, hard: float, day: str) -> bool:
        """Whether a frame of another day looks the same, and was as hard."""
        others = [
            frame.appearance
            for frame in self.frames
            if day_of(frame.utc) != day
            and frame.appearance.shape == looks.shape
            and hardness(frame.reasons) >= hard
        ]
        return bool(others) and bool((distances(looks, np.stack(others)) < 1).any())

    def add(self, frame: StoredFrame) -> None:
        """A frame was written."""
        self.frames.append(frame)

    def remove(self, frame: StoredFrame) -> None:
        """Remove a frame with its files. Raises SinkError."""
        self._folder.remove(frame.name)
        self.frames = [one for one in self.frames if one.name != frame.name]

    def retain(self) -> list[StoredFrame]:
        """Remove what is too old or too much, the oldest first, and return it. Raises SinkError."""
        return list(self._removed(old=self._watch.steady))

    def _removed(self, *, old: bool) -> Iterator[StoredFrame]:
        size = self.bytes
        for frame in sorted(self.frames, key=lambda one: one.utc):
            if size <= self._most_bytes and not (old and self._is_old(frame)):
                return
            size -= frame.size
            self.remove(frame)
            yield frame

    def _is_old(self, frame: StoredFrame) -> bool:
        return self._watch.now - frame.utc > self._days * _DAY_S


def day_of(utc: float) -> str:
    """The day (UTC) of a Unix time: ``2026-11-28``."""
    return f"{datetime.fromtimestamp(utc, UTC):%Y-%m-%d}"
