"""A fleet in several processes: each runs a share of the streams, and is started again when it dies.

Knows processes and pipes; what runs in them is a ``Fleet``, and this is used like one.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sightline.config import StreamOptions
from sightline.errors import Conflict, NotFound, Overloaded, SightlineError
from sightline.protocols import Meter
from sightline.runtime.fleet import Feed, FeedItem
from sightline.runtime.record import StreamStats
from sightline.runtime.shard import FED, METERED, READY, Answer, Call, MakeShard, play, run_shard

ANSWER_S = 15.0
"""A process that answers nothing for so long hangs, and is ended."""
_LOOK_S = 1.0
_START_S = 120.0  # it loads models first
_PAUSE_FIRST_S, _PAUSE_MAX_S = 0.5, 30.0

log = logging.getLogger(__name__)


class Worker:
    """One process and the streams that belong to it."""

    def __init__(
        self, number: int, make: MakeShard, feed: Feed, meter: Meter | None = None
    ) -> None:
        self.number = number
        self.streams: dict[str, StreamOptions] = {}
        self.paused: set[str] = set()
        self.restarts = 0
        self._make, self._feed, self._meter = make, feed, meter
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._calls: dict[int, Future[Any]] = {}
        self._seen: dict[str, StreamStats] = {}
        self._closing = threading.Event()
        self._ready = threading.Event()
        self.failure: BaseException | None = None
        self._begin()
        self._thread = threading.Thread(target=self._mind, name=f"worker-{number}", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def wait(self) -> None:
        """Until it can be called the first time. Raises what its models failed with."""
        if not self._ready.wait(_START_S) and self.failure is None:
            raise Overloaded(f"worker {self.number} does not start within {_START_S:g} s")
        if self.failure is not None:
            raise self.failure

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the process's fleet. Raises what it raises, or Overloaded."""
        future: Future[Any] = Future()
        number = next(self._numbers)
        with self._lock:
            if not self._ready.is_set():
                raise Overloaded(f"worker {self.number} is starting")
            self._calls[number] = future
            try:
                self._pipe.send(Call(number, method, arguments))
            except OSError as exc:
                del self._calls[number]
                raise Overloaded(f"worker {self.number} has just died and starts again") from exc
        try:
            return future.result(ANSWER_S)
        except FutureTimeout as exc:
            raise Overloaded(f"worker {self.number} does not answer") from exc
        finally:
            with self._lock:
                self._calls.pop(number, None)

    def stats(self) -> Mapping[str, StreamStats]:
        """Of its streams; those that it has not begun again are as they were, ``restarting``."""
        running: Mapping[str, StreamStats] = {}
        error: str | None = None
        try:
            running = self.call("stats")
        except Overloaded as exc:
            error = str(exc)
        for name in list(self.streams):
            if name in running:
                self._seen[name] = running[name]
            else:
                last = self._seen.get(name, StreamStats(name, "", "", ""))
                self._seen[name] = replace(
                    last, state="restarting", error=error, fps_in=0.0, fps_analyzed=0.0
                )
        return {name: self._seen[name] for name in list(self.streams) if name in self._seen}

    def close(self, timeout_s: float) -> None:
        """End the process with its streams. Idempotent."""
        self._closing.set()
        with self._lock:
            try:
                self._pipe.send(None)
            except OSError:
                log.debug("worker %d is gone already", self.number)
        self._process.join(timeout_s)
        if self._process.is_alive():
            log.warning("worker %d does not end: it is killed", self.number)
            self._process.kill()
            self._process.join()
        self._thread.join()
        self._pipe.close()

    def _begin(self) -> None:
        # Never fork: runtimes have threads, and locks that these hold.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=run_shard, args=(self._make, theirs), name=f"sightline-worker-{self.number}",
            daemon=True,
        )  # fmt: skip
        self._process.start()
        theirs.close()

    def _mind(self) -> None:
        """Listen to the process, and start it again each time that it dies."""
        pause_s = _PAUSE_FIRST_S
        while True:
            began = time.monotonic()
            self._listen()
            self._forget(f"worker {self.number} has died")
            if self._closing.is_set() or self.failure is not None:
                return
            self._process.join(1.0)
            log.error("worker %d has died (exit code %s): it starts again", self.number,
                      self._process.exitcode)  # fmt: skip
            if time.monotonic() - began > _PAUSE_MAX_S:
                pause_s = _PAUSE_FIRST_S
            if self._closing.wait(pause_s):
                return
            pause_s = min(_PAUSE_MAX_S, 2 * pause_s)
            self.restarts += 1
            self._pipe.close()
            self._begin()

    def _listen(self) -> None:
        heard = time.monotonic()
        asked = True
        while True:
            try:
                if self._pipe.poll(_LOOK_S):
                    self._hear(self._pipe.recv())
                    heard, asked = time.monotonic(), False
                    continue
            except (EOFError, OSError):
                return
            patience_s = ANSWER_S if self._ready.is_set() else _START_S
            if time.monotonic() - heard > patience_s:
                log.error("worker %d hangs: it is killed", self.number)
                self._process.kill()
            elif not asked and self._ready.is_set():
                self._ask()
                asked = True

    def _ask(self) -> None:
        """Ask for a sign of life; the answer is nobody's."""
        with self._lock:
            try:
                self._pipe.send(Call(next(self._numbers), "names", ()))
            except OSError:
                log.debug("worker %d is gone: the pipe will say so", self.number)

    def _hear(self, answer: Answer) -> None:
        if answer.number == FED:
            self._feed.hand_out(answer.result)
        elif answer.number == METERED:
            if self._meter is not None:
                play(answer.result, self._meter)
        elif answer.number == READY:
            self._started(answer.error)
        else:
            with self._lock:
                future = self._calls.pop(answer.number, None)
            if future is not None:
                if answer.error is not None:
                    future.set_exception(answer.error)
                else:
                    future.set_result(answer.result)

    def _started(self, error: BaseException | None) -> None:
        if error is not None:
            if not self.restarts:
                self.failure = error  # its models cannot be used: that will not get better
            log.error("worker %d cannot start: %s", self.number, error)
            return
        self._ready.set()
        # In another thread: this one must hear the answers.
        threading.Thread(target=self._add_again, daemon=True).start()

    def _add_again(self) -> None:
        """After a restart, all streams that it had."""
        for name, options in list(self.streams.items()) if self.restarts else ():
            try:
                self.call("add", name, options)
                if name in self.paused:
                    self.call("pause", name)
            except SightlineError as exc:
                log.error("stream %s cannot go on in worker %d: %s", name, self.number, exc)

    def _forget(self, why: str) -> None:
        with self._lock:
            self._ready.clear()
            calls, self._calls = self._calls, {}
        for future in calls.values():
            future.set_exception(Overloaded(f"{why} and starts again"))


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
        except BaseException:  # whatever it is goes on; no process must stay
            self.close()
            raise

    @property
    def pids(self) -> list[int | None]:
        """Of the processes."""
        return [worker.pid for worker in self._workers]

    @property
    def restarts(self) -> int:
        return sum(worker.restarts for worker in self._workers)

    def add(self, name: str, options: StreamOptions) -> None:
        with self._lock:
            if name in self._homes:
                raise Conflict(f"there is a stream {name!r} already: remove it first")
            if not self._workers:
                raise Overloaded("the workers are not started yet")
            if len(self._homes) >= self._limit:
                raise Overloaded(f"{self._limit} streams run, which is the limit: remove one")
            worker = min(self._workers, key=lambda w: len(w.streams))
            self._homes[name] = worker
            worker.streams[name] = options
        try:
            worker.call("add", name, options)
        except BaseException:  # whatever it is goes on to the caller; the name is free again
            self._forget(name)
            raise

    def remove(self, name: str) -> None:
        worker = self._home(name)
        self._forget(name)
        worker.call("remove", name)

    def pause(self, name: str) -> None:
        worker = self._home(name)
        worker.paused.add(name)
        worker.call("pause", name)

    def resume(self, name: str) -> None:
        worker = self._home(name)
        worker.paused.discard(name)
        worker.call("resume", name)

    def names(self) -> list[str]:
        with self._lock:
            return list(self._homes)

    def stats(self) -> Mapping[str, StreamStats]:
        found: dict[str, StreamStats] = {}
        for worker in self._workers:
            found |= worker.stats()
        return found

    def version(self, name: str) -> int:
        return int(self._home(name).call("version", name))

    def snapshot(self, name: str, annotated: bool = True, quality: int = 80) -> bytes:
        return bytes(self._home(name).call("snapshot", name, annotated, quality))

    @contextmanager
    def subscribe(self) -> Iterator[queue.Queue[FeedItem]]:
        with self._feed.subscribe() as reader:
            yield reader

    def close(self, timeout_s: float = 10.0) -> None:
        deadline = time.monotonic() + timeout_s
        for worker in self._workers:
            worker.close(max(0.1, deadline - time.monotonic()))

    def _home(self, name: str) -> Worker:
        with self._lock:
            worker = self._homes.get(name)
        if worker is None:
            raise NotFound(f"there is no stream {name!r}")
        return worker

    def _forget(self, name: str) -> None:
        with self._lock:
            worker = self._homes.pop(name, None)
            if worker is not None:
                worker.streams.pop(name, None)
                worker.paused.discard(name)
