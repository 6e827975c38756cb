"""Live streams: the newest picture, what was dropped, and a connection that comes back."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Condition, Thread, current_thread
from typing import NamedTuple

import av

from sightline import interpreter
from sightline.config import LiveOptions
from sightline.errors import DecodeError, SourceError
from sightline.sources.clock import StreamClock
from sightline.sources.ffmpeg import DecodedFrame, VideoReader
from sightline.sources.network.connection import (
    AuthenticationError,
    StreamTarget,
    camera_target,
    connect,
    meaning,
    sdp_target,
    url_target,
)
from sightline.sources.network.recordings import Replay, is_recording
from sightline.sources.network.redirects import RedirectError
from sightline.sources.pictures import Scalers, VideoPicture
from sightline.sources.turn import Turn
from sightline.sources.video_track import expected_frames, frame_rate
from sightline.types import Clock, Frame, SourceState, SourceStatus, StreamInfo

_GRACE_S = 0.5  # in which FFmpeg's own timeout should have ended a read
_REASON_S = 1.0  # in which it should be known why a connection was not made in time
_JOIN_S = 0.3
_DEFAULT_FPS = 25.0
_FINAL = (SourceState.FAILED, SourceState.ENDED)

log = logging.getLogger(__name__)


class _Taken(NamedTuple):
    time: float
    captured_at: float
    utc: float | None
    clock: Clock | None
    decoded: DecodedFrame


class NewestFrameSource:
    """Reads a target in a thread of its own and keeps the newest frame for who iterates.

    A frame that nobody took in time is counted as ``stale``, a damaged one as ``corrupt``, one that
    there was no time to decode as ``skipped``. A lost
    connection is made again after growing, jittered pauses. A recording over HTTP is not live:
    nothing of it is dropped, it is not read again, and it ends.

    One condition guards all state. A reading thread belongs to a session; whoever raises the
    session's number has dismissed it, even where it is stuck in a read and notices only later.
    """

    def __init__(
        self, target: StreamTarget, name: str, options: LiveOptions, turn: Turn | None = None
    ) -> None:
        self._turn = turn
        self._target = target
        self._name = name
        self._options = options
        self._changed = Condition()
        self._session = 0
        self._thread: Thread | None = None
        self._state = SourceState.CONNECTING
        self._error: str | None = None
        self._info: StreamInfo | None = None
        self._clock = StreamClock(options.max_time_step_s)
        self._newest: _Taken | None = None
        self._arrived = self._alive_at = 0.0
        self._leave_at: float | None = None
        self._replay = Replay()
        self._reader: VideoReader | None = None  # of the session that runs
        self._iterated = False
        self._handed = 0
        self._dropped: Counter[str] = Counter()
        self._reconnects = 0

    def open(self) -> StreamInfo:
        """Connect and wait for the first picture. Called again, it says the same.

        Raises:
            SourceError: there was none within ``open_timeout_s``, or the source is closed. With
                ``wait_for_camera`` it waits until there is one or somebody closes the source.
        """
        patient = self._options.wait_for_camera
        with self._changed:
            if self._thread is None and self._state not in _FINAL:
                self._spawn()
            self._alive_at = time.monotonic()
            while not (
                self._info is not None
                or self._state in _FINAL
                or (self._error is not None and not patient)
            ):
                left_s = self._open_by() - time.monotonic()
                if left_s <= 0 and not patient:
                    break
                self._changed.wait(None if patient else left_s)
            ended = self._state is SourceState.ENDED and self._newest is None
            if self._info is not None and not ended:
                return self._info
            if self._state is SourceState.ENDED:
                raise SourceError(f"{self._target.label} is closed: make a new source to read it")
            if self._error is None:
                self._error = (
                    f"{self._target.label}: no picture within {self._options.open_timeout_s:g} s: "
                    "check the network and that the camera is on"
                )
            self._end(SourceState.FAILED)
            raise SourceError(self._error)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time one is asked for, waiting where there is none yet.

        Raises:
            SourceError: it could not be opened, or ``reconnect_attempts`` in a row have failed.
        """
        self.open()
        if self._iterated:
            raise SourceError(f"{self._target.label} is being read already: make another source")
        self._iterated = True
        scalers = Scalers()
        while (taken := self._take()) is not None:
            picture = VideoPicture(taken.decoded.frame, scalers, taken.decoded.pixel_aspect)
            # Of a recording damaged frames count; what a live stream dropped does not.
            live = self._info is None or self._info.live
            index = self._handed - 1 if live else taken.decoded.place
            yield Frame(
                self._name, index, taken.time, taken.captured_at, picture,
                taken.utc, taken.clock,
            )  # fmt: skip

    @property
    def status(self) -> SourceStatus:
        """See ``Source.status``."""
        with self._changed:
            return SourceStatus(
                self._state,
                read=self._handed + self._dropped.total(),
                dropped=dict(self._dropped),
                reconnects=self._reconnects,
                error=self._error,
            )

    def close(self) -> None:
        """Stop reading. An iteration in another thread ends at once.

        A thread that is stuck in a silent connection is left behind; it ends with the time limit
        of its read.
        """
        with self._changed:
            if self._state not in _FINAL:
                self._end(SourceState.ENDED)
            self._newest = None
            thread = self._thread
            if self._leave_at is None:  # whoever closes it again does not wait again
                self._leave_at = time.monotonic() + _JOIN_S
        if thread is not None and thread is not current_thread():
            thread.join(max(0.0, self._leave_at - time.monotonic()))

    def _open_by(self) -> float:
        """Until when the first picture must be there; later while packets or a download come."""
        heard = self._reader.heard_at if self._reader else 0.0
        opening = self._alive_at + self._options.open_timeout_s
        return max(opening, heard + self._options.stall_timeout_s) + _REASON_S

    def _listen(self) -> None:
        self._alive_at = time.monotonic()

    def _take(self) -> _Taken | None:
        """Wait for the next frame; None at the end."""
        silence_s = self._options.stall_timeout_s + _GRACE_S
        with self._changed:
            while True:
                if self._newest is not None:
                    taken, self._newest = self._newest, None
                    self._handed += 1
                    self._changed.notify_all()  # a recording waits for room
                    return taken
                if self._state is SourceState.ENDED:
                    return None
                if self._state is SourceState.FAILED:
                    raise SourceError(self._error)
                self._changed.wait(silence_s)
                reader = self._reader
                heard = max(self._arrived, reader.skipped_at if reader else 0.0)
                silent = time.monotonic() - heard > silence_s
                if silent and self._state is SourceState.RUNNING and self._newest is None:
                    self._set_lost(f"{self._target.label}: the read is stuck, left it behind")
                    self._spawn()

    def end_threads(self, deadline: float) -> None:
        """A thread that FFmpeg keeps in a silent connection does no harm: it is left behind."""
        del deadline
        self.close()

    def after_fork(self) -> None:
        """In a forked child: the source has failed, and says why."""
        self._changed = Condition()
        self._thread = self._newest = None
        self._error = (
            f"{self._target.label} is being read by the process that this one was forked from: "
            "open it in the process that uses it"
        )
        self._state = SourceState.FAILED

    # The rest runs in the reading thread, or with the condition held.

    def _spawn(self) -> None:
        self._session += 1
        self._thread = Thread(
            target=self._run, args=(self._session,), name=f"source {self._name}", daemon=True
        )
        self._thread.start()
        interpreter.watch(self)

    def _end(self, state: SourceState) -> None:
        self._state = state
        self._session += 1
        self._changed.notify_all()

    def _set_lost(self, error: str) -> None:
        if self._info is not None:
            self._state = SourceState.RECONNECTING
        if error != self._error:  # said once, not at every attempt
            # Of the first connection, open() raises it too, unless it waits for the camera.
            raised = self._info is None and not self._options.wait_for_camera
            log.log(logging.INFO if raised else logging.WARNING, "%s (%s)", error, self._state)
        self._error = error
        self._changed.notify_all()

    def _run(self, session: int) -> None:
        attempts = 0
        error: SourceError | None = None
        while session == self._session:
            arrived = self._arrived
            wary = isinstance(error, RedirectError)
            error = None
            try:
                self._play(session, wary)
            except SourceError as exc:
                error = exc
            except Exception as exc:  # noqa: BLE001 - else it would die with its thread, unseen
                with self._changed:
                    if session == self._session:
                        self._set_lost(f"{self._target.label}: {type(exc).__name__}: {exc}")
                        self._end(SourceState.FAILED)
                return
            with self._changed:
                if session != self._session:
                    return
                if error is None:
                    self._end(SourceState.ENDED)
                    return
                attempts = 0 if self._arrived != arrived else attempts + 1
                self._set_lost(str(error))
                recording = self._info is not None and not self._info.live
                if recording or 0 < self._options.reconnect_attempts <= attempts:
                    self._end(SourceState.FAILED)
                    return
                pause_s = self._pause_s(error, attempts)
                self._changed.wait_for(lambda: session != self._session, pause_s)

    def _pause_s(self, error: SourceError, attempts: int) -> float:
        if isinstance(error, AuthenticationError):
            return self._options.auth_retry_s
        grown = self._options.backoff_first_s * 2.0 ** min(attempts, 30)
        jitter = random.uniform(0.5, 1)  # noqa: S311 - no secret
        return min(grown, self._options.backoff_max_s) * jitter

    def _play(self, session: int, wary: bool) -> None:
        """Read one connection until it is lost (SourceError), or a recording has ended."""
        started = time.monotonic()
        reader = connect(self._target, self._options, self._turn, wary, self._listen)
        opening_s = time.monotonic() - started
        recording = self._target.may_be_recording and is_recording(reader, opening_s)
        with self._changed:
            if session == self._session:
                self._reader = reader
            self._clock.restart()
            if recording:
                self._clock = StreamClock()
        try:
            while session == self._session:
                decoded = self._read(reader)
                if decoded is None:
                    if recording and reader.was_cut_off():
                        raise SourceError(
                            f"{self._target.label}: it breaks off; write or send it again"
                        )
                    if recording:
                        return
                    if self._target.may_be_recording:
                        self._replay.ended(reader, time.monotonic() - started)
                    raise SourceError(f"{self._target.label}: the stream broke off")
                if self._replay.begins(reader):  # the same once more: it has ended
                    return
                self._publish(session, reader, decoded, recording)
        finally:
            with self._changed:
                self._count_left_out(reader)  # of those after the last good one
                if self._reader is reader:
                    self._reader = None
            reader.close()

    def _read(self, reader: VideoReader) -> DecodedFrame | None:
        try:
            return reader.read(self._options.stall_timeout_s)
        except DecodeError as exc:
            raise SourceError(f"{self._target.label}: {exc}") from exc
        except (av.FFmpegError, OSError) as exc:
            silence = f"no picture for {self._options.stall_timeout_s:g} s"
            error = meaning(self._target, exc, silence)
            if isinstance(exc, TimeoutError) and reader.waits_for_key_frame:
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

    def _publish(
        self, session: int, reader: VideoReader, decoded: DecodedFrame, recording: bool
    ) -> None:
        captured_at = time.monotonic()
        with self._changed:
            if recording:
                self._changed.wait_for(lambda: self._newest is None or session != self._session)
            if session != self._session:
                return
            step_s = captured_at - self._arrived
            if self._info is None:
                self._info = self._describe(reader, decoded, recording)
            if recording:
                step_s = 1 / (self._info.fps or _DEFAULT_FPS)
            self._count_left_out(reader)
            if self._newest is not None:
                self._dropped["stale"] += 1
            utc, clock = (None, None) if recording else _wall_time(reader, decoded)
            self._newest = _Taken(
                self._clock.tick(decoded.frame.time, step_s), captured_at, utc, clock, decoded
            )
            self._arrived = time.monotonic()
            if self._state is not SourceState.RUNNING:
                if self._state is SourceState.RECONNECTING:
                    self._reconnects += 1
                self._state, self._error = SourceState.RUNNING, None
                log.info("%s is running", self._target.label)
            self._changed.notify_all()

    def _count_left_out(self, reader: VideoReader) -> None:
        if reader.corrupt:
            self._dropped["corrupt"] += reader.corrupt
            reader.corrupt = 0
        if reader.skipped:
            self._dropped["skipped"] += reader.skipped
            reader.skipped = 0

    def _describe(self, reader: VideoReader, decoded: DecodedFrame, recording: bool) -> StreamInfo:
        picture = VideoPicture(decoded.frame, Scalers(), decoded.pixel_aspect)
        return StreamInfo(
            self._name,
            picture.width,
            picture.height,
            fps=frame_rate(reader.stream),
            frames=expected_frames(reader.container, reader.stream) if recording else None,
            live=not recording,
        )


def _wall_time(reader: VideoReader, decoded: DecodedFrame) -> tuple[float, Clock]:
    """When a live frame was taken: by the camera's clock where it tells it, else when it came."""
    told = reader.sender_clock.utc(decoded.frame.time) if reader.sender_clock else None
    return (time.time(), "arrival") if told is None else (told, "rtcp")


class LiveSource(NewestFrameSource):
    """A stream from the network: rtsp, rtsps, http, https, rtmp, rtmps, udp or rtp.

    Args:
        url: may hold a login; it is never shown.
        name: of the stream; the address without its login by default.
        options: time limits, transport, how to reconnect.
        turn: held while decoding, where many sources share few cores.

    Raises:
        SourceError: the address has another scheme, or no host.
    """

    def __init__(
        self,
        url: str,
        name: str | None = None,
        options: LiveOptions | None = None,
        turn: Turn | None = None,
    ) -> None:
        options = options or LiveOptions()
        target = url_target(url, options)
        super().__init__(target, name or target.label, options, turn)


class SdpSource(NewestFrameSource):
    """RTP streams that somebody sends here, as a session description (.sdp file) tells.

    Args:
        path: of the description.
        name: of the stream; the file's stem by default.

    Raises:
        SourceError: there is no such file.
    """

    def __init__(
        self,
        path: str | Path,
        name: str | None = None,
        options: LiveOptions | None = None,
        turn: Turn | None = None,
    ) -> None:
        super().__init__(sdp_target(path), name or Path(path).stem, options or LiveOptions(), turn)


class CameraSource(NewestFrameSource):
    """A camera at this computer, through Video4Linux, AVFoundation or Video for Windows.

    Args:
        device: its index, or the system's name for it (``/dev/video0``).
        name: of the stream; ``camera-0`` by default.

    Raises:
        SourceError: the system has no camera interface that is known here.
    """

    def __init__(
        self,
        device: int | str = 0,
        name: str | None = None,
        options: LiveOptions | None = None,
        turn: Turn | None = None,
    ) -> None:
        super().__init__(
            camera_target(device), name or f"camera-{device}", options or LiveOptions(), turn
        )
