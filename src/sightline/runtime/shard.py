"""One process of a sharded fleet: it answers calls, and says what its streams see and its meter hears.

The other end of the pipe is ``runtime.workers.Worker``.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol

from sightline.errors import SightlineError
from sightline.protocols import Meter
from sightline.runtime.fleet import Fleet
from sightline.types import Detections

_SAY_S = 0.2
_MOST_EVENTS = 100_000
"""Older ones are forgotten where the other side does not listen."""

log = logging.getLogger(__name__)


class Shard(Protocol):
    """What runs in a worker process."""

    @property
    def fleet(self) -> Fleet: ...

    def close(self) -> None: ...


MakeShard = Callable[[Meter], Shard]
"""Made anew in each process, so it must be picklable. Raises SightlineError."""


class Call(NamedTuple):
    number: int
    method: str
    arguments: tuple[Any, ...]


class Answer(NamedTuple):
    number: int
    result: Any
    error: BaseException | None


READY, FED, METERED = -1, -2, -3
"""Numbers of what a process says of itself: that it can be called, what its streams see, and what
its meter was told."""

Event = tuple[str, tuple[Any, ...]]


class Relay:
    """A ``Meter`` that keeps what it is told, until ``play`` tells another, elsewhere."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_MOST_EVENTS)

    def inferred(self, model: str, batch: int, seconds: float, error: str | None) -> None:
        self._events.append(("inferred", (model, batch, seconds, error)))

    def queued(self, model: str, priority: str, seconds: float) -> None:
        self._events.append(("queued", (model, priority, seconds)))

    def refused(self, model: str, priority: str, reason: str) -> None:
        self._events.append(("refused", (model, priority, reason)))

    def detected(self, stream: str, detections: Detections) -> None:
        self._events.append(("detected", (stream, detections)))

    def take(self) -> list[Event]:
        """All that was told since the last time."""
        return [self._events.popleft() for _ in range(len(self._events))]


def play(events: list[Event], meter: Meter) -> None:
    """Tell a meter what a relay was told."""
    for method, arguments in events:
        getattr(meter, method)(*arguments)


def run_shard(make: MakeShard, pipe: Connection) -> None:
    """The work of a process: answer calls until the other side hangs up."""
    import signal

    # Ctrl-C in a terminal reaches the whole group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    saying = threading.Lock()

    def say(number: int, result: Any, error: BaseException | None = None) -> None:
        with saying:
            pipe.send(Answer(number, result, error))

    relay = Relay()
    try:
        shard = make(relay)
    except SightlineError as exc:
        say(READY, None, exc)
        return
    over = threading.Event()
    feeder = threading.Thread(target=_feed, args=(shard.fleet, relay, say, over), daemon=True)
    try:
        say(READY, None)
        feeder.start()
        while (call := pipe.recv()) is not None:
            # Each in a thread of its own: adding a stream must not hold up a look at the others.
            threading.Thread(target=_answer, args=(shard.fleet, call, say), daemon=True).start()
    except (EOFError, OSError):
        log.warning("the main process is gone: its worker ends")
    finally:
        over.set()
        shard.close()


def _answer(fleet: Fleet, call: Call, say: Callable[..., None]) -> None:
    try:
        result, error = getattr(fleet, call.method)(*call.arguments), None
    except Exception as exc:  # noqa: BLE001 - it is raised where the call came from
        result, error = None, exc
    say(call.number, result, error)


def _feed(fleet: Fleet, relay: Relay, say: Callable[..., None], over: threading.Event) -> None:
    said = time.monotonic()
    with fleet.subscribe() as items:
        while not over.is_set():
            try:
                if time.monotonic() - said >= _SAY_S:
                    said = time.monotonic()
                    say(METERED, relay.take())
                say(FED, items.get(timeout=_SAY_S))
            except queue.Empty:
                continue
            except (OSError, ValueError):
                return  # the pipe is closed
