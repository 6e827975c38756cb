"""What file and live sources share of FFmpeg: the picture stream, its rate, decoding past damage."""

from __future__ import annotations

import re
import time
from collections import deque
from types import TracebackType
from typing import Protocol, cast

import av
from av import Packet, VideoFrame
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from sightline.errors import DecodeError


class Turn(Protocol):
    """A context manager that is held while a packet is decoded, where many sources share few cores."""

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def admits(self, key: bool) -> bool:
        """Whether the next packet is to be decoded; ``key``: it is that of a key frame."""


class _EveryPacket:
    """The turn of a reader that is alone: nobody waits, and everything is decoded."""

    def __enter__(self) -> None:
        """There is nothing to wait for."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nobody waits."""

    def admits(self, key: bool) -> bool:  # noqa: ARG002 - the protocol's
        return True


_MAX_FAILURES = 100
_TIME = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")
_TOLERANCE_S = 0.5
# FFmpeg takes any text file for the screen of a terminal and would "play" it.
_NO_VIDEO_FORMATS = {"tty"}


def video_stream(container: InputContainer) -> VideoStream | None:
    """The first stream of moving pictures; the cover picture of a song is none."""
    if container.format.name in _NO_VIDEO_FORMATS:
        return None
    for stream in container.streams.video:
        if Disposition.attached_pic not in stream.disposition:
            return stream
    return None


def frame_rate(stream: VideoStream) -> float | None:
    """The nominal frames per second, or None where the container does not say."""
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate else None


def expected_frames(container: InputContainer, stream: VideoStream) -> int | None:
    """How many frames there should be: counted by the container, or from its duration."""
    if stream.frames:
        return stream.frames
    rate = frame_rate(stream)
    if rate is None or container.duration is None or container.duration <= 0:
        return None
    return max(1, round(container.duration / av.time_base * rate))


def is_cut_off(reader: VideoReader) -> bool:
    """Whether a file that was read to its end had promised to be longer.

    Only containers that state their extent can tell; a transport stream ends anywhere.
    """
    formats = reader.container.format.name.split(",")
    if "mp4" in formats:
        end = max((entry.pos + entry.size for entry in reader.stream.index_entries), default=0)
        return end > reader.container.size
    if "matroska" in formats:
        # The container's own duration may be that of a longer sound track.
        promised = _TIME.fullmatch(reader.stream.metadata.get("DURATION", ""))
        if promised is None:
            return False
        hours, minutes, seconds = map(float, promised.groups())
        return reader.end_s < hours * 3600 + minutes * 60 + seconds - _TOLERANCE_S
    return reader.cut_off and "avi" in formats


def explain(error: av.FFmpegError | OSError) -> str:
    """FFmpeg's words for what went wrong, without the address (it may hold a password)."""
    return error.strerror or type(error).__name__


class VideoReader:
    """Good frames of the picture stream of an open container. Not safe for several threads.

    Damaged packets and frames are skipped and counted in ``corrupt``; ``cut_off`` tells whether
    the last packet was damaged, ``end_s`` how far the packets reached. Packets that ``turn`` does not
    admit are counted in ``skipped``; the last one came at ``skipped_at``.

    Args:
        threads: decoder threads, 0 for as many as there are cores. One adds no delay.
        turn: held while decoding, where many readers share few cores.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, threads: int = 1,
        turn: Turn | None = None,
    ) -> None:  # fmt: skip
        self._turn = turn or _EveryPacket()
        self.container = container
        self.stream = stream
        self.corrupt = 0
        self.skipped = 0
        self.skipped_at = float("-inf")
        self.cut_off = False
        self.end_s = 0.0
        stream.thread_type = "NONE" if threads == 1 else "AUTO"
        stream.codec_context.thread_count = threads
        # Of all streams, so that read() keeps its deadline where only sound arrives.
        self._packets = container.demux()
        self._decoded: deque[VideoFrame] = deque()
        self._failures = 0
        self._held = 0  # packets that are decoded, but whose frames have not come out
        self._gap = False  # the packets before the next one were skipped

    def read(self, timeout_s: float = float("inf")) -> VideoFrame | None:
        """The next good frame, None at the end.

        Raises:
            DecodeError: 100 packets in a row could not be decoded.
            TimeoutError: packets came for ``timeout_s``, but none that completed a good frame or that
                was skipped.
            av.FFmpegError: the file or the connection failed.
        """
        deadline = time.monotonic() + timeout_s
        while not self._decoded:
            try:
                packet = cast("Packet[VideoStream]", next(self._packets))
                # Checked here: FFmpeg answers a read that timed out with the packet that its
                # parser still held, as if it had come now, and only the next one with an error.
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no picture for {timeout_s:g} s")
                if packet.stream_index != self.stream.index:
                    continue
                if packet.size:
                    self._note_end(packet)
                    if not self._turn.admits(packet.is_keyframe):
                        self._skip()
                        deadline = self.skipped_at + timeout_s
                        continue
                if self._gap:
                    self._begin_anew()
                with self._turn:
                    frames = packet.decode()
            except StopIteration:
                return None
            except av.InvalidDataError as exc:
                self._count_failure(exc)
                continue
            self._held = max(0, self._held + 1 - len(frames))
            self._decoded.extend(frame for frame in frames if not frame.is_corrupt)
            self.corrupt += sum(frame.is_corrupt for frame in frames)
        self._failures = 0
        return self._decoded.popleft()

    def close(self) -> None:
        """Free the decoder and the file or connection. Idempotent."""
        self._decoded.clear()
        self.container.close()

    def _skip(self) -> None:
        self.skipped += 1
        self.skipped_at = time.monotonic()
        self._gap = True

    def _begin_anew(self) -> None:
        """After a gap: frames that the decoder still holds are old by now."""
        self._gap = False
        self.stream.codec_context.flush_buffers()
        self.skipped += self._held
        self._held = 0

    def _note_end(self, packet: Packet[VideoStream]) -> None:
        self.cut_off = packet.is_corrupt
        if packet.pts is not None and packet.time_base is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self.end_s = max(self.end_s, end)

    def _count_failure(self, exc: av.InvalidDataError) -> None:
        self.corrupt += 1
        self._failures += 1
        if self._failures >= _MAX_FAILURES:
            raise DecodeError(
                f"{_MAX_FAILURES} packets in a row could not be decoded ({explain(exc)})"
            ) from exc
        self._packets = self.container.demux()  # an error ends the generator
