"""Many streams in one process, added, paused and removed while they run."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from sightline import interpreter
from sightline.config import StreamOptions
from sightline.errors import Conflict, NotFound, Overloaded, SightlineError
from sightline.monitoring.context import bound
from sightline.runtime.streams.feed import Feed, FeedItem, Newest
from sightline.runtime.streams.parts import StreamParts
from sightline.runtime.streams.record import StreamRecord
from sightline.runtime.streams.resilient_sink import ResilientSink
from sightline.runtime.streams.stream import Stream
from sightline.types import Detections, RunState, SourceState, StreamStats
from sightline.wall_time import utc_text

_JOIN_S = 10.0
"""How long whoever ends a stream waits for its outputs to be closed."""
_NAMED = 10
"""Streams that an error names, at most."""

log = logging.getLogger(__name__)


MakeStream = Callable[[str, StreamOptions, StreamRecord], StreamParts]


def no_stream(name: str, there: Iterable[str]) -> NotFound:
    """The error for a name that is none of the streams that are ``there``."""
    names = sorted(there)
    more = f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
    shown = ", ".join(names[:_NAMED]) + more
    return NotFound(
        f"there is no stream {name!r}; there are {shown}"
        if names
        else f"there is no stream {name!r}, nor any other"
    )


def being_ended(name: str) -> Conflict:
    """The error for a new stream with the name of one that is being removed."""
    return Conflict(
        f"stream {name!r} is being ended, and its outputs are not closed yet: try again in a moment, "
        "or take another name"
    )


class Member:
    """One stream of a fleet, with the thread that runs it."""

    def __init__(
        self,
        name: str,
        options: StreamOptions,
        parts: StreamParts,
        record: StreamRecord,
        feed: Feed,
    ) -> None:
        self.name = name
        self.options = options
        self.parts = parts
        self.record = record
        self.newest = Newest(feed, partial(_saw, record, parts.saw))  # no method: no circle
        self.since = time.time()
        self._error: str | None = None
        self._outputs = [ResilientSink(sink) for sink in parts.sinks]
        self._stream = Stream(
            name,
            parts.source,
            parts.pipeline,
            [*self._outputs, self.newest],
        )
        self._thread = threading.Thread(target=self._bound_run, name=f"stream-{name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Let it end soon. Returns at once, also where closing the source takes its time."""
        threading.Thread(target=self._stream.stop, name=f"stop-{self.name}", daemon=True).start()

    def reopen(self) -> None:
        """Let the outputs begin their files anew."""
        for output in self._outputs:
            output.reopen()

    def join(self, timeout_s: float) -> bool:
        """Wait until it has ended; False where it has not within ``timeout_s``."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def ended(self) -> bool:
        """Its outputs are closed."""
        return not self._thread.is_alive()

    @property
    def unwritten(self) -> str | None:
        """Why an output cannot be written, or what it waits for."""
        return next((output.error for output in self._outputs if output.error), None)

    def stats(self) -> StreamStats:
        """A snapshot: the counts add up."""
        parts, record = self.parts, self.record
        # The source's counts first: what is taken after that is younger than they are.
        status = parts.source.status
        counts = record.counts()
        fps_in, fps_analyzed = record.rates()
        p50, p99 = record.ages_ms(50, 99)
        dropped = dict(status.dropped)
        for reason, count in counts.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
        gone = sum(counts.dropped.values()) + counts.analyzed
        pending = max(0, counts.taken - gone)
        unwritten = self.unwritten
        seen = self.newest.observation
        newest = None if seen is None else seen.frame
        return StreamStats(
            self.name, state=self._state(status.state, unwritten), source=parts.address,
            model=parts.model, read=counts.taken + sum(status.dropped.values()),
            analyzed=counts.analyzed, dropped=dropped, pending=pending, objects=counts.objects,
            fps_in=round(fps_in, 2), fps_analyzed=round(fps_analyzed, 2),
            age_p50_ms=round(p50, 1), age_p99_ms=round(p99, 1), reconnects=status.reconnects,
            level=parts.level(), drift=parts.drift(), hard_frames=parts.hard_frames(),
            accuracy=parts.accuracy(),
            since=self.since, lost=sum(o.lost for o in self._outputs),
            error=self._error or parts.pipeline.error or status.error or unwritten,
            utc=None if newest is None or newest.utc is None else utc_text(newest.utc),
            clock=None if newest is None else newest.clock, missing=parts.pipeline.missing(),
        )  # fmt: skip

    def _state(self, state: SourceState, unwritten: str | None) -> str:
        """The source's state, or what else is to be said of the stream."""
        if self._error:
            return "failed"
        if self._thread.is_alive():
            if self.parts.pipeline.paused:
                return "paused"
            if state in (SourceState.ENDED, SourceState.FAILED):
                state = SourceState.RUNNING  # what was read is being analysed still
        return "degraded" if unwritten and state is SourceState.RUNNING else str(state)

    def _bound_run(self) -> None:
        with bound(stream=self.name):  # whatever is logged says of which stream
            self._run()

    def _run(self) -> None:
        try:
            result = self._stream.run()
            if result.error is not None:
                self._error = str(result.error)
                log.error("stream %s has failed: %s", self.name, result.error)
        except SightlineError as exc:
            self._error = str(exc)
            log.error("stream %s has failed: %s", self.name, exc)
        except Exception as exc:
            # A defect, not a stream's own failure: the others must go on, and everybody must see it.
            self._error = f"{type(exc).__name__}: {exc}"
            log.exception("stream %s met a defect", self.name)
        finally:
            self.record.end()
            self.newest.close()
            stopped = self._stream.result.interrupted
            self._close("failed" if self._error else "interrupted" if stopped else "done")

    def _close(self, state: RunState) -> None:
        try:
            self.parts.close(state)
        except SightlineError as exc:
            self._error = self._error or str(exc)
            log.error("stream %s: %s", self.name, exc)


def _saw(
    record: StreamRecord, more: Callable[[Detections], None] | None, objects: Detections
) -> None:
    record.saw(len(objects))
    if more is not None:
        more(objects)


class Fleet:
    """Streams by name. Every method may be called from any thread.

    Args:
        make: turns options into parts; raises ConfigError, SourceError, SinkError.
        limit: streams at a time.
    """

    def __init__(self, make: MakeStream, limit: int = 256) -> None:
        self._make = make
        self._limit = limit
        self._lock = threading.Lock()
        self._members: dict[str, Member | None] = {}  # None: being made or ended
        self._ending: dict[str, Member] = {}
        self._closed = False
        self._feed = Feed()

    def open(self) -> None:
        """Streams can be added from the beginning; a fleet in processes must be started first."""

    def add(self, name: str, options: StreamOptions) -> None:
        """Start a stream; it connects in a thread of its own.

        Raises:
            Conflict: there is a stream of this name.
            Overloaded: as many run as may.
            ConfigError, SourceError, SinkError: it cannot be made as the options say.
        """
        self._reserve(name)
        record = StreamRecord()
        try:
            member = Member(name, options, self._make(name, options, record), record, self._feed)
        except BaseException:  # re-raised once the name is free again
            with self._lock:
                self._members.pop(name, None)
            raise
        if not self._start(name, member):
            member.parts.close("interrupted")
            raise Overloaded("the service is stopping and takes no new stream")

    def remove(self, name: str, timeout_s: float = _JOIN_S) -> bool:
        """End a stream and close its outputs. Raises NotFound.

        Returns False where they are open still after ``timeout_s``. The name stays taken then until
        they are closed, and so do their files, since another stream may write to the same.
        """
        with self._lock:
            member = self._ending[name] = self._member(name)
            self._members[name] = None
        ended = not self._end([member], timeout_s)
        del member
        with self._lock:
            self._free_ended()
        interpreter.give_back_memory()  # large pictures, of this and of what waited to be seen
        return ended

    def ending(self) -> list[str]:
        """Names that are not free yet: of streams that were removed, whose outputs are not closed."""
        with self._lock:
            self._free_ended()
            return list(self._ending)

    def pause(self, name: str) -> None:
        """Analyse nothing until ``resume``; the source stays connected. Raises NotFound."""
        with self._lock:
            self._member(name).parts.pipeline.paused = True

    def resume(self, name: str) -> None:
        """Go on after ``pause``. Raises NotFound."""
        with self._lock:
            self._member(name).parts.pipeline.paused = False

    def reopen(self) -> None:
        """Let all outputs go on with the files at their paths: they were rotated."""
        for member in self._running().values():
            member.reopen()

    def names(self) -> list[str]:
        """Names of the streams that run."""
        return list(self._running())

    def options(self) -> Mapping[str, StreamOptions]:
        """What each stream was added with, also those that are being ended: their files are in use."""
        with self._lock:
            self._free_ended()
            members = self._members | self._ending
        return {name: member.options for name, member in members.items() if member is not None}

    def stats(self) -> Mapping[str, StreamStats]:
        """A snapshot of each stream."""
        return {name: member.stats() for name, member in self._running().items()}

    def ages_s(self) -> list[float]:
        """The ages of all frames that were analysed in the last seconds: from decoded to analysed."""
        members = self._running().values()
        return [age for member in members for age in member.record.ages_s()]

    def version(self, name: str) -> int:
        """Counts up with each picture of a stream. Raises NotFound."""
        with self._lock:
            return self._member(name).newest.version

    def snapshot(self, name: str, annotated: bool = True, quality: int = 80) -> bytes:
        """The newest picture of a stream as JPEG.

        Raises:
            NotFound: there is no such stream.
            Conflict: it has shown nothing yet, or has ended.
        """
        import cv2

        from sightline.imaging.drawing import annotate

        with self._lock:
            observation = self._member(name).newest.observation
        if observation is None:
            raise Conflict(f"stream {name!r} has no picture: look at its state")
        image = observation.frame.image
        if annotated:
            image = annotate(
                image, observation.detections, observation.labels, predicted=observation.predicted
            )
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return bytes(jpeg)

    @contextmanager
    def subscribe(self) -> Iterator[queue.Queue[FeedItem]]:
        """A bounded queue of what all streams see from now on."""
        with self._feed.subscribe() as reader:
            yield reader

    def close(self, timeout_s: float = _JOIN_S) -> None:
        """End all streams. Idempotent."""
        with self._lock:
            self._closed = True
            members = [m for m in self._members.values() if m is not None]
            self._members.clear()
        self._end(members, timeout_s)

    def _reserve(self, name: str) -> None:
        with self._lock:
            if self._closed:
                raise Overloaded("the service is stopping and takes no new stream")
            self._free_ended()
            if name in self._ending:
                raise being_ended(name)
            if name in self._members:
                raise Conflict(f"there is a stream {name!r} already: remove it first")
            if len(self._members) >= self._limit:
                raise Overloaded(
                    f"{self._limit} streams run, which is the limit: remove one, or raise "
                    "serving.limits.streams",
                    retry_after_s=10.0,
                )
            self._members[name] = None

    def _start(self, name: str, member: Member) -> bool:
        """False where the fleet was closed in the meantime."""
        with self._lock:
            if self._closed:
                return False
            self._members[name] = member
            member.start()
            return True

    def _free_ended(self) -> None:
        """Let go of streams whose outputs are closed by now. Under the lock."""
        for name in [name for name, member in self._ending.items() if member.ended]:
            del self._ending[name]
            self._members.pop(name, None)

    def _end(self, members: Sequence[Member], timeout_s: float) -> list[Member]:
        """End streams; those whose outputs are not closed in time."""
        deadline = time.monotonic() + timeout_s
        for member in members:
            member.stop()
        left = []
        for member in members:
            if not member.join(max(0.0, deadline - time.monotonic())):
                left.append(member)
                log.warning(
                    "stream %s has not ended after %g s: its outputs are not closed yet (%s)",
                    member.name, timeout_s, member.unwritten or "the last results are being written",
                )  # fmt: skip
        return left

    def _member(self, name: str) -> Member:
        member = self._members.get(name)
        if member is None:
            raise no_stream(name, [name for name, m in self._members.items() if m is not None])
        return member

    def _running(self) -> dict[str, Member]:
        with self._lock:
            return {name: m for name, m in self._members.items() if m is not None}
