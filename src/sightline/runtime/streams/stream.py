"""One stream: a source with its detector, its tracker and its sinks.

One thread reads frames and submits them to the detector, so that several inferences are in flight;
another takes the results in order, tracks, and hands observations on. On frames that are not
analysed the tracker says where its objects are by now; of a paused stream nothing is seen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace

import numpy as np

from sightline import interpreter
from sightline.errors import SightlineError, SourceError, let_go_of_frames
from sightline.protocols import Sink, Source, Tracker
from sightline.runtime.channel import Channel
from sightline.runtime.streams.analysis import Analysis, Pending
from sightline.types import Detections, Frame, Mask, Observation, SourceStatus, StreamInfo

Taken = tuple[Frame, Pending | str]
"""A frame with what is being found in it, or the reason why it is left out."""

FILE_DEPTH = 16
"""Frames of a file between detector and tracker: enough to ride out a slow write, and no more, since
each holds its decoded picture."""

LIVE_DEPTH = 1
"""A live stream waits in its source, where the newest frame replaces the others."""

PATIENCE_S = 0.3
"""How long the end of a stream waits for the thread that reads its source. Outputs do not depend on
that thread, so a source that is slow to end does not keep them open."""


def observe(
    source: Source,
    analysis: Analysis,
    tracker: Tracker | None,
    turn: AbstractContextManager[None] | None = None,
) -> Generator[Observation, None, None]:
    """Detect and track in the frames that a source hands on, in order.

    Without a tracker, a frame that is not analysed has no observation. ``turn`` is held for the
    work of the processor, where many streams share few cores.

    Raises:
        SightlineError: the first failure of the source or the detector, after the observations
            of all frames before it.

    Ending the iteration early closes the source.
    """
    reading = _Reading(source, analysis)
    yield from _observations(reading, analysis, tracker, turn)


def _observations(
    reading: _Reading,
    analysis: Analysis,
    tracker: Tracker | None,
    turn: AbstractContextManager[None] | None,
    patience_s: float | None = None,
) -> Generator[Observation, None, None]:
    """``patience_s``: how long to wait for the thread that reads; None: until it ends.

    A thread that is left behind ends with the frame that it has.
    """
    following = None if tracker is None else _Following(tracker)
    turn = turn or nullcontext()
    try:
        for frame, taken in reading.channel:
            detections, reason = None, "lost"
            if isinstance(taken, str):
                reason = taken
            else:
                detections = analysis.settle(frame, taken)
            predicted = detections is None
            if following is not None:
                with turn:
                    if detections is not None:
                        detections = following.update(frame, detections)
                    else:
                        detections = following.without(frame, reason)
            if detections is not None:
                yield Observation(frame, detections, predicted=predicted)
    finally:
        reading.close(patience_s)


class _Reading:
    """The thread that reads a source and hands its frames to the detector."""

    def __init__(self, source: Source, analysis: Analysis) -> None:
        info = source.open()
        analysis.begin(info)
        self.channel: Channel[Taken] = Channel(LIVE_DEPTH if info.live else FILE_DEPTH)
        self._source, self._analysis = source, analysis
        self._name = info.name
        self._inherited = False
        # The thread holds no reference to this object, so an iteration that is forgotten is closed.
        self._thread = threading.Thread(
            target=_read,
            args=(source, analysis, self.channel),
            name=f"read-{info.name}",
            daemon=True,
        )
        self._thread.start()
        interpreter.watch(self)

    def close(self, patience_s: float | None) -> None:
        """Stop reading and close the source."""
        if not self._inherited:
            self._stop()
            self._thread.join(patience_s)

    def end_threads(self, deadline: float) -> None:
        self._stop()
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def after_fork(self) -> None:
        """The parent goes on reading; here there is nobody who does."""
        self._inherited = True
        for inherited in (self._source, self._analysis):  # their locks and threads are the parent's
            interpreter.abandon(inherited)
        self.channel.renew(
            SourceError(
                f"{self._name} is being read by the process that this one was forked from: "
                "begin to read in the process that uses it"
            )
        )

    def _stop(self) -> None:
        self._analysis.end()
        self.channel.cancel()
        self._source.close()


class _Following:
    """The tracker of one stream through all frames, analysed or not."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._size: tuple[int, int] | None = None
        self._seen: Detections | None = None
        self._still = False

    def update(self, frame: Frame, detections: Detections) -> Detections:
        """The objects of a frame that was analysed."""
        self._look(frame)
        self._still = False
        self._seen = self._tracker.update(detections, frame.time)
        return self._seen

    def without(self, frame: Frame, reason: str) -> Detections | None:
        """The objects of a frame that was left out; None where nobody may look."""
        self._look(frame)
        if reason == "paused":
            self._forget()
            return None
        # Whether something moved since is not looked at in frames that are skipped.
        self._still = reason == "still" or (self._still and reason == "skipped")
        if self._still and self._seen is not None:
            return self._seen  # nothing has moved: they are where they were
        return _inside(self._tracker.predict(frame.time), frame)

    def _look(self, frame: Frame) -> None:
        size = (frame.width, frame.height)
        if self._size not in {None, size}:
            self._forget()  # positions of another geometry say nothing about this one
        self._size = size

    def _forget(self) -> None:
        self._tracker.reset()
        self._seen, self._still = None, False


def _inside(objects: Detections, frame: Frame) -> Detections:
    """What can be seen of predicted objects: those that have left the picture are gone."""
    edges = np.array([frame.width, frame.height] * 2, np.float32)
    boxes = np.clip(objects.boxes, 0, edges)
    sides = boxes[:, 2:] - boxes[:, :2]
    visible: Mask = sides.min(axis=1) > 0
    return replace(objects, boxes=boxes)[visible]


def _read(source: Source, analysis: Analysis, channel: Channel[Taken]) -> None:
    """The reading thread: its failure, whatever it is, becomes the channel's."""
    try:
        for frame in source:
            if channel.cancelled or not channel.put((frame, analysis.submit(frame))):
                return
        channel.close()
    except BaseException as exc:  # noqa: BLE001 - handed to the thread that iterates the channel
        channel.close(exc)


@dataclass
class StreamResult:
    """What a stream did. ``error`` is the failure that ended it, if one did."""

    name: str
    info: StreamInfo | None = None
    frames: int = 0
    objects: int = 0
    tracks: int = 0
    started_at: float = 0.0
    ended_at: float = 0.0
    status: SourceStatus | None = None
    error: SightlineError | None = None
    interrupted: bool = False

    @property
    def seconds(self) -> float:
        return (self.ended_at or time.monotonic()) - self.started_at

    @property
    def fps(self) -> float:
        """Frames analysed per second of running time."""
        return self.frames / self.seconds if self.started_at and self.seconds > 0 else 0.0


class Stream:
    """Runs one source to its end (or until ``stop``) and writes what is seen to its sinks.

    The sinks are closed by whoever made them, since streams may share them.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        analysis: Analysis,
        tracker: Tracker | None = None,
        sinks: Sequence[Sink] = (),
        turn: AbstractContextManager[None] | None = None,
    ) -> None:
        self.result = StreamResult(name)
        self._source = source
        self._analysis = analysis
        self._tracker = tracker
        self._sinks = sinks
        self._turn = turn
        self._stopping = threading.Event()
        self._reading: _Reading | None = None

    def run(self) -> StreamResult:
        """Run to the end. A failure ends this stream only, and is in the result."""
        result = self.result
        result.started_at = time.monotonic()
        try:
            result.info = self._source.open()
            for sink in self._sinks:
                sink.open(result.info)
            reading = self._reading = _Reading(self._source, self._analysis)
            if self._stopping.is_set():  # before it could be told
                reading.channel.cancel()
            observations = _observations(
                reading, self._analysis, self._tracker, self._turn, PATIENCE_S
            )
            with closing(observations):
                self._consume(observations)
        except SightlineError as exc:
            # A source that stop() closed while it was opening says so: that is no failure.
            if not (self._stopping.is_set() and isinstance(exc, SourceError)):
                # Without its trace, which holds this function and so the result itself.
                let_go_of_frames(exc)
                result.error = exc.with_traceback(None)
        finally:
            self._reading = None
            self._source.close()
            result.interrupted = self._stopping.is_set()
            result.status = self._source.status
            result.ended_at = time.monotonic()
        return result

    def stop(self) -> None:
        """End soon, after the frame that is being written. From any thread."""
        self._stopping.set()
        self._analysis.end()
        reading = self._reading
        if reading is not None:
            reading.channel.cancel()
        self._source.close()

    def _consume(self, observations: Iterator[Observation]) -> None:
        result = self.result
        for observation in observations:
            if self._stopping.is_set():
                return
            for sink in self._sinks:
                sink.write(observation)
            result.frames += 1
            result.objects += len(observation.detections)
            ids = observation.detections.track_ids
            if ids is not None and len(ids):
                result.tracks = max(result.tracks, int(ids.max()))  # ids count up from 1
