"""The thread that reads a live stream, and connects again when the stream is lost."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from threading import Condition
from typing import NamedTuple

from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.clock import StreamClock
from sightline.sources.ffmpeg import DecodedFrame
from sightline.sources.network.connection import AuthenticationError, StreamTarget
from sightline.sources.network.live_connection import LiveConnection
from sightline.sources.network.recordings import Replay
from sightline.sources.network.redirects import RedirectError
from sightline.sources.turn import Turn
from sightline.sources.video_track import DEFAULT_FPS
from sightline.types import Clock, SourceState, StreamInfo

log = logging.getLogger(__name__)


class TimedFrame(NamedTuple):
    """A frame that was read, and its times."""

    time: float
    captured_at: float
    utc: float | None
    clock: Clock | None
    decoded: DecodedFrame


class LiveState:
    """What a live source and the threads that read for it know of the stream.

    One condition, ``changed``, guards all of it. A reading thread belongs to a session; whoever
    raises the session's number has dismissed it, even where it is stuck in a read and notices only
    later.
    """

    def __init__(self, target: StreamTarget, options: LiveOptions) -> None:
        self.changed = Condition()
        self.session = 0
        self.state = SourceState.CONNECTING
        self.error: str | None = None
        self.info: StreamInfo | None = None
        self.newest: TimedFrame | None = None
        self.arrived = self.alive_at = 0.0  # when a frame, and when anything came (monotonic)
        self.connection: LiveConnection | None = None  # the connection of the session that runs
        self.handed = self.reconnects = 0
        self.dropped: Counter[str] = Counter()
        self.time = StreamClock(options.max_time_step_s)
        self.replay = Replay()
        self._target, self._options = target, options

    def end(self, state: SourceState) -> None:
        """With the condition held: it is over, and no thread reads any more."""
        self.state = state
        self.session += 1
        self.changed.notify_all()

    def mark_lost(self, error: str) -> None:
        """With the condition held: the connection is lost, or could not be made."""
        if self.info is not None:
            self.state = SourceState.RECONNECTING
        if error != self.error:  # said once, not at every attempt
            # open() raises the error of the first connection, unless it waits for the camera.
            raised = self.info is None and not self._options.wait_for_camera
            log.log(logging.INFO if raised else logging.WARNING, "%s (%s)", error, self.state)
        self.error = error
        self.changed.notify_all()

    def publish(self, taken: TimedFrame) -> None:
        """With the condition held: a new frame is there; one that nobody took is dropped."""
        if self.newest is not None:
            self.dropped["stale"] += 1
        self.newest = taken
        self.arrived = time.monotonic()
        if self.state is not SourceState.RUNNING:
            if self.state is SourceState.RECONNECTING:
                self.reconnects += 1
            self.state, self.error = SourceState.RUNNING, None
            log.info("%s is running", self._target.label)
        self.changed.notify_all()


class ReadingSession:
    """Reads a target until it is over, or until another session has begun.

    Args:
        live: told of what is read; made with the condition held, this is its newest session.
        target, name, options, turn: as of the source.
    """

    def __init__(
        self, live: LiveState, target: StreamTarget, name: str, options: LiveOptions,
        turn: Turn | None,
    ) -> None:  # fmt: skip
        self._live, self._changed, self._number = live, live.changed, live.session
        self._target, self._name, self._options, self._turn = target, name, options, turn

    def dismissed(self) -> bool:
        """Whether another session has begun, or the source has ended."""
        return self._number != self._live.session

    def run(self) -> None:
        """Connect and read, again and again, with growing pauses. Runs in a thread of its own."""
        attempts = 0
        error: SourceError | None = None
        live = self._live
        while not self.dismissed():
            arrived = live.arrived
            wary = isinstance(error, RedirectError)
            error = None
            try:
                self._play(wary)
            except SourceError as exc:
                error = exc
            except Exception as exc:  # noqa: BLE001 - else it would die with its thread, unseen
                with self._changed:
                    if not self.dismissed():
                        live.mark_lost(f"{self._target.label}: {type(exc).__name__}: {exc}")
                        live.end(SourceState.FAILED)
                return
            with self._changed:
                if self.dismissed():
                    return
                if error is None:
                    live.end(SourceState.ENDED)
                    return
                attempts = 0 if live.arrived != arrived else attempts + 1
                live.mark_lost(str(error))
                recording = live.info is not None and not live.info.live
                if recording or 0 < self._options.reconnect_attempts <= attempts:
                    live.end(SourceState.FAILED)
                    return
                pause = pause_s(self._options, error, attempts)
                self._changed.wait_for(self.dismissed, pause)

    def _play(self, wary: bool) -> None:
        """Read one connection until it is lost (SourceError), or a recording has ended."""
        live = self._live
        connection = LiveConnection(
            self._target, self._options, self._turn, live.replay, wary, self._listen
        )
        with self._changed:
            if not self.dismissed():
                live.connection = connection
            live.time.restart()
            if connection.recording:
                live.time = connection.recording_clock()
        try:
            frames = iter(connection)
            while not self.dismissed() and (decoded := next(frames, None)) is not None:
                self._publish(connection, decoded)
        finally:
            with self._changed:
                live.dropped += connection.take_left_out()  # those after the last good one
                if live.connection is connection:
                    live.connection = None
            connection.close()

    def _listen(self) -> None:
        self._live.alive_at = time.monotonic()

    def _publish(self, connection: LiveConnection, decoded: DecodedFrame) -> None:
        captured_at = time.monotonic()
        live = self._live
        with self._changed:
            if connection.recording:
                self._changed.wait_for(lambda: live.newest is None or self.dismissed())
            if self.dismissed():
                return
            step_s = captured_at - live.arrived
            if live.info is None:
                live.info = connection.describe(self._name, decoded)
            if connection.recording:
                step_s = 1 / (live.info.fps or DEFAULT_FPS)
            live.dropped += connection.take_left_out()
            utc, clock = connection.wall_time(decoded)
            now = live.time.tick(decoded.frame.time, step_s)
            live.publish(TimedFrame(now, captured_at, utc, clock, decoded))


def pause_s(options: LiveOptions, error: SourceError, attempts: int) -> float:
    """How many seconds to wait before the next attempt to connect."""
    if isinstance(error, AuthenticationError):
        return options.auth_retry_s
    grown = options.backoff_first_s * 2.0 ** min(attempts, 30)
    jitter = random.uniform(0.5, 1)  # noqa: S311 - no secret
    return min(grown, options.backoff_max_s) * jitter
