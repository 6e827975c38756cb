"""Annotated videos of what moves, and annotated pictures of what does not: one output for both.

Knows which names a video and a picture may have; drawing and encoding are said in ``sinks.video`` and
``sinks.images``.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import ConfigError
from sightline.sinks.files import PICTURE_SUFFIXES, file_suffix, is_picture, new_file
from sightline.types import OutputRequest
from sightline.whole_files import is_folder

if TYPE_CHECKING:
    from sightline.sinks.images import ImageSink
    from sightline.sinks.video import VideoSink

VIDEO_SUFFIXES = {".mp4", ".mkv", ".mov", ".avi", ".webm"}
"""Suffixes of video files that can be written (``sinks.video.SUFFIXES``, without loading PyAV)."""


def for_output(request: OutputRequest) -> VideoSink | ImageSink:
    """The sink of one output, whose streams are all videos or all unrelated pictures.

    Raises:
        ConfigError: the path is no name of what is written.
    """
    return _pictures(request) if request.streams[0].still else _videos(request)


def _videos(request: OutputRequest) -> VideoSink:
    path, count = request.path, len(request.streams)
    if count > 1 and not is_folder(path):
        raise ConfigError(f"--output {path}: {count} videos go to a folder: {path}/")
    suffix = file_suffix(path)
    if suffix and suffix not in VIDEO_SUFFIXES:
        raise _no_such_kind(path, "video", VIDEO_SUFFIXES)
    from sightline.sinks.video import VideoSink

    film = new_file(request, ".mp4") if request.append else path
    return VideoSink(film, show_fps=bool(request.options["show_fps"]), guard=request.guard)


def _pictures(request: OutputRequest) -> ImageSink:
    path = request.path
    suffix = file_suffix(path)
    if suffix in VIDEO_SUFFIXES:
        raise ConfigError(f"--output {path}: pictures go to a folder")
    if suffix and not is_picture(path):
        raise _no_such_kind(path, "picture", PICTURE_SUFFIXES)
    from sightline.sinks.images import ImageSink

    return ImageSink(path, guard=request.guard)


def _no_such_kind(path: str, what: str, suffixes: Collection[str]) -> ConfigError:
    """The error for a suffix that no file is written with; it names the one that was meant."""
    suffix = file_suffix(path)
    swapped = [one for one in sorted(suffixes) if sorted(one) == sorted(suffix)]
    near = swapped or get_close_matches(suffix, sorted(suffixes), 1, 0.6)
    use = (
        f"did you mean {Path(path).with_suffix(near[0])}?"
        if near
        else f"use {', '.join(sorted(suffixes))}, or"
    )
    folder = f" A folder of that name is {path}/" if near else f" a folder: {path}/"
    return ConfigError(
        f"--output {path}: {suffix} is no kind of {what} that is written: {use}{folder}"
    )
