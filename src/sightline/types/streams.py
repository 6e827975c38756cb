"""What is known of a stream, and how its source fares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What is known of a stream once it is open.

    ``fps`` is the nominal rate or None; ``frames`` is the expected number of frames or None (live
    streams, containers that do not say). ``live`` streams keep the newest frame and drop others.
    ``still`` streams are pictures that have nothing to do with one another.
    """

    name: str
    width: int
    height: int
    fps: float | None = None
    frames: int | None = None
    live: bool = False
    still: bool = False


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file that is indexed: its absolute path, bytes, and when it was changed (Unix time, ns)."""

    path: str
    size: int
    modified_ns: int


class SourceState(StrEnum):
    """The states of a source. ``FAILED`` and ``ENDED`` are final."""

    CONNECTING = "connecting"
    RUNNING = "running"
    RECONNECTING = "reconnecting"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A snapshot of a source. ``read`` = frames handed on + the sum of ``dropped``.

    ``dropped`` counts frames by reason, for example ``stale`` (a newer one came) or ``corrupt``.
    """

    state: SourceState
    read: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    reconnects: int = 0
    error: str | None = None
