"""Outputs of a stream that goes on whatever becomes of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sightline.errors import SinkError
from sightline.protocols import Rotating, Sink
from sightline.types import Observation, StreamInfo

RETRY_S = 1.0
"""So long an output that failed is left alone; what comes meanwhile is lost."""

log = logging.getLogger(__name__)


class ResilientSink:
    """A ``Sink`` around a sink: a camera is watched on although a disk is full or a database is away.

    Where the sink fails, observations are lost and counted in ``lost``, ``error`` says why, and it is
    tried again every second. That holds for live streams. A file can be analysed once more, so for it
    failures go through, and it ends.

    Args:
        sink: closed by whoever made it.
        clock: monotonic, in seconds.
    """

    def __init__(self, sink: Sink, clock: Callable[[], float] = time.monotonic) -> None:
        self._sink = sink
        self._clock = clock
        self._stream: StreamInfo | None = None
        self._is_open = False
        self._retry_at = 0.0
        self._error: str | None = None
        self._lost = 0

    @property
    def lost(self) -> int:
        """Observations that were not written, or went to a file that was removed."""
        return self._lost + (self._sink.lost if isinstance(self._sink, Rotating) else 0)

    def reopen(self) -> None:
        """As the sink's own, where it has files."""
        if isinstance(self._sink, Rotating):
            self._sink.reopen()

    @property
    def error(self) -> str | None:
        """Why it fails, or what it waits for although it takes what it is given (a database does)."""
        return self._error or getattr(self._sink, "held_up_by", None)

    def open(self, stream: StreamInfo) -> None:
        """Open the sink, or try that again later. Raises SinkError for a stream that is not live."""
        self._stream = stream
        if not stream.live:
            self._open(stream)
            return
        try:
            self._open(stream)
        except SinkError as exc:
            self._fail(exc)

    def write(self, observation: Observation) -> None:
        """Hand an observation on, or count it as lost. Raises SinkError as ``open`` does."""
        stream = self._stream
        assert stream is not None
        if not stream.live:
            self._sink.write(observation)
            return
        if self._error is not None and self._clock() < self._retry_at:
            self._lost += 1
            return
        try:
            if not self._is_open:
                self._open(stream)
            self._sink.write(observation)
        except SinkError as exc:
            self._lost += 1
            self._fail(exc)
            return
        if self._error is not None:
            log.warning("an output works again; %d observations were lost to it so far", self.lost)
            self._error = None

    def close(self) -> None:
        """Nothing to do here: the sink may be shared."""

    def _open(self, stream: StreamInfo) -> None:
        self._sink.open(stream)
        self._is_open = True

    def _fail(self, error: SinkError) -> None:
        if self._error is None:
            log.error("%s; the stream goes on without this output, which is tried again", error)
        self._error = str(error)
        self._retry_at = self._clock() + RETRY_S
