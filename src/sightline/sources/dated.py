"""A recording whose first moment is known: its frames get wall-clock time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sightline.errors import ConfigError, SourceError
from sightline.protocols import Source
from sightline.types import Frame, SourceStatus, StreamInfo

_LAST_YEAR = 9999
"""Python, and databases, know no later one."""


class DatedSource:
    """A ``Source`` that wraps a recording, and gives its frames ``utc``: ``start`` + stream time.

    Args:
        source: what is wrapped; its frames are passed on otherwise unchanged.
        start: the moment at which stream time is 0.

    Raises ConfigError: the start is so late that frames may have no moment.
    """

    def __init__(self, source: Source, start: datetime) -> None:
        if start.year == _LAST_YEAR:
            raise ConfigError(
                f"start: {start.isoformat()} is too late: frames must lie before {_LAST_YEAR + 1}"
            )
        self._source = source
        self._start = start.timestamp()

    def open(self) -> StreamInfo:
        """Raises SourceError where the wrapped source is live, or raises it itself."""
        info = self._source.open()
        if info.live:
            self._source.close()
            raise SourceError(
                f"{info.name}: a start is given to recordings; this stream is live, and its frames "
                "have the time at which they come: leave the start out"
            )
        return info

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames with their time. Raises what the wrapped source raises."""
        self.open()
        for frame in self._source:
            yield replace(frame, utc=self._start + frame.time, clock="start")

    @property
    def status(self) -> SourceStatus:
        """The wrapped source's."""
        return self._source.status

    def close(self) -> None:
        """Close the wrapped source."""
        self._source.close()
