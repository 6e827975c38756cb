"""A worker process as its parent sees it: called, listened to, and started again when it dies.

What runs in it is ``runtime.shard.run_shard``, at the other end of the pipe.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from sightline.config import StreamOptions
from sightline.errors import Overloaded, SightlineError
from sightline.protocols import Meter
from sightline.runtime.processes.calls import ProcessCalls
from sightline.runtime.processes.shard import (
    FED,
    METERED,
    READY,
    STATED,
    Answer,
    MakeShard,
    play,
    run_shard,
)
from sightline.runtime.processes.worker_streams import WorkerStreams
from sightline.runtime.streams.feed import Feed
from sightline.types import StreamStats

ANSWER_S = 15.0
"""A process that says nothing for so long hangs, and is ended."""
LATE_S = 5.0
"""One that says nothing for so long is not asked: who asks would only wait."""
START_S = 120.0
"""It loads models first."""
_LOOK_S = 1.0
_PAUSE_FIRST_S, _PAUSE_MAX_S = 0.5, 30.0

log = logging.getLogger(__name__)


class Worker:
    """One process and the streams that belong to it.

    The process says how its streams are and what they see; nobody waits for it to know that.
    """

    def __init__(
        self, number: int, make: MakeShard, feed: Feed, meter: Meter | None = None
    ) -> None:
        self.number = number
        self.streams = WorkerStreams()
        self.restarts = 0
        self._make, self._feed, self._meter = make, feed, meter
        self._calls = ProcessCalls(f"worker {number}")
        self._heard = time.monotonic()
        self._closing = threading.Event()
        self._begun = threading.Event()  # the first process can be called, or has failed
        self._ready = threading.Event()
        self.failure: BaseException | None = None
        self._begin()
        self._thread = threading.Thread(
            target=self._supervise, name=f"worker-{number}", daemon=True
        )
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process's id; None before it is started."""
        return self._process.pid

    @property
    def up(self) -> bool:
        """Whether its process runs, though it may not answer."""
        return self._ready.is_set()

    def wait(self) -> None:
        """Wait until it can be called the first time. Raises what its models failed with; Overloaded: it takes too long."""
        if not self._begun.wait(START_S):
            raise Overloaded(f"worker {self.number} does not start within {START_S:g} s")
        if self.failure is not None:
            raise self.failure

    def call(
        self,
        method: str,
        *arguments: object,
        limit_s: float | None = None,
        when: Callable[[], bool] = lambda: True,
    ) -> Any:
        """Call a method of the process's fleet, if ``when`` says so just before it is sent.

        Raises what it raises, or Overloaded.
        """

        def permitted() -> bool:
            if (reason := self._silence()) is not None:
                raise Overloaded(reason)
            return when()

        return self._calls.call(method, arguments, limit_s or ANSWER_S, permitted)

    def drop(self, name: str) -> None:
        """End a stream after whatever was asked for it, without waiting. Dead is ended, too."""
        self._calls.tell("remove", name)

    def stats(self) -> Mapping[str, StreamStats]:
        """The statistics of its streams, as it sent them last; those that do not run now are ``restarting``."""
        return self.streams.stats(self._silence())

    def end(self) -> None:
        """Tell the process to end, with its streams; does not wait. Idempotent."""
        self._closing.set()
        if self._late():
            log.warning("worker %d does not answer: it is killed", self.number)
            self._process.kill()
        self._calls.end()

    def join(self, timeout_s: float) -> None:
        """Wait for the process that was told to end; kill it when it does not. Idempotent."""
        self._process.join(timeout_s)
        if self._process.is_alive():
            log.warning("worker %d does not end: it is killed", self.number)
            self._process.kill()
            self._process.join()
        self._thread.join()
        self._calls.pipe.close()

    def _late(self) -> bool:
        return self._ready.is_set() and time.monotonic() - self._heard > LATE_S

    def _silence(self) -> str | None:
        """Why it cannot be asked now."""
        if not self._ready.is_set():
            return f"worker {self.number} is starting"
        return f"worker {self.number} does not answer" if self._late() else None

    def _begin(self) -> None:
        # Never fork: runtimes have threads, and locks that these hold.
        context = multiprocessing.get_context("spawn")
        self._calls.pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=run_shard, args=(self._make, theirs), name=f"sightline-worker-{self.number}",
            daemon=True,
        )  # fmt: skip
        self._process.start()
        theirs.close()

    def _supervise(self) -> None:
        """Listen to the process, and start it again each time that it dies."""
        pause_s = _PAUSE_FIRST_S
        while True:
            began = time.monotonic()
            self._listen()
            with self._calls.lock:
                self._ready.clear()
                self.streams.died()
            self._calls.refuse(f"worker {self.number} has died and starts again")
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
            self._calls.pipe.close()
            self._begin()
            if self._closing.is_set():  # nobody has told this one
                self._process.kill()

    def _listen(self) -> None:
        self._heard = time.monotonic()
        while True:
            try:
                if self._calls.pipe.poll(_LOOK_S):
                    answer = self._calls.pipe.recv()
                    self._heard = time.monotonic()
                    self._handle_answer(answer)
                    continue
            except (EOFError, OSError):
                return
            if self._late():
                self._calls.refuse(f"worker {self.number} does not answer")
            patience_s = ANSWER_S if self._ready.is_set() else START_S
            if time.monotonic() - self._heard > patience_s:
                log.error("worker %d hangs: it is killed", self.number)
                self._process.kill()

    def _handle_answer(self, answer: Answer) -> None:
        if answer.number == FED:
            self.streams.heard(answer.result.stream)
            self._feed.hand_out(answer.result)
        elif answer.number == STATED:
            self.streams.stated(answer.result)
        elif answer.number == METERED:
            if self._meter is not None:
                play(answer.result, self._meter)
        elif answer.number == READY:
            self._started(answer.error)
        else:
            self._calls.answered(answer)

    def _started(self, error: BaseException | None) -> None:
        if error is not None:
            if not self._begun.is_set():
                self.failure = error  # its models cannot be used: that will not get better
                self._begun.set()
            log.error("worker %d cannot start: %s", self.number, error)
            return
        # Before anybody can call it: what is added from now on is not added again.
        lost = self.streams.unfinished()
        self._ready.set()
        self._begun.set()
        if lost:
            # In another thread: this one must hear the answers.
            threading.Thread(
                target=self._add_again, args=(lost, self.restarts), daemon=True
            ).start()

    def _add_again(self, streams: Mapping[str, StreamOptions], restart: int) -> None:
        """After a restart, the streams that ran."""
        for name, options in streams.items():

            def wanted(name: str = name, options: StreamOptions = options) -> bool:
                return self.restarts == restart and self.streams.options.get(name) is options

            try:
                self.call("add", name, _continued(options), when=wanted)
                if name in self.streams.paused:
                    self.call("pause", name, when=wanted)
            except Overloaded as exc:
                log.warning("stream %s waits for worker %d: %s", name, self.number, exc)
            except SightlineError as exc:
                log.error("stream %s cannot go on in worker %d: %s", name, self.number, exc)
                if wanted():
                    self.streams.fail(name, str(exc))


def _continued(options: StreamOptions) -> StreamOptions:
    """What the process that died has written stays."""
    outputs = options.outputs.model_copy(update={"append": True})
    return options.model_copy(update={"outputs": outputs})
