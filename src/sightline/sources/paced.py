"""A recording played as a camera would: in real time, and what nobody took in time is dropped."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from threading import Event

from sightline.protocols import Source
from sightline.types import Frame, SourceStatus, StreamInfo

_DEFAULT_FPS = 25.0
_BEHIND_S = 1.0
"""A source that falls further behind cannot keep up: its film goes on later instead."""


class PacedSource:
    """A ``Source`` that wraps a ``Source`` and hands its frames on at the times they carry.

    A frame that is late by more than one interval is counted as ``stale``. What ``open`` says is
    that of the wrapped source, but live.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._closed = Event()
        self._stale = 0

    def open(self) -> StreamInfo:
        """The wrapped source's, as a live stream. Raises SourceError."""
        return replace(self._source.open(), live=True)

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames at their times. Raises what the wrapped source raises."""
        interval_s = 1 / (self._source.open().fps or _DEFAULT_FPS)
        started: float | None = None
        for frame in self._source:
            now = time.monotonic()
            if started is None or now - started - frame.time > _BEHIND_S:
                started = now - frame.time
            early_s = started + frame.time - now
            if early_s < -interval_s:
                self._stale += 1
                continue
            if early_s > 0 and self._closed.wait(early_s):
                return
            # A camera's picture would have been made now.
            played = replace(frame, captured_at=time.monotonic())
            if played.utc is None:
                played.utc, played.clock = time.time(), "arrival"
            yield played

    @property
    def status(self) -> SourceStatus:
        """The wrapped source's; frames that came too late are ``stale``."""
        # What was handed on by the source and is stale here was read once only.
        status = self._source.status
        if not self._stale:
            return status
        dropped = Counter(status.dropped)
        dropped["stale"] += self._stale
        return replace(status, dropped=dict(dropped))

    def close(self) -> None:
        """Close the wrapped source; waiting for the next frame ends."""
        self._closed.set()
        self._source.close()
