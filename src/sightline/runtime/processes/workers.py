"""A fleet in several processes: each runs a share of the streams, and is started again when it dies.

Used like a ``Fleet``, which is what runs in each of them.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from sightline.config import StreamOptions
from sightline.errors import Conflict, NotFound, Overloaded
from sightline.protocols import Meter
from sightline.runtime.processes.shard import MakeShard
from sightline.runtime.processes.worker import LATE_S, START_S, Worker
from sightline.runtime.streams.feed import Feed, FeedItem
from sightline.runtime.streams.fleet import being_ended, no_stream
from sightline.types import StreamStats

CLOSE_S = 7.0
"""With what the service does before it, the whole end takes ten seconds at most."""
_LOOK_S = 0.2

log = logging.getLogger(__name__)


class ShardedFleet:
    """Streams by name, shared between processes; see ``Fleet`` for what each method does.

    Args:
        make: the work of one process.
        workers: processes; ``open`` starts them.
        limit: streams at a time, of all together.
        meter: told of what engines, schedulers and streams do in all of them, a fraction of a
            second later; what a process that dies had not said yet is lost.
    """

    def __init__(
        self, make: MakeShard, workers: int, limit: int = 256, meter: Meter | None = None
    ) -> None:
        self._make = make
        self._count = workers
        self._limit = limit
        self._meter = meter
        self._lock = threading.Lock()
        self._feed = Feed()
        self._homes: dict[str, Worker] = {}
        self._ending: dict[str, StreamOptions] = {}
        self._workers: list[Worker] = []

    def open(self) -> None:
        """Start the processes, and wait for them. Raises SightlineError: one cannot start."""
        self._workers = [
            Worker(number, self._make, self._feed, self._meter)
            for number in range(1, self._count + 1)
        ]
        try:
            for worker in self._workers:
                worker.wait()
        except BaseException:  # re-raised once the processes have ended
            self.close()
            raise

    @property
    def pids(self) -> list[int | None]:
        """The id of each process; None while it starts."""
        return [worker.pid for worker in self._workers]

    @property
    def restarts(self) -> int:
        """How often workers were started again."""
        return sum(worker.restarts for worker in self._workers)

    def add(self, name: str, options: StreamOptions) -> None:
        """See ``Fleet.add``; the worker with the fewest streams takes it."""
        with self._lock:
            if name in self._ending:
                raise being_ended(name)
            if name in self._homes:
                raise Conflict(f"there is a stream {name!r} already: remove it first")
            if not self._workers:
                raise Overloaded("the workers are not started yet")
            if len(self._homes) >= self._limit:
                raise Overloaded(f"{self._limit} streams run, which is the limit: remove one")
            worker = min(self._workers, key=lambda w: len(w.streams.options))
            self._homes[name] = worker
            worker.streams.options[name] = options
        try:
            worker.call("add", name, options)
        except BaseException as exc:  # re-raised once the name is free again
            if isinstance(exc, Overloaded):
                worker.drop(name)  # it may still come
            self._forget(name)
            raise

    def remove(self, name: str) -> bool:
        """See ``Fleet.remove``."""
        worker = self._home(name)
        with self._lock:
            options = worker.streams.options.get(name)
            if options is None or not worker.streams.forget(name):
                raise no_stream(name, [one for one in self._homes if one != name])
            self._ending[name] = options
        ended = True
        try:
            ended = worker.call("remove", name)
        except NotFound:
            log.debug("stream %s was not running", name)
        except Overloaded as exc:
            # A process that is gone took the stream with it; one that hangs may go on with it.
            ended = not worker.up
            log.info("stream %s is removed, but %s", name, exc)
        finally:
            if ended:
                self._forget(name)
            else:
                waiting = (worker, name)
                threading.Thread(target=self._forget_ended, args=waiting, daemon=True).start()
        return ended

    def pause(self, name: str) -> None:
        """See ``Fleet.pause``; it stays so when the worker is started again."""
        worker = self._home(name)
        worker.streams.paused.add(name)
        self._tell(worker, "pause", name)

    def resume(self, name: str) -> None:
        """See ``Fleet.resume``."""
        worker = self._home(name)
        worker.streams.paused.discard(name)
        self._tell(worker, "resume", name)

    def reopen(self) -> None:
        """Let all workers reopen their outputs."""
        for worker in self._workers:
            try:
                worker.call("reopen")
            except Overloaded as exc:  # it is gone, and opens its files when it is back
                log.info("outputs are not reopened: %s", exc)

    def reload(self, model: str) -> None:
        """Load a model again in all processes. Raises what the first one that cannot raises."""
        for worker in self._workers:
            worker.call("reload", model, limit_s=START_S)

    def names(self) -> list[str]:
        """The names of all streams."""
        with self._lock:
            return list(self._homes)

    def options(self) -> Mapping[str, StreamOptions]:
        """The options of all streams, by name, those that are ending too."""
        with self._lock:
            running = {
                n: one for worker in self._workers for n, one in worker.streams.options.items()
            }
            return running | self._ending

    def stats(self) -> Mapping[str, StreamStats]:
        """What each stream has done, by name."""
        found: dict[str, StreamStats] = {}
        for worker in self._workers:
            found |= worker.stats()
        return found

    def version(self, name: str) -> int:
        """Counts up with each picture of a stream."""
        return self._home(name).streams.versions[name]

    def snapshot(self, name: str, annotated: bool = True, quality: int = 80) -> bytes:
        """See ``Fleet.snapshot``. Raises Conflict: the stream has no picture."""
        worker = self._home(name)
        try:
            return bytes(worker.call("snapshot", name, annotated, quality, limit_s=LATE_S))
        except NotFound as exc:  # it was over before a restart, or is not back yet
            raise Conflict(f"stream {name!r} has no picture: look at its state") from exc

    @contextmanager
    def subscribe(self) -> Iterator[queue.Queue[FeedItem]]:
        """See ``Fleet.subscribe``: one queue for the streams of all workers."""
        with self._feed.subscribe() as reader:
            yield reader

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """End all workers; those that last longer than ``timeout_s`` seconds are killed."""
        deadline = time.monotonic() + timeout_s
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.join(max(0.1, deadline - time.monotonic()))

    def _tell(self, worker: Worker, method: str, name: str) -> None:
        try:
            worker.call(method, name)
        except NotFound:  # it was over before a restart, or is told when it comes back
            log.debug("stream %s does not run: %s", name, method)

    def _home(self, name: str) -> Worker:
        with self._lock:
            worker = self._homes.get(name)
            if worker is None:
                raise no_stream(name, self._homes)
        return worker

    def _forget(self, name: str) -> None:
        with self._lock:
            self._ending.pop(name, None)
            worker = self._homes.pop(name, None)
            if worker is not None:
                worker.streams.forget(name)

    def _forget_ended(self, worker: Worker, name: str) -> None:
        """Free a name as soon as the outputs of its stream are closed, or its process is gone."""
        while worker.up:
            try:
                if worker.call("remove", name):
                    break  # it had not heard of it yet
            except NotFound:
                with suppress(Overloaded):
                    if name not in worker.call("ending"):
                        break
            except Overloaded as exc:
                log.debug("stream %s is not known to have ended: %s", name, exc)
            time.sleep(_LOOK_S)
        self._forget(name)
