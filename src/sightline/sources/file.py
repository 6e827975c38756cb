"""Video files: every good frame in order, nothing dropped, a clear end."""

from __future__ import annotations

import errno
import itertools
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from sightline.errors import DecodeError, SourceError
from sightline.foreign_files.mistaken import HEAD_BYTES
from sightline.sources.clock import StreamClock
from sightline.sources.ffmpeg import DecodedFrame, VideoReader, explain
from sightline.sources.image_header import other_kind
from sightline.sources.pictures import Scalers
from sightline.sources.turn import Turn
from sightline.sources.video_track import (
    DEFAULT_FPS,
    STATED_SIZE_BYTES,
    WHOLE_TRACK,
    expected_frames,
    longest_step_s,
    size_error,
    stated_size,
    timing,
    video_stream,
)
from sightline.types import Frame, SourceState, SourceStatus, StreamInfo

HUNG_S = 2.0
"""A read that takes longer is not waited for by who closes the file: no read of a good disk does."""

log = logging.getLogger(__name__)


class FileSource:
    """A video file in any container that FFmpeg reads.

    Args:
        path: the file. A playlist in it reaches other files only, never the network.
        name: of the stream; the file's stem by default.
        loop: play it so many times, 0 for ever. ``Frame.index`` and ``Frame.time`` go on.
        threads: decoder threads; one is best where inference uses the other cores, 0 is all.
        turn: held while decoding, where many sources share few cores. Frames that it has no time for
            are not decoded, and counted as ``skipped``.

    Damaged packets and frames are skipped and counted as ``corrupt``. A file that breaks off
    yields its good frames; then DecodeError says how many there were. Negative numbers: ValueError.
    """

    def __init__(
        self,
        path: str | Path,
        name: str | None = None,
        *,
        loop: int = 1,
        threads: int = 1,
        turn: Turn | None = None,
    ) -> None:
        if loop < 0 or threads < 0:
            raise ValueError(f"loop and threads must be 0 or more, not {loop} and {threads}")
        self._path = Path(path)
        self._name = name or self._path.stem
        self._loop = loop
        self._threads = threads
        self._turn = turn
        self._lock = Lock()  # around every use of the reader: close() may come at any moment
        self._reader: VideoReader | None = None
        self._first: DecodedFrame | None = None
        self._info: StreamInfo | None = None
        self._state = SourceState.CONNECTING
        self._error: str | None = None
        self._iterated = False
        self._closing = False
        self._clock = StreamClock()
        self._handed = 0
        self._corrupt_before = self._skipped_before = 0  # the reader that is open counts for itself

    def open(self) -> StreamInfo:
        """Open the file and decode its first frame. Called again, it says the same.

        Raises:
            SourceError: there is no such file, it may not be read, or the source is closed.
            DecodeError: it is no video, or holds no frame that can be decoded.
        """
        with self._lock:
            if self._state in (SourceState.ENDED, SourceState.FAILED):
                raise SourceError(
                    f"{self._path} is {self._state}: make a new FileSource to read it again"
                )
            if self._info is None:
                try:
                    self._info = self._open()
                except SourceError as exc:
                    self._fail(exc)
                    raise
                if self._closing:
                    self._end()
                    raise SourceError(f"{self._path} was closed while it was opened")
                self._state = SourceState.RUNNING
            return self._info

    def __iter__(self) -> Iterator[Frame]:
        """Yield every good frame in order.

        Raises:
            DecodeError: after the last good frame, where the file breaks off or is damaged beyond
                reading on.
            SourceError: the file could not be opened or read further.
        """
        info = self.open()
        if self._iterated:
            raise SourceError(f"{self._path} was read already: make a new FileSource to read again")
        self._iterated = True
        clock = self._clock
        scalers = Scalers()
        step_s = 1 / (info.fps or DEFAULT_FPS)
        began_at = index = 0
        for loop in itertools.count(1):
            while (decoded := self._next(info)) is not None:
                index, self._handed = began_at + decoded.place, self._handed + 1
                now = clock.tick(decoded.frame.time, step_s)
                picture = decoded.picture(scalers)
                yield Frame(self._name, index, now, time.monotonic(), picture)
            if loop == self._loop or not self._rewind():
                break
            clock.restart()
            began_at = max(index + 1, self.status.read)
        self.close()

    @property
    def status(self) -> SourceStatus:
        """Frames read and dropped: ``corrupt`` and ``skipped``."""
        reader = self._reader
        corrupt = self._corrupt_before + (reader.corrupt if reader else 0)
        dropped = {"corrupt": corrupt, "skipped": self._skipped}
        return SourceStatus(
            self._state,
            read=self._handed + sum(dropped.values()),
            dropped={reason: count for reason, count in dropped.items() if count},
            error=self._error,
        )

    @property
    def _skipped(self) -> int:
        reader = self._reader
        return self._skipped_before + (reader.skipped if reader else 0)

    def close(self) -> None:
        """Free the file. An iteration in another thread ends with the frame it has.

        A read that hangs, because a disk or a network share does not answer, is waited for
        ``HUNG_S``. Then the thread that reads frees the file, as soon as its read comes back.
        """
        self._closing = True
        if self._lock.acquire(timeout=HUNG_S):
            try:
                self._end()
            finally:
                self._lock.release()

    def _end(self) -> None:
        self._release()
        if self._state is not SourceState.FAILED:
            self._state = SourceState.ENDED

    def _open(self) -> StreamInfo:
        self._reader = reader = _open_reader(self._path, self._threads, self._turn)
        if reader.timing.fault is not None:  # not at each round of a loop
            log.warning("%s: %s", self._path, reader.timing.fault)
        self._clock = StreamClock(longest_step_s(reader.container), str(self._path))
        self._first = _first_frame(reader, self._path)
        return _described(self._name, reader, self._first, self._loop)

    def _next(self, info: StreamInfo) -> DecodedFrame | None:
        """The next good frame; None at the end, or when somebody closed the source."""
        with self._lock:
            reader = self._reader
            if reader is None:
                return None
            frame, self._first = self._first, None
            try:
                frame = frame or reader.read()
                if self._closing:
                    self._end()
                    return None
                if frame is None and self._cut_off(reader):
                    raise DecodeError("it breaks off; copy it again from where it came from")
            except (DecodeError, av.FFmpegError) as exc:
                if self._closing:
                    self._end()
                    return None
                reason = exc if isinstance(exc, DecodeError) else explain(exc)
                error = DecodeError(
                    f"{self._path}: {self._read_so_far(info)} were read, then {reason}"
                )
                self._fail(error)
                try:
                    raise error from exc
                finally:
                    del error  # its trace holds this function: no circle
            return frame

    def _cut_off(self, reader: VideoReader) -> bool:
        """Whether it breaks off; timestamps that are wrong do not tell."""
        return self._clock.doubt is None and reader.was_cut_off(_stated_size(self._path))

    def _read_so_far(self, info: StreamInfo) -> str:
        """``40 of 60 frames``; a duration that is wrong promises fewer than came."""
        known = info.frames is not None and info.frames >= self._handed
        return f"{self._handed} of {info.frames if known else 'unknown'} frames"

    def _rewind(self) -> bool:
        """Start the file over for the next round; False when somebody closed the source."""
        with self._lock:
            if self._reader is None:
                return False
            self._release()
            try:
                self._reader = _open_reader(self._path, self._threads, self._turn)
            except SourceError as exc:
                self._fail(exc)
                raise
            return True

    def _fail(self, error: SourceError) -> None:
        self._release()
        self._state, self._error = SourceState.FAILED, str(error)

    def _release(self) -> None:
        if self._reader is not None:
            self._corrupt_before += self._reader.corrupt
            self._skipped_before += self._reader.skipped
            self._reader.close()
        self._reader = self._first = None


def _stated_size(path: Path) -> int | None:
    """How many bytes a file should have; None where it does not say, or is a pipe."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return stated_size(file.read(STATED_SIZE_BYTES))


def _open_reader(path: Path, threads: int, turn: Turn | None) -> VideoReader:
    container = _open_container(path, {})
    stream = _stream(container, path)
    told = timing(stream)
    if told.fault is not None and path.is_file():  # a pipe cannot be read again
        container.close()
        container = _open_container(path, WHOLE_TRACK)
        stream = _stream(container, path)
    return VideoReader(container, stream, threads, turn, told=told)


def _open_container(path: Path, more: Mapping[str, str]) -> InputContainer:
    try:
        if not path.exists():
            remedy = "standard input is /dev/stdin" if str(path) == "-" else "check the path"
            raise SourceError(f"{path} does not exist: {remedy}")
        if path.is_dir():
            raise SourceError(f"{path} is a folder, not a video file")
        if path.is_file() and not path.stat().st_size:
            raise DecodeError(f"{path} {_what_it_is(path)}")
        options = {"protocol_whitelist": "file", **more}
        # "file:" so that no name can pass for another protocol.
        return av.open(f"file:{path}", mode="r", options=options)
    except PermissionError as exc:
        if exc.errno == errno.EPERM:  # FFmpeg's: it would open others
            raise DecodeError(f"{path} {_what_it_is(path)}") from exc
        raise SourceError(f"{path} may not be read: check its permissions") from exc
    except av.EOFError as exc:
        raise DecodeError(f"{path} ends before its first frame: record or copy it again") from exc
    except (av.InvalidDataError, av.ArgumentError) as exc:
        raise DecodeError(f"{path} {_what_it_is(path)}") from exc
    except (av.FFmpegError, OSError) as exc:
        raise SourceError(f"{path} cannot be opened: {explain(exc)}") from exc


def _stream(container: InputContainer, path: Path) -> VideoStream:
    """The track that is read. Raises DecodeError and closes the container: there is none."""
    stream = video_stream(container)
    error = None if stream is None else size_error(stream, str(path))
    if stream is None or error is not None:
        container.close()
        raise error or DecodeError(f"{path} has no video in it: give a file with a video track")
    return stream


def _described(name: str, reader: VideoReader, first: DecodedFrame, loop: int) -> StreamInfo:
    fps, fault = reader.timing
    expected = expected_frames(reader.container, reader.stream, None if fault else fps)
    picture = first.picture(Scalers())
    frames = expected * loop if expected and loop else None
    return StreamInfo(name, picture.width, picture.height, fps=fps, frames=frames)


def _first_frame(reader: VideoReader, path: Path) -> DecodedFrame:
    try:
        first = reader.read()
    except av.FFmpegError as exc:
        raise DecodeError(f"{path} cannot be decoded: {explain(exc)}") from exc
    except DecodeError as exc:
        remedy = "check it with ffprobe"
        if not path.is_file() and "mov" in reader.container.format.name.split(","):
            remedy = (
                "a pipe is read from its beginning only, and the index of this MP4 is at its end: give the "
                "file, or write it with the index first (ffmpeg -movflags +faststart)"
            )
        raise DecodeError(f"{path}: {exc}: {remedy}") from exc
    if first is None:
        raise DecodeError(f"{path} holds no frame that can be decoded: record or copy it again")
    return first


def _what_it_is(path: Path) -> str:
    if not path.is_file():  # a pipe that has ended would be waited for
        return "brought nothing that is a video: see what writes into it"
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if (other := other_kind(head)) is not None:
        return f"is {other}"
    if head[4:8] == b"ftyp":
        return (
            "was cut off before its index (moov) was written: let the recording finish, or "
            "rebuild the index with a repair tool"
        )
    return "is no video that FFmpeg can read: check what it is with ffprobe"
