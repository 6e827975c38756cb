"""Decoding a video track past damage, for files and live streams alike."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import av
from av import Packet, VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from sightline.errors import DecodeError
from sightline.sources.display_shape import UPRIGHT, DisplayMatrix, Orientation, PixelAspect
from sightline.sources.network.read_allowance import ReadAllowance
from sightline.sources.network.web_streams import OpenFile
from sightline.sources.pictures import Scalers, VideoPicture
from sightline.sources.places import FramePlaces
from sightline.sources.sender_clock import SenderClock
from sightline.sources.turn import EveryPacket, Turn
from sightline.sources.video_track import (
    DECODING_ORDER,
    LIMIT_PIXELS,
    STILL_CODECS,
    TrackTiming,
    is_cut_off,
    tells_order,
    timing,
)

_DAMAGED_S = 10.0
"""For so long after damage nothing is left out."""

_MAX_FAILURES = 100


class DecodedFrame(NamedTuple):
    """A frame as the decoder left it.

    ``pixel_aspect`` is the width of its pixels over their height, ``orientation`` how it becomes the picture that
    is shown, ``place`` the number of frames before it in the stream, those included that were damaged or not decoded.
    """

    frame: VideoFrame
    pixel_aspect: float
    orientation: Orientation = UPRIGHT
    place: int = 0

    def picture(self, scalers: Scalers) -> VideoPicture:
        """The picture that is shown, made when somebody looks; ``scalers`` are those of the source."""
        return VideoPicture(self.frame, scalers, self.pixel_aspect, self.orientation)


def explain(error: av.FFmpegError | OSError) -> str:
    """FFmpeg's words for what went wrong, without the address (it may hold a password)."""
    return error.strerror or type(error).__name__


def _decoding_time(packet: Packet[Any]) -> float | None:
    """Seconds in the stream; packets come in the order of these times, not in that of ``pts``."""
    ticks = packet.pts if packet.dts is None else packet.dts
    return None if ticks is None or packet.time_base is None else float(ticks * packet.time_base)


def _raise(error: Exception) -> Packet[Any]:
    raise error


class VideoReader:
    """Good frames of the picture stream of an open container. Not safe for several threads.

    Damaged packets and frames are skipped and counted in ``corrupt``; ``cut_off`` tells whether
    the last packet was damaged, ``end_s`` how far the packets reached. Packets that ``turn`` does not
    admit are counted in ``skipped``; the last one came at ``skipped_at``.

    Args:
        threads: decoder threads, 0 for as many as there are cores. One adds no delay.
        turn: held while decoding, where many readers share few cores.
        sender_clock: is shown the packets, of which some tell the sender's wall clock.
        key_frame_s: so long after it was opened, a stream whose packets come is waited for, though no
            picture can be made of them: its next key frame is still to come.
        file: what the container reads from, closed with it.
        allowance: of what comes between two packets, where ``file`` counts it.
        length: of the file in bytes, where its server tells it.
        told: the timing of a track that was opened again, as its header told it at first. Of one with a
            fault, frames have no time.

    A frame of more than ``LIMIT_PIXELS`` is damaged: a camera may change its size at any time.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, threads: int = 1,
        turn: Turn | None = None, sender_clock: SenderClock | None = None, *,
        key_frame_s: float = 0.0, file: OpenFile | None = None,
        allowance: ReadAllowance | None = None, length: int | None = None, told: TrackTiming | None = None,
    ) -> None:  # fmt: skip
        self.sender_clock = sender_clock
        self._file = file
        self._allowance = allowance
        self.length = max(0, container.size) if length is None else length
        self._key_frame_by = time.monotonic() + key_frame_s
        self._begun = False  # a picture has come
        self.last_packet_at = float("-inf")
        self.first_packet: int | None = None
        self._turn = turn or EveryPacket()
        self.container = container
        self.stream = stream
        self.corrupt = 0
        self.skipped = 0
        self.skipped_at = float("-inf")
        self.cut_off = False
        self.end_s = 0.0
        self._start_s: float | None = None
        stream.thread_type = "NONE" if threads == 1 else "AUTO"
        stream.codec_context.thread_count = threads
        codec = stream.codec_context
        codec.options = {**codec.options, "max_pixels": str(LIMIT_PIXELS)}
        self._aspect = PixelAspect(stream)
        self._matrix = DisplayMatrix()
        self.timing = timing(stream) if told is None else told
        rate, self._timed = self.timing.fps, self.timing.fault is None
        step = 1 / (rate * stream.time_base) if rate and stream.time_base else None
        self._places = FramePlaces(step, timed=self._timed and tells_order(container, stream))
        self._in_decoding_order = container.format.name in DECODING_ORDER
        # All streams are read, so that read() keeps its deadline where only sound arrives.
        self._packets: Iterator[Packet[Any]] = container.demux()
        self._decoded: deque[DecodedFrame] = deque()
        self._failures = 0
        self._held = 0  # packets that are decoded, but whose frames have not come out
        self._gap = False  # the packets before the next one were skipped
        self._corrupt_seen = 0
        self._damaged_at = float("-inf")
        self._error: DecodeError | av.FFmpegError | OSError | None = None

    def read(self, timeout_s: float = float("inf")) -> DecodedFrame | None:
        """The next good frame, None at the end. An error comes after the last good frame.

        Raises:
            DecodeError: 100 packets in a row could not be decoded.
            TimeoutError: packets came for ``timeout_s``, but none that completed a good frame or that
                was skipped.
            av.FFmpegError, OSError: the file or the connection failed.
        """
        deadline = time.monotonic() + timeout_s
        while not self._decoded:
            if self._error is not None:
                raise self._error
            try:
                packet = self._next()
            except StopIteration:
                return None
            except av.InvalidDataError as exc:
                self._places.note_torn()
                self._count_failure(exc)
                self._packets = self.container.demux()  # an error ends the generator
                continue
            except (av.FFmpegError, OSError) as exc:
                self._end_with(exc)
                continue
            # Checked here: FFmpeg answers a read that timed out with the packet that its
            # parser still held, as if it had come now, and only the next one with an error.
            # Not packet.stream_index: it is 0 in the packets that flush the decoders at the end.
            is_picture = packet.stream.index == self.stream.index
            if time.monotonic() > deadline:
                self.last_packet_at = (
                    time.monotonic() if packet.size and is_picture else self.last_packet_at
                )
                raise TimeoutError(f"no picture for {timeout_s:g} s")
            if not is_picture:
                continue
            if packet.size:
                deadline = self._note_arrival(packet, deadline, timeout_s)
            if packet.size and not self._admits(packet):
                self._note_end(cast("Packet[VideoStream]", packet))
                self._skip()
                deadline = self.skipped_at + timeout_s
            else:
                self._decode(cast("Packet[VideoStream]", packet))
        self._failures = 0
        self._begun = True
        return self._decoded.popleft()

    def look_ahead(self, for_s: float, span_s: float) -> tuple[float, bool]:
        """Read packets before they are wanted, for so long or so much of the stream at most.

        Returns:
            How much of the stream they are, in seconds, and whether that is all of it.
        """
        ahead: list[Packet[Any]] = []
        times: list[float] = []
        rest, whole = self._packets, False
        until = time.monotonic() + for_s
        while time.monotonic() < until and (not times or max(times) - min(times) < span_s):
            try:
                packet = self._next()
            except StopIteration:
                whole = True
                break
            except (av.FFmpegError, OSError) as exc:
                rest = map(_raise, [exc])  # whoever reads so far gets it
                break
            ahead.append(packet)
            if packet.pts is not None and packet.stream.index == self.stream.index:
                times.append(float(packet.pts * packet.time_base))
        self._packets = itertools.chain(ahead, rest)
        return (max(times) - min(times) if times else 0.0), whole

    def _next(self) -> Packet[Any]:
        if self._allowance is not None:
            self._allowance.renew()
        try:
            return next(self._packets)
        except (StopIteration, av.FFmpegError, OSError):
            if self._allowance is not None:
                self._allowance.check()  # a relay may have ended the stream
            raise

    @property
    def waits_for_key_frame(self) -> bool:
        """Packets came for ``key_frame_s``, and no picture could be made of them."""
        return not self._begun and self.last_packet_at > self._key_frame_by

    @property
    def span_s(self) -> float:
        """How much of the stream was read, in seconds."""
        return max(0.0, self.end_s - self._start_s) if self._start_s is not None else 0.0

    def was_cut_off(self, stated: int | None = None) -> bool:
        """Whether a file that was read to its end had promised to be longer.

        Args:
            stated: how many bytes it should have, where its container states that.
        """
        size = self.length or (self._file.tell() if self._file is not None else 0)
        return is_cut_off(
            self.container, self.stream, self.end_s, size, torn=self.cut_off, stated=stated
        )

    def close(self) -> None:
        """Free the decoder and the file or connection. Idempotent."""
        self._decoded.clear()
        self.container.close()
        if self._file is not None:
            self._file.close()

    def _note_arrival(self, packet: Packet[Any], deadline: float, timeout_s: float) -> float:
        """Note a packet of the picture stream; returns until when the next picture must be there."""
        self.last_packet_at = time.monotonic()
        if self.first_packet is None:
            self.first_packet = hash((packet.pts, bytes(packet)))
        if self._begun or self.last_packet_at > self._key_frame_by:
            return deadline
        return min(self.last_packet_at + timeout_s, self._key_frame_by)

    def _admits(self, packet: Packet[Any]) -> bool:
        """Whether a packet is decoded. A damaged stream has gaps enough: of it none is left out."""
        if self.corrupt != self._corrupt_seen:  # its owner counts it and sets it back
            self._corrupt_seen, self._damaged_at = self.corrupt, time.monotonic()
        if not self._gap and time.monotonic() - self._damaged_at < _DAMAGED_S:
            return True
        return self._turn.admits(packet.is_keyframe, _decoding_time(packet))

    def _skip(self) -> None:
        self.skipped += 1
        self._places.note_left_out()
        self.skipped_at = time.monotonic()
        self._gap = True

    def _begin_anew(self) -> None:
        """After a gap: frames that the decoder still holds are old by now."""
        self._gap = False
        self.stream.codec_context.flush_buffers()
        self.skipped += self._held
        self._places.note_left_out(self._held)
        self._held = 0

    def _decode(self, packet: Packet[VideoStream]) -> None:
        if packet.size:
            self._note_end(packet)
            if self.sender_clock is not None:
                self.sender_clock.note(packet)
        if self._gap:
            self._begin_anew()
        try:
            with self._turn:
                frames = packet.decode()
        except av.FFmpegError as exc:
            self._count_failure(exc)
            return
        self._held = max(0, self._held + 1 - len(frames))
        self._aspect.note(packet)
        self._keep(frames)

    def _keep(self, frames: list[VideoFrame]) -> None:
        for frame in frames:
            aspect = self._aspect.of(frame)
            place = self._places.place(frame.pts)
            self.corrupt += self._places.silent
            self._places.silent = 0
            if frame.is_corrupt:
                self.corrupt += 1
            elif place is not None:
                if self._in_decoding_order:
                    # The timestamp of the packet with which it came out: they come out as they are
                    # shown. The last ones come out without a packet; they have no time.
                    frame.pts = frame.dts
                if not self._timed:
                    frame.pts = None
                self._decoded.append(DecodedFrame(frame, aspect, self._matrix.of(frame), place))

    def _note_end(self, packet: Packet[VideoStream]) -> None:
        self.cut_off = packet.is_corrupt
        self._places.note_packet(packet.pts, packet.dts)
        if packet.is_corrupt:
            self._places.note_torn()
        if packet.pts is not None and packet.time_base is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            if self._start_s is None:
                self._start_s = float(packet.pts * packet.time_base)
            self.end_s = max(self.end_s, end)

    def _count_failure(self, exc: av.FFmpegError) -> None:
        waits = not self._begun and self.stream.codec_context.name not in STILL_CODECS
        if waits and time.monotonic() < self._key_frame_by:
            return  # it refers to a key frame that was sent before anybody listened
        self.corrupt += 1
        self._places.note_left_out()
        self._failures += 1
        if self._failures >= _MAX_FAILURES:
            error = DecodeError(
                f"{_MAX_FAILURES} packets in a row could not be decoded ({explain(exc)})"
            )
            error.__cause__ = exc
            self._end_with(error)

    def _end_with(self, error: DecodeError | av.FFmpegError | OSError) -> None:
        """Hand on the good frames that the decoder still holds, and then the error."""
        self._error = error
        if isinstance(error, av.ExitError | TimeoutError):
            return  # after seconds of silence they are too old to be of use
        flush = cast("Packet[VideoStream]", Packet())
        if self.stream.time_base is not None:
            flush.time_base = self.stream.time_base
        with contextlib.suppress(av.FFmpegError):  # the first error is raised
            self._keep(self.stream.codec_context.decode(flush))
