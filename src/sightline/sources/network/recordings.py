"""Recordings behind an HTTP address: how they are told from live streams.

A recording is read from its start to its end, and nothing of it is dropped. A live stream goes on by
itself, and is connected to again where it ends.
"""

from __future__ import annotations

import time

from sightline.sources.ffmpeg import VideoReader

_ONE_FILE = frozenset(
    "mov mp4 matroska webm mpegts mpeg mpegvideo h264 hevc m4v flv avi ogg asf nut obu ivf mxf av1 "  # noqa: SIM905
    "jpeg_pipe png_pipe webp_pipe bmp_pipe tiff_pipe image2".split()
)
"""Demuxers of one file, of which the server says the length. A playlist's own length tells nothing, and
cameras that send JPEGs state lengths that they make up."""

_LOOK_S = 0.3
_BURST_S = 15.0
"""Live servers send what came since the last key frame at once. More than this is no live stream."""


def is_recording(reader: VideoReader, opening_s: float) -> bool:
    """Whether what was opened has an end: it says its duration or its length, or it came at once.

    Args:
        reader: whose packets nobody has read. Of a stream that says nothing, those of the next 0.3 s
            are read ahead.
        opening_s: seconds that it took to open it, in which packets came too.
    """
    container = reader.container
    if (container.duration or 0) > 0:
        return True
    if _ONE_FILE.isdisjoint(container.format.name.split(",")):
        return False
    if reader.length > 0:
        return True
    began = time.monotonic()
    span_s, whole = reader.look_ahead(_LOOK_S, _BURST_S + opening_s)
    took_s = opening_s + time.monotonic() - began
    return span_s > took_s + (0.0 if whole else _BURST_S)


class Replay:
    """Notices a server that sends one recording again at each connection, faster than it plays."""

    def __init__(self) -> None:
        self._seen: int | None = None

    def ended(self, reader: VideoReader, took_s: float) -> None:
        """A connection has ended without an error, ``took_s`` after it was made."""
        self._seen = reader.first_packet if reader.span_s > 1.5 * took_s else None

    def begins(self, reader: VideoReader) -> bool:
        """Whether this connection, of which the first picture was read, sends the same once more."""
        return self._seen is not None and reader.first_packet == self._seen
