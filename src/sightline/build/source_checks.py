"""What a program may hand in as a source, told before anything is opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sightline.errors import ConfigError
from sightline.protocols import Source
from sightline.types import Frame

SourceLike: TypeAlias = str | PathLike[str] | int | Sequence[str | PathLike[str]] | Source
"""A video file, an address, a camera number, a folder, a glob, picture files, or a Source."""

_GIVE = (
    "give a video file, an rtsp:// or http:// address, a camera number, a folder, a glob, a list of "
    "picture files, or a Source"
)


def check_source(source: object) -> None:
    """See whether this can be a source at all. Raises ConfigError, which tells what can be given."""
    if isinstance(source, (list, tuple)):
        _check_list(source)
    elif type(source) is not bool and isinstance(source, Integral):
        if int(source) < 0:
            raise ConfigError(f"source: cameras are numbered from 0, not {source}")
    elif isinstance(source, str) and not source.strip():
        raise ConfigError(f"source: it is empty: {_GIVE}")
    elif not isinstance(source, (str, PathLike)) and not _is_source(source):
        kind = source.__name__ if isinstance(source, type) else type(source).__name__
        raise ConfigError(f"source: {kind} is none: {_remedy(source)}")


def _is_source(source: object) -> bool:
    """Whether an object has the methods of a Source that are called."""
    methods = all(callable(getattr(source, name, None)) for name in ("open", "__iter__", "close"))
    return methods and not isinstance(source, type)


def _check_list(sources: Sequence[object]) -> None:
    from sightline.sources.images import IMAGE_SUFFIXES

    if not sources:
        raise ConfigError(f"source: the list is empty: {_GIVE}")
    for each in sources:
        if not isinstance(each, (str, PathLike)):
            kind = type(each).__name__
            raise ConfigError(f"source: a list may name picture files, not {kind}: {_remedy(each)}")
        if Path(each).suffix.lower() not in IMAGE_SUFFIXES or "://" in fspath(each):
            raise ConfigError(
                f"source: a list may name picture files, not {fspath(each)!r}: track one source after "
                "the other, each with ids of its own"
            )


def _remedy(source: object) -> str:
    """What to do instead with something that is no source."""
    if isinstance(source, type):
        return f"give one, {source.__name__}(...), not its class"
    if hasattr(source, "detect"):
        return "the source comes first, then the model"
    if hasattr(source, "isOpened"):  # OpenCV's VideoCapture
        return "give what it was opened with: its file, address or camera number"
    if isinstance(source, (bytes, bytearray)) or hasattr(source, "read"):
        return f"what is in memory has no place of its own: save it to a file first, or {_GIVE}"
    if isinstance(source, (np.ndarray, Frame, Iterator)) or hasattr(source, "__array__"):
        return (
            "pictures of your own are tracked one after the other, with tracker = sl.ByteTrack(): "
            "tracker.update(model.detect(picture))"
        )
    return _GIVE
