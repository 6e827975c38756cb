"""One process of a sharded fleet: it answers calls, and says what its streams see and its meter hears.

The other end of the pipe is ``runtime.workers.Worker``.
"""

from __future__ import annotations

import logging
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol

from sightline.errors import SightlineError
from sightline.protocols import Meter
from sightline.runtime.streams.fleet import Fleet
from sightline.types import Detections

_SAY_S = 0.5
"""A process says how its streams are, and what its meter heard, once in so long."""
_MOST_EVENTS = 100_000
"""Older ones are forgotten where the other side does not listen."""

log = logging.getLogger(__name__)


class Shard(Protocol):
    """What runs in a worker process."""

    @property
    def fleet(self) -> Fleet:
        """The streams of this process."""

    def reload(self, model: str) -> None:
        """Load a model again. Raises SightlineError, and what answered before goes on."""

    def close(self) -> None:
        """End the streams and free the engines."""


MakeShard = Callable[[Meter], Shard]
"""Made anew in each process, so it must be picklable. Raises SightlineError."""


class Call(NamedTuple):
    """A request to a worker: its number, the method of the fleet, and the arguments."""

    number: int
    method: str
    arguments: tuple[Any, ...]


class Answer(NamedTuple):
    """A worker's answer to the call of this number: a result, or an error."""

    number: int
    result: Any
    error: BaseException | None


READY, FED, METERED, STATED = -1, -2, -3, -4
"""Numbers of what a process says of itself: that it can be called, what its streams see, what its
meter was told, and how its streams are."""

CHANGES = frozenset({"add", "remove", "pause", "resume"})
"""Methods that change a stream. Those of one stream are done in the order of their calls."""

Event = tuple[str, tuple[Any, ...]]


class Relay:
    """A ``Meter`` that keeps what it is told, until ``play`` tells another, elsewhere."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_MOST_EVENTS)

    def inferred(self, model: str, batch: int, seconds: float, error: str | None) -> None:
        """See ``Meter.inferred``; told to the parent later."""
        self._events.append(("inferred", (model, batch, seconds, error)))

    def queued(self, model: str, priority: str, seconds: float) -> None:
        """See ``Meter.queued``; told to the parent later."""
        self._events.append(("queued", (model, priority, seconds)))

    def refused(self, model: str, priority: str, reason: str) -> None:
        """See ``Meter.refused``; told to the parent later."""
        self._events.append(("refused", (model, priority, reason)))

    def detected(self, stream: str, detections: Detections) -> None:
        """See ``Meter.detected``; told to the parent later, without the pixels of masks and the like."""
        counted = replace(detections, masks=None, embeddings=None, keypoints=None)
        self._events.append(("detected", (stream, counted)))

    def take(self) -> list[Event]:
        """All that was told since the last time."""
        return [self._events.popleft() for _ in range(len(self._events))]


def play(events: list[Event], meter: Meter) -> None:
    """Tell a meter what a relay was told."""
    for method, arguments in events:
        getattr(meter, method)(*arguments)


class _Sender:
    """Says things to the other side. Safe from any thread."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._saying, self._stating = threading.Lock(), threading.Lock()

    def say(self, number: int, result: object, error: BaseException | None = None) -> None:
        """Send the answer to a call. From any thread."""
        with self._saying:
            self._pipe.send(Answer(number, result, error))

    def state(self, fleet: Fleet) -> None:
        """How the streams are; what is said later is never older."""
        with self._stating:
            self.say(STATED, fleet.stats())


def run_shard(make: MakeShard, pipe: Connection) -> None:
    """The work of a process: answer calls until the other side hangs up."""
    # Ctrl-C in a terminal, and SIGTERM from `timeout` or systemd, reach the whole group. Only the
    # parent decides what they mean; when it is gone, so is the other end of the pipe.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    voice, relay = _Sender(pipe), Relay()
    try:
        shard = make(relay)
    except SightlineError as exc:
        voice.say(READY, None, exc)
        return
    over = threading.Event()
    feeder = threading.Thread(target=_feed, args=(shard.fleet, relay, voice, over), daemon=True)
    try:
        voice.say(READY, None)
        feeder.start()
        _serve(shard, pipe, voice)
    except (EOFError, OSError):
        log.warning("the main process is gone: its worker ends")
    finally:
        over.set()
        shard.close()


def _serve(shard: Shard, pipe: Connection, voice: _Sender) -> None:
    """Answer each call in a thread of its own: adding a stream must not hold up the others."""
    changing: dict[str, threading.Thread] = {}
    while (call := pipe.recv()) is not None:
        changing = {name: thread for name, thread in changing.items() if thread.is_alive()}
        stream = str(call.arguments[0]) if call.method in CHANGES else ""
        before = changing.get(stream)
        thread = threading.Thread(target=_answer, args=(shard, call, voice, before), daemon=True)
        thread.start()
        if stream:
            changing[stream] = thread


def _answer(shard: Shard, call: Call, voice: _Sender, before: threading.Thread | None) -> None:
    if before is not None:
        before.join()
    owner = shard if call.method == "reload" else shard.fleet
    try:
        result, error = getattr(owner, call.method)(*call.arguments), None
        if call.method in CHANGES:
            voice.state(shard.fleet)  # who is answered must find the change
    except Exception as exc:  # noqa: BLE001 - it is raised where the call came from
        result, error = None, exc
    voice.say(call.number, result, error)


def _feed(fleet: Fleet, relay: Relay, voice: _Sender, over: threading.Event) -> None:
    said = time.monotonic()
    with fleet.subscribe() as items:
        while not over.is_set():
            try:
                if time.monotonic() - said >= _SAY_S:
                    said = time.monotonic()
                    voice.say(METERED, relay.take())
                    voice.state(fleet)
                voice.say(FED, items.get(timeout=_SAY_S))
            except queue.Empty:
                continue
            except (OSError, ValueError):
                return  # the pipe is closed
