"""Annotated video files: H.264 in MP4, MOV and MKV, VP9 in WebM, MPEG-4 in AVI, by PyAV."""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import NamedTuple, TypeAlias

import av
import av.error
import cv2
import numpy as np
from av.video.stream import VideoStream

from sightline.errors import SinkError
from sightline.imaging.drawing import Annotator, FrameRate
from sightline.sinks.background import Background
from sightline.sinks.files import file_id, free_path, output_path
from sightline.sinks.lines import CHECK_S
from sightline.types import Observation, Pixels, StreamInfo
from sightline.whole_files import OutputGuard, is_folder, make_folder, open_output, sink_error

# The usual clock of video: fine enough for any frame rate, so that times are kept as they are.
_TIME_BASE = Fraction(1, 90_000)
_WAITING = 8  # pictures that may wait for the encoder; each is a few megabytes
_BT709 = 1  # matrix, primaries and transfer: H.273's code for all three
_LIMITED_RANGE = 1

_DESCRIPTORS = Path("/dev/fd")
"""Open files by their descriptors, where the system has them."""

_log = logging.getLogger(__name__)


class _Container(NamedTuple):
    """How a kind of file is written. ``steady``: its frames have one distance, that of the rate."""

    format: str
    codec: str = "libx264"
    options: Mapping[str, str] = {}
    steady: bool = False


_FRAGMENTS = {
    # Fragments while it is written, a plain MP4 once it is closed.
    "movflags": "hybrid_fragmented+frag_keyframe",
    "frag_duration": "1000000",  # microseconds
    "flush_packets": "1",
}
_SOON = {"cluster_time_limit": "1000", "flush_packets": "1"}  # milliseconds
_CONTAINERS = {
    ".mp4": _Container("mp4", options=_FRAGMENTS),
    ".mov": _Container("mov", options=_FRAGMENTS),
    ".mkv": _Container("matroska", options=_SOON),
    ".webm": _Container("webm", "libvpx-vp9", options=_SOON),
    ".avi": _Container("avi", "mpeg4", {"flush_packets": "1"}, steady=True),
}
SUFFIXES = tuple(_CONTAINERS)
"""Suffixes of video files that can be written. A name without one is MP4."""
_CODEC_OPTIONS = {
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "crf": "33", "b": "0"},
    "mpeg4": {"flags": "+qscale", "global_quality": str(4 * 118)},
}
"""Options of codecs other than x264, for a quality like its own."""

_Drawn: TypeAlias = tuple[Observation, float | None]


class VideoSink:
    """Writes what was found as video; frames keep their time in the stream.

    The file's suffix says which kind it is: ``SUFFIXES``. AVI has one distance for all frames, so
    there times are rounded to the stream's rate.

    Args:
        path: a file for one stream, or a folder (one that exists, or a name that ends with ``/``)
            for ``STREAM.mp4`` of each stream. Files are overwritten.
        show_fps: draw the rate at which frames arrive here.
        preset: x264's trade of speed for size: ``veryfast`` makes half the size of ``ultrafast``
            in 1.5 times the time.
        quality: x264's constant rate factor, 0 to 51, less is better.

    Pictures are drawn and encoded in a thread per stream; ``write`` waits when it falls behind, so
    no frame is lost. MP4 and MOV have fragments of one second, so they can be played after a kill; a
    clean close turns them into plain ones. A stream whose pictures change size is scaled to the size
    it was opened with; an odd row or column is cut off, because H.264 4:2:0 has none. Safe to share
    between streams in a folder; a second stream for one file raises SinkError, and so do unrelated
    pictures.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        show_fps: bool = False,
        preset: str = "veryfast",
        quality: int = 23,
        guard: OutputGuard | None = None,
    ) -> None:
        self._path = path
        self._in_folder = is_folder(path)
        self._show_fps = show_fps
        self._guard = guard
        self._options = {"preset": preset, "crf": str(quality), "bf": "0"}
        suffix = Path(path).suffix.lower()
        if not self._in_folder and suffix not in ("", *SUFFIXES):
            raise SinkError(
                f"cannot write {path}: {suffix} is no kind of video that is written: use "
                f"{', '.join(SUFFIXES)}, or a folder/"
            )
        self._lock = threading.Lock()
        self._files: dict[str, _VideoFile] = {}

    def open(self, stream: StreamInfo) -> None:
        """Create the stream's file and its encoder. Raises SinkError."""
        with self._lock:
            if stream.still:
                raise SinkError(
                    f"cannot write {stream.name} to {self._path}: unrelated pictures make no "
                    "video; give a folder for annotated pictures"
                )
            if self._files and not self._in_folder:
                raise SinkError(
                    f"cannot write {stream.name} to {self._path}: a video file holds one stream; "
                    f"give a folder instead ({self._path}/)"
                )
            if stream.name in self._files:
                raise SinkError(
                    f"cannot write {stream.name} to {self._path}: a stream of that name is there"
                )
            file = output_path(self._path, stream.name, ".mp4")
            self._files[stream.name] = _VideoFile(
                file, stream, self._options, self._show_fps, self._guard
            )

    def write(self, observation: Observation) -> None:
        """Hand one frame to the encoder's thread. Raises SinkError, also of earlier frames."""
        file = self._files.get(observation.frame.stream)
        if file is None:
            raise SinkError(
                f"cannot write {self._path}: stream {observation.frame.stream} was not opened"
            )
        file.write(observation)

    @property
    def lost(self) -> int:
        """Frames that went to files that were removed."""
        return sum(file.lost for file in tuple(self._files.values()))

    def reopen(self) -> None:
        """End the files with their next frame, and begin new ones. From any thread."""
        for file in tuple(self._files.values()):
            file.reopen = True

    def close(self) -> None:
        """Finish all files. Idempotent. Raises the first SinkError that nobody saw yet."""
        with self._lock, contextlib.ExitStack() as all_files:
            for file in self._files.values():
                all_files.callback(file.close)


class _VideoFile:
    """One file, its encoder and the thread that feeds it."""

    def __init__(
        self,
        path: Path,
        stream: StreamInfo,
        options: dict[str, str],
        show_fps: bool,
        guard: OutputGuard | None,
    ) -> None:
        self._path = path
        self._guard = guard
        self._kind = _CONTAINERS.get(path.suffix.lower(), _CONTAINERS[".mp4"])
        self._size = max(2, stream.width), max(2, stream.height)
        self._annotator = Annotator()
        self._rate = FrameRate() if show_fps else None
        self._last_pts = -1
        self._closed = False
        self._stream, self._options = stream, options
        self._checked_at = time.monotonic()
        self._unchecked = 0  # frames since then
        self._began_at = 0.0
        self._last_index = -1
        self.reopen = False
        self.lost = 0
        self._begin()
        self._work: Background[_Drawn] = Background(
            self._encode, capacity=_WAITING, name=f"video {stream.name}"
        )

    def _begin(self) -> None:
        path, stream, options = self._path, self._stream, self._options
        with _mapped(path):
            descriptor = open_output(path, os.O_RDWR | os.O_TRUNC, self._guard)
            self._file = open(descriptor, "r+b", buffering=0)  # noqa: PTH123, SIM115 - `_end` closes it
            found = os.fstat(descriptor)
            self._id = (found.st_dev, found.st_ino)
            kind = self._kind
            # PyAV opens a file with the first packet only, and by its name: that is now the descriptor.
            name = f"/dev/fd/{descriptor}" if _DESCRIPTORS.is_dir() else str(path)
            self._container = av.open(name, "w", format=kind.format, options={**kind.options})
            rate = Fraction(stream.fps or 30).limit_denominator(1001)
            options = _CODEC_OPTIONS.get(kind.codec, options)
            self._video: VideoStream = self._container.add_stream(  # type: ignore[assignment]
                kind.codec, rate=rate, options=options
            )
            self._video.width, self._video.height = (side & ~1 for side in self._size)
            self._video.pix_fmt = "yuv420p"
            codec = self._video.codec_context
            self._time_base = codec.time_base = 1 / rate if kind.steady else _TIME_BASE
            codec.gop_size = max(1, round(2 * rate))
            codec.thread_count = min(4, os.cpu_count() or 1)
            codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
            codec.color_range = _LIMITED_RANGE
            codec.open(strict=False)

    def _follow(self, time_s: float) -> None:
        """End the file and begin a new one where that is asked for, or it was removed or renamed."""
        now = time.monotonic()
        if not self.reopen and now - self._checked_at < CHECK_S:
            return
        moved = file_id(self._path) != self._id
        if moved or self.reopen:
            if not os.fstat(self._file.fileno()).st_nlink:
                self.lost += self._unchecked
            if not self.reopen:
                _log.warning("%s was removed or renamed: a new file is begun", self._path)
            self._end()
            make_folder(self._path.parent)
            self._path = free_path(self._path)  # one that was ended here stays
            self._last_pts, self._began_at, self.reopen = -1, time_s, False
            self._begin()
        self._checked_at, self._unchecked = now, 0

    def _end(self) -> None:
        with _mapped(self._path):
            if self._last_pts >= 0:
                self._container.mux(self._video.encode(None))
            self._container.close()
            if self._last_pts < 0 and file_id(self._path) == self._id:
                self._path.unlink(missing_ok=True)  # a video of no pictures is no video
            self._file.close()

    def write(self, observation: Observation) -> None:
        """Take a frame to be drawn and encoded. Raises SinkError: it is closed, or encoding has failed."""
        if self._closed:
            raise SinkError(f"cannot write {self._path}: it is closed")
        self._work.put((observation, self._rate.tick() if self._rate else None))

    def close(self) -> None:
        """Encode what is left and write the file's index. Idempotent. Raises SinkError."""
        if self._closed:
            return
        self._closed = True
        whole = False
        try:
            self._work.close()
            if self._work.failure is None:
                self._end()
                whole = True
        finally:
            if not whole:
                with contextlib.suppress(av.error.FFmpegError, OSError):  # the first is raised
                    self._container.close()
                if self._kind.options is _FRAGMENTS:
                    _cut_to_fragments(self._file)
                self._file.close()

    def _encode(self, items: Sequence[_Drawn]) -> None:
        for observation, fps in items:
            self._follow(observation.frame.time)
            self._unchecked += 1
            scene = self._fitted(self._annotator.annotate(observation, fps))
            picture = av.VideoFrame.from_ndarray(scene, format="bgr24").reformat(
                format="yuv420p", dst_colorspace="ITU709"
            )
            # Two frames at one time would be refused: the later one moves by a tick.
            pts = max(
                self._last_pts + 1,
                round((observation.frame.time - self._began_at) / self._time_base),
            )
            self._last_pts, picture.pts, picture.time_base = pts, pts, self._time_base
            with _mapped(self._path):
                self._container.mux(self._video.encode(picture))
            self._last_index = observation.frame.index

    def _fitted(self, scene: Pixels) -> Pixels:
        width, height = self._size
        if scene.shape[:2] != (height, width):
            scene = cv2.resize(scene, (width, height), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(scene[: height & ~1, : width & ~1])


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[None]:
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        raise sink_error(path, OSError(error.errno, error.strerror)) from error


def _cut_to_fragments(file: FileIO) -> None:
    """Cut a half-written fragment off a file whose disk is full, so that the rest is valid.

    An MP4 is a chain of boxes, each led by its length and its name (ISO/IEC 14496-12, 4.2); a
    fragment is whole when the ``mdat`` box that ends it is.
    """
    with contextlib.suppress(OSError, ValueError):  # the first failure is raised; it may be closed
        size, at, whole = os.fstat(file.fileno()).st_size, 0, 0
        while at + 8 <= size:
            file.seek(at)
            length, kind = struct.unpack(">I4s", file.read(8))
            at += max(8, length)
            if kind == b"mdat" and at <= size:
                whole = at
        if whole:
            file.truncate(whole)
