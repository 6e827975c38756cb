"""A thread that does one job after another, and takes no more than a few."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable

from sightline import interpreter
from sightline.errors import defect

log = logging.getLogger(__name__)


class JobThread:
    """Runs jobs in order. A job that raises ends no other.

    Args:
        name: of the thread.
        most: jobs that may wait.
    """

    def __init__(self, name: str, most: int) -> None:
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(most)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        interpreter.watch(self)

    @property
    def idle(self) -> bool:
        """No job waits."""
        return self._jobs.empty()

    def put(self, job: Callable[[], None]) -> bool:
        """Take a job, without waiting; False where too many wait already, or it has ended."""
        if self._closed:
            return False
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """End after the job that runs; those that wait are forgotten. Idempotent."""
        self._end(None)

    def end_threads(self, deadline: float) -> None:
        """See ``RunsThreads.end_threads``."""
        self._end(deadline)

    def after_fork(self) -> None:
        """Its thread is the parent's: it takes nothing any more."""
        self._closed = True

    def _end(self, deadline: float | None) -> None:
        self._closed = True
        while True:
            try:
                self._jobs.get_nowait()
            except queue.Empty:
                break
        with contextlib.suppress(
            queue.Full
        ):  # by a job that came meanwhile: it is taken, and not done
            self._jobs.put_nowait(None)
        if self._thread is not threading.current_thread():
            self._thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None and not self._closed:
            try:
                job()
            except Exception as exc:
                # Whatever it is: it belongs to one picture, and those that follow are seen too.
                log.error("%s: a job broke off: %s", self._thread.name, exc, exc_info=defect(exc))
            del job  # it holds a frame
