"""One stream: a source with its pipeline and its sinks.

One thread reads frames and begins with them, so that several inferences are in flight; another takes
them through the rest of the pipeline in order, and hands observations to the sinks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from sightline import interpreter
from sightline.errors import SightlineError, SourceError, let_go_of_frames
from sightline.protocols import Sink, Source
from sightline.runtime.channel import Channel
from sightline.runtime.streams.pipeline import Begun, Pipeline
from sightline.types import Observation, SourceStatus, StreamInfo

FILE_DEPTH = 16
"""Frames of a file that wait for detection: enough to ride out a slow write, and no more, since
each holds its decoded picture."""

LIVE_DEPTH = 1
"""A live stream waits in its source, where the newest frame replaces the others."""

PATIENCE_S = 0.3
"""How long the end of a stream waits for the thread that reads its source. Outputs do not depend on
that thread, so a source that is slow to end does not keep them open."""


def observe(source: Source, pipeline: Pipeline) -> Generator[Observation, None, None]:
    """What a pipeline makes of the frames that a source hands on, in order.

    Raises:
        SightlineError: the first failure of the source or of a stage, after the observations of all
            frames before it.

    Ending the iteration early closes the source.
    """
    yield from _observations(_Reading(source, pipeline), pipeline)


def _observations(
    reading: _Reading, pipeline: Pipeline, patience_s: float | None = None
) -> Generator[Observation, None, None]:
    """``patience_s``: how long to wait for the thread that reads; None: until it ends.

    A thread that is left behind ends with the frame that it has.
    """
    try:
        yield from pipeline.observations(reading.channel)
    finally:
        reading.close(patience_s)


class _Reading:
    """The thread that reads a source and begins with its frames."""

    def __init__(self, source: Source, pipeline: Pipeline) -> None:
        info = source.open()
        pipeline.begin(info)
        self.channel: Channel[Begun] = Channel(LIVE_DEPTH if info.live else FILE_DEPTH)
        self._source, self._pipeline = source, pipeline
        self._name = info.name
        self._inherited = False
        # The thread holds no reference to this object, so an iteration that is forgotten is closed.
        self._thread = threading.Thread(
            target=_read,
            args=(source, pipeline, self.channel),
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
        for inherited in (self._source, self._pipeline):  # their locks and threads are the parent's
            interpreter.abandon(inherited)
        self.channel.renew(
            SourceError(
                f"{self._name} is being read by the process that this one was forked from: "
                "begin to read in the process that uses it"
            )
        )

    def _stop(self) -> None:
        self._pipeline.end()
        self.channel.cancel()
        self._source.close()


def _read(source: Source, pipeline: Pipeline, channel: Channel[Begun]) -> None:
    """The reading thread: its failure, whatever it is, becomes the channel's."""
    try:
        for frame in source:
            if channel.cancelled or not channel.put(pipeline.take(frame)):
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
        """Seconds from the beginning to the end, or until now."""
        return (self.ended_at or time.monotonic()) - self.started_at

    @property
    def total(self) -> int | None:
        """How many frames there are in all; None where nobody knows, or more came than the file's duration promised."""
        expected = None if self.info is None else self.info.frames
        return expected if expected is not None and self.frames <= expected else None

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
        pipeline: Pipeline,
        sinks: Sequence[Sink] = (),
    ) -> None:
        self.result = StreamResult(name)
        self._source = source
        self._pipeline = pipeline
        self._sinks = sinks
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
            reading = self._reading = _Reading(self._source, self._pipeline)
            if self._stopping.is_set():  # before it could be told
                reading.channel.cancel()
            with closing(_observations(reading, self._pipeline, PATIENCE_S)) as observations:
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
        self._pipeline.end()
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
