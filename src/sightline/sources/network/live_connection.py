"""One connection to a live stream: its frames until it is lost, or until a recording has ended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

import av

from sightline.config import LiveOptions
from sightline.errors import DecodeError, SourceError
from sightline.sources.clock import StreamClock
from sightline.sources.ffmpeg import DecodedFrame
from sightline.sources.network.connection import StreamTarget, connect, meaning
from sightline.sources.network.recordings import Replay, is_recording
from sightline.sources.pictures import Scalers
from sightline.sources.turn import Turn
from sightline.sources.video_track import expected_frames, longest_step_s
from sightline.types import Clock, StreamInfo


class LiveConnection:
    """Connects at once, and is iterated once. Not safe for several threads, but for ``last_packet_at``.

    Args:
        target: what is read.
        options: time limits and transport.
        turn: held while decoding, where many sources share few cores.
        replay: knows the connections before this one.
        wary: the last one was led to another address that may not be used.
        listen: called while a connection is made and something comes.

    Raises:
        SourceError: there is no connection.
    """

    def __init__(
        self, target: StreamTarget, options: LiveOptions, turn: Turn | None, replay: Replay,
        wary: bool, listen: Callable[[], None],
    ) -> None:  # fmt: skip
        self._target, self._options, self._replay = target, options, replay
        self._started = time.monotonic()
        self._reader = connect(target, options, turn, wary, listen)
        opening_s = time.monotonic() - self._started
        self.recording = target.may_be_recording and is_recording(self._reader, opening_s)
        """Nothing of it is dropped, and it ends."""

    def recording_clock(self) -> StreamClock:
        """The clock of a recording, whose timestamps are believed as those of a file are."""
        return StreamClock(longest_step_s(self._reader.container), self._target.label)

    @property
    def last_packet_at(self) -> float:
        """When a packet came last (monotonic)."""
        return self._reader.last_packet_at

    @property
    def skipped_at(self) -> float:
        """When a packet was left out last (monotonic)."""
        return self._reader.skipped_at

    def __iter__(self) -> Iterator[DecodedFrame]:
        """Yield frames until a recording ends. Raises SourceError: the connection is lost."""
        label = self._target.label
        while (decoded := self._read()) is not None:
            if self._replay.begins(self._reader):  # the same once more: it has ended
                return
            yield decoded
        if self.recording and self._reader.was_cut_off():
            raise SourceError(f"{label}: it breaks off; write or send it again")
        if self.recording:
            return
        if self._target.may_be_recording:
            self._replay.ended(self._reader, time.monotonic() - self._started)
        raise SourceError(f"{label}: the stream broke off")

    def describe(self, name: str, decoded: DecodedFrame) -> StreamInfo:
        """What the stream is, by one of its frames."""
        picture = decoded.picture(Scalers())
        reader = self._reader
        fps, fault = reader.timing
        frames = expected_frames(reader.container, reader.stream, None if fault else fps)
        return StreamInfo(
            name,
            picture.width,
            picture.height,
            fps=fps,
            frames=frames if self.recording else None,
            live=not self.recording,
        )

    def wall_time(self, decoded: DecodedFrame) -> tuple[float | None, Clock | None]:
        """When a live frame was taken: by the camera's clock where it tells it, else when it came."""
        if self.recording:
            return None, None
        clock = self._reader.sender_clock
        told = clock.utc(decoded.frame.time) if clock else None
        return (time.time(), "arrival") if told is None else (told, "rtcp")

    def take_left_out(self) -> Counter[str]:
        """The frames that were left out since this was called last, by reason."""
        reader = self._reader
        left_out = Counter(corrupt=reader.corrupt, skipped=reader.skipped)
        reader.corrupt = reader.skipped = 0
        return +left_out

    def close(self) -> None:
        """Free the decoder and the connection."""
        self._reader.close()

    def _read(self) -> DecodedFrame | None:
        try:
            return self._reader.read(self._options.stall_timeout_s)
        except DecodeError as exc:
            raise SourceError(f"{self._target.label}: {exc}") from exc
        except (av.FFmpegError, OSError) as exc:
            silence = f"no picture for {self._options.stall_timeout_s:g} s"
            error = meaning(self._target, exc, silence)
            if isinstance(exc, TimeoutError) and self._reader.waits_for_key_frame:
                error = SourceError(
                    f"{self._target.label}: packets come, but no key frame within "
                    f"{self._options.key_frame_timeout_s:g} s: let the camera send one more often "
                    "(I-frame interval, GOP), or raise live.key_frame_timeout_s"
                )
        # Outside of the handler: FFmpeg's own exception may quote the address with its password.
        try:
            raise error
        finally:
            del error  # its trace holds this function: no circle
