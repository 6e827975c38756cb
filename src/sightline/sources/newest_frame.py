"""The newest frame of a live stream, for who iterates; what was dropped is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Condition, Thread, current_thread

from sightline import interpreter
from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.network.connection import StreamTarget
from sightline.sources.network.reading_session import LiveState, ReadingSession, TimedFrame
from sightline.sources.pictures import Scalers
from sightline.sources.turn import Turn
from sightline.types import Frame, SourceState, SourceStatus, StreamInfo

_GRACE_S = 0.5  # in which FFmpeg's own timeout should have ended a read
_REASON_S = 1.0  # in which it should be known why a connection was not made in time
_JOIN_S = 0.3
_FINAL = (SourceState.FAILED, SourceState.ENDED)


class NewestFrameSource:
    """Reads a target in a thread of its own and keeps the newest frame for who iterates.

    A frame that nobody took in time is counted as ``stale``, a damaged one as ``corrupt``, one that
    there was no time to decode as ``skipped``. A lost
    connection is made again after growing, jittered pauses. A recording over HTTP is not live:
    nothing of it is dropped, it is not read again, and it ends.
    """

    def __init__(
        self, target: StreamTarget, name: str, options: LiveOptions, turn: Turn | None = None
    ) -> None:
        self._turn = turn
        self._target = target
        self._name = name
        self._options = options
        self._live = LiveState(target, options)
        self._changed = self._live.changed
        self._thread: Thread | None = None
        self._leave_at: float | None = None
        self._iterated = False

    def open(self) -> StreamInfo:
        """Connect and wait for the first picture. Called again, it says the same.

        Raises:
            SourceError: there was none within ``open_timeout_s``, or the source is closed. With
                ``wait_for_camera`` it waits until there is one or somebody closes the source.
        """
        patient, live = self._options.wait_for_camera, self._live
        with self._changed:
            if self._thread is None and live.state not in _FINAL:
                self._spawn()
            live.alive_at = time.monotonic()
            while not (
                live.info is not None
                or live.state in _FINAL
                or (live.error is not None and not patient)
            ):
                left_s = self._open_by() - time.monotonic()
                if left_s <= 0 and not patient:
                    break
                self._changed.wait(None if patient else left_s)
            ended = live.state is SourceState.ENDED and live.newest is None
            if live.info is not None and not ended:
                return live.info
            if live.state is SourceState.ENDED:
                raise SourceError(f"{self._target.label} is closed: make a new source to read it")
            if live.error is None:
                live.error = (
                    f"{self._target.label}: no picture within {self._options.open_timeout_s:g} s: "
                    "check the network and that the camera is on"
                )
            live.end(SourceState.FAILED)
            raise SourceError(live.error)

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
            picture = taken.decoded.picture(scalers)
            # Damaged frames of a recording count; frames of a camera that nobody took do not.
            info = self._live.info
            live = info is None or info.live
            index = self._live.handed - 1 if live else taken.decoded.place
            yield Frame(
                self._name, index, taken.time, taken.captured_at, picture,
                taken.utc, taken.clock,
            )  # fmt: skip

    @property
    def status(self) -> SourceStatus:
        """See ``Source.status``."""
        with self._changed:
            live = self._live
            return SourceStatus(
                live.state,
                read=live.handed + live.dropped.total(),
                dropped=dict(live.dropped),
                reconnects=live.reconnects,
                error=live.error,
            )

    def close(self) -> None:
        """Stop reading. An iteration in another thread ends at once.

        A thread that is stuck in a silent connection is left behind; it ends with the time limit
        of its read.
        """
        with self._changed:
            if self._live.state not in _FINAL:
                self._live.end(SourceState.ENDED)
            self._live.newest = None
            thread = self._thread
            if self._leave_at is None:  # whoever closes it again does not wait again
                self._leave_at = time.monotonic() + _JOIN_S
        if thread is not None and thread is not current_thread():
            thread.join(max(0.0, self._leave_at - time.monotonic()))

    def _spawn(self) -> None:
        """With the condition held: read in a new thread, and dismiss the one before."""
        self._live.session += 1
        reading = ReadingSession(self._live, self._target, self._name, self._options, self._turn)
        self._thread = Thread(
            target=self._read, args=(reading,), name=f"source {self._name}", daemon=True
        )
        self._thread.start()
        interpreter.watch(self)

    def _read(self, reading: ReadingSession) -> None:
        """In a thread of its own, which keeps this source alive for as long as it reads."""
        reading.run()

    def _open_by(self) -> float:
        """Until when the first picture must be there; later while packets or a download come."""
        connection = self._live.connection
        heard = connection.last_packet_at if connection else 0.0
        opening = self._live.alive_at + self._options.open_timeout_s
        return max(opening, heard + self._options.stall_timeout_s) + _REASON_S

    def _take(self) -> TimedFrame | None:
        """Wait for the next frame; None at the end."""
        silence_s = self._options.stall_timeout_s + _GRACE_S
        live = self._live
        with self._changed:
            while True:
                if live.newest is not None:
                    taken, live.newest = live.newest, None
                    live.handed += 1
                    self._changed.notify_all()  # a recording waits for room
                    return taken
                if live.state is SourceState.ENDED:
                    return None
                if live.state is SourceState.FAILED:
                    raise SourceError(live.error)
                self._changed.wait(silence_s)
                connection = live.connection
                heard = max(live.arrived, connection.skipped_at if connection else 0.0)
                silent = time.monotonic() - heard > silence_s
                if silent and live.state is SourceState.RUNNING and live.newest is None:
                    live.mark_lost(f"{self._target.label}: the read is stuck, left it behind")
                    self._spawn()

    def end_threads(self, deadline: float) -> None:
        """A thread that FFmpeg keeps in a silent connection does no harm: it is left behind."""
        del deadline
        self.close()

    def after_fork(self) -> None:
        """In a forked child: the source has failed, and says why."""
        self._changed = self._live.changed = Condition()
        self._thread = self._live.newest = None
        self._live.error = (
            f"{self._target.label} is being read by the process that this one was forked from: "
            "open it in the process that uses it"
        )
        self._live.state = SourceState.FAILED
