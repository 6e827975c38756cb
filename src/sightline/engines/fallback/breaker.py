"""One engine after another: when the first fails or hangs, the next takes over."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from sightline.engines.fallback.attempts import (
    Attempt,
    AttemptAbandoned,
    Candidate,
    PendingBatch,
    failure_of_all,
)
from sightline.engines.fallback.engines import FallbackEngines
from sightline.engines.fallback.trials import Trials
from sightline.errors import EngineError, InferenceError
from sightline.protocols import Engine
from sightline.types import EngineInfo, FallbackStatus, Floats, Pixels

log = logging.getLogger(__name__)
T = TypeVar("T")

STALLED = 6.0
"""An engine that begins and ends nothing for so many times ``hang_s`` hangs before the inference,
where compiling a network may rightly take longer than an inference."""


class Fallback:
    """A circuit breaker over engines of one model, in order of preference.

    A batch that an engine fails to run is run again on the others, so the caller sees an error only
    where none can run it. ``failures`` in a row (batches that another engine could run), or one hang,
    and the next engine takes over, and what waits moves to it. From ``retry_s`` later on, the failed
    engine is tried in the shadow: it infers an empty picture of the size that was last run, which no
    request waits for. If it can, it takes over again from engines that stand behind it. The last
    engine that is left is never given up.

    All engines are made at the start, so that taking over takes no time and a wrong one is seen at
    once; one that is unavailable counts as failed, and its trial makes it.

    ``fill`` may be called once more for each engine; ``read`` is called once. What they raise is the
    caller's and counts for nothing. When an inference that was given up ends after all, neither is
    called any more.

    Args:
        engines: label and maker of each; what is made is closed with this one.
        failures: in a row, before the next engine takes over.
        hang_s: an inference (from filled to read) that takes longer hangs.
        retry_s: from a failure to the trial, and between trials.
        clock: monotonic seconds.

    Raises:
        ConfigError: no engines, or two of one label.
        EngineError: none can be made, or they differ in their inputs or outputs. Other errors of
            the makers' go through.
    """

    def __init__(
        self,
        engines: Sequence[tuple[str, Callable[[], Engine]]],
        *,
        failures: int = 3,
        hang_s: float = 10.0,
        retry_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures, self._hang_s, self._retry_s = failures, hang_s, retry_s
        self._clock = clock
        self._changed = threading.Condition()  # its lock guards all that follows
        self._closed = False
        self._attempts: set[Attempt] = set()
        self._waiting = 0  # items that are not answered yet
        self._candidates = FallbackEngines(engines, self._changed, retry_s, clock)
        self._trials = Trials(self._candidates, self._changed, retry_s, clock)
        self._again: queue.SimpleQueue[PendingBatch[object] | None] = queue.SimpleQueue()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"fallback-{name}", daemon=True)
            for name, target in (("watchdog", self._watch), ("again", self._run_again))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def info(self) -> EngineInfo:
        """What the active engine is."""
        return self._candidates.info

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``: one batch (N, H, W); the future has what ``read`` returned.

        A batch that fails on one engine is run on the next. Raises EngineError: none is there.
        """
        item = PendingBatch(shape, fill, read)
        candidate = self._take(item, accepted=False)
        assert candidate is not None
        self._attempt(item, candidate)
        return item.future

    def use(self, label: str | None) -> None:
        """Give the work to this engine, whatever it does; None goes back to choosing.

        A batch that it fails to run is still run on the others.

        Raises:
            ConfigError: there is no such engine.
            EngineError: it could not be made.
        """
        self._candidates.use(label)

    def status(self) -> FallbackStatus:
        """A snapshot."""
        return self._candidates.status()

    def close(self) -> None:
        """Answer what was accepted, then close the engines; those that hang are left behind."""
        with self._changed:
            self._closed = self._trials.closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting)
        if self._over.is_set():
            return
        self._over.set()
        self._again.put(None)
        for thread in self._threads:
            thread.join()
        self._candidates.close(self._hang_s)

    def _take(self, item: PendingBatch[Any], *, accepted: bool) -> Candidate | None:
        """Wait for room in the best engine for an item and count it in; None where there is none.

        Raises EngineError for an item that was not accepted yet.
        """
        with self._changed:
            while True:
                if self._closed and not accepted:
                    raise EngineError("engine fallback was closed")
                candidate = self._candidates.best_for(item)
                if candidate is None:
                    if accepted:
                        return None
                    raise EngineError(self._candidates.refusal())
                if candidate.in_flight < candidate.room:
                    candidate.in_flight += 1
                    self._waiting += not accepted
                    return candidate
                self._changed.wait()

    # An item's way

    def _attempt(self, item: PendingBatch[Any], candidate: Candidate) -> None:
        """Hand an item to an engine that has room for it."""
        attempt = Attempt(item, candidate)
        with self._changed:
            item.attempt = attempt
            self._attempts.add(attempt)
            candidate.progress = self._clock()
        assert candidate.engine is not None
        try:
            future = candidate.engine.submit(
                item.shape,
                lambda pixels: self._fill(attempt, pixels),
                lambda outputs: self._read(attempt, outputs),
            )
        except BaseException as exc:  # noqa: BLE001 - it becomes the attempt's answer
            future = Future()
            future.set_exception(exc)
        future.add_done_callback(lambda done: self._finished(attempt, done))

    def _fill(self, attempt: Attempt, pixels: Pixels) -> None:
        item = attempt.item
        with self._changed:
            if item.attempt is not attempt:
                raise AttemptAbandoned
            attempt.begun = attempt.callers = True
            attempt.candidate.progress = self._clock()
        if not item.running and not item.future.set_running_or_notify_cancel():
            item.cancelled = True
            raise AttemptAbandoned
        item.running = True
        item.fill(pixels)
        with self._changed:
            attempt.callers, attempt.since = False, self._clock()

    def _read(self, attempt: Attempt, outputs: Sequence[Floats]) -> object:
        with self._changed:
            if attempt.item.attempt is not attempt:
                raise AttemptAbandoned
            attempt.callers, attempt.since = True, None
        return attempt.item.read(outputs)

    def _finished(self, attempt: Attempt, done: Future[Any]) -> None:
        """An engine is through with an attempt; runs in a thread of that engine's."""
        item, candidate, error = attempt.item, attempt.candidate, done.exception()
        with self._changed:
            candidate.in_flight -= 1
            candidate.stuck -= attempt.stuck
            candidate.progress = self._clock()
            self._attempts.discard(attempt)
            self._changed.notify_all()
            if item.attempt is not attempt:
                return
            item.attempt = None
            if isinstance(error, EngineError) and not attempt.callers:
                candidate.note(error)
                item.failed[candidate] = error
            elif error is None:
                self._succeeded(item, candidate)
        if item.cancelled:
            self._answered(item)
        elif isinstance(error, EngineError) and not attempt.callers:
            self._again.put(item)
        elif error is None:
            self._answer(item, lambda future: future.set_result(done.result()))
        else:
            self._answer(item, lambda future: future.set_exception(error))

    def _answer(self, item: PendingBatch[Any], give: Callable[[Future[Any]], None]) -> None:
        if item.running or item.future.set_running_or_notify_cancel():
            give(item.future)
        self._answered(item)

    def _answered(self, item: PendingBatch[Any]) -> None:
        item.forget()
        with self._changed:
            self._waiting -= 1
            self._changed.notify_all()

    def _succeeded(self, item: PendingBatch[Any], candidate: Candidate) -> None:
        """With the lock held: the engines that failed on what this one could do have failed."""
        self._trials.shape = item.shape
        candidate.failures = 0
        for other, error in item.failed.items():
            other.failures += 1
            if other.failures >= self._failures:
                self._trip(other, error)

    def _trip(self, candidate: Candidate, error: BaseException) -> None:
        """With the lock held: another engine takes over, where there is one."""
        if self._candidates.trip(candidate, error):
            self._move([a for a in self._attempts if a.candidate is candidate and not a.begun])

    def _move(self, attempts: Sequence[Attempt]) -> None:
        """With the lock held: take attempts from their engine; their items go to another."""
        for attempt in attempts:
            if attempt.item.attempt is attempt:
                attempt.item.attempt = None
                self._again.put(attempt.item)

    def _run_again(self) -> None:
        """Items that came back go to the next engine, or fail. A thread of its own: it may wait."""
        while (item := self._again.get()) is not None:
            candidate = self._take(item, accepted=True)
            if candidate is not None:
                self._attempt(item, candidate)
            else:
                self._fail(item)
            del item  # it holds frames

    def _fail(self, item: PendingBatch[Any]) -> None:
        errors = list(item.failed.items())
        error: BaseException
        if len(errors) == 1:
            error = errors[0][1]
        else:
            error = InferenceError(failure_of_all(errors))
            error.__cause__ = errors[0][1] if errors else None
        self._answer(item, lambda future: future.set_exception(error))

    # Watching and trying

    def _watch(self) -> None:
        while not self._over.wait(min(0.5, self._hang_s / 4, self._retry_s / 4)):
            self._check()

    def _check(self) -> None:
        """Give up what hangs; try what has failed."""
        with self._changed:
            now = self._clock()
            for attempt in list(self._attempts):
                if attempt.since is not None and now - attempt.since > self._hang_s:
                    self._give_up(attempt, f"an inference hung for {self._hang_s:g} s")
            for candidate in self._candidates.all:
                mine = [a for a in self._attempts if a.candidate is candidate and not a.stuck]
                quiet = mine and not any(a.begun for a in mine)
                if quiet and now - candidate.progress > STALLED * self._hang_s:
                    for attempt in mine:
                        self._give_up(attempt, "it hangs, and begins no inference")
            due = self._trials.due(now)
        for candidate in due:
            self._trials.start(candidate, self._hang_s)

    def _give_up(self, attempt: Attempt, reason: str) -> None:
        """With the lock held: an engine hangs, so its attempt is taken away from it."""
        candidate, item = attempt.candidate, attempt.item
        attempt.since, attempt.stuck = None, True
        candidate.stuck += 1
        candidate.hangs += 1
        if item.attempt is not attempt:
            return
        error = InferenceError(f"engine {candidate.label}: {reason}")
        log.error(str(error))
        candidate.note(error)
        item.failed[candidate] = error
        self._trip(candidate, error)
        self._move([attempt])
        self._changed.notify_all()
