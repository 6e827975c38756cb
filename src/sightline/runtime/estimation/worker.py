"""Who looks at moments of streams: a thread, and a reference model in a process of its own, shared by streams."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sightline.errors import EngineUnavailable
from sightline.runtime.repository.served_model import Overrides
from sightline.runtime.rollouts.background import (
    BackgroundDetector,
    MakeDetector,
    ProcessTimeouts,
)
from sightline.runtime.rollouts.jobs import JobThread
from sightline.types import Detections, Frame

WAITING = 4
"""Moments that wait to be looked at, at most: each holds three frames."""
PATIENCE = ProcessTimeouts(start_s=600.0, hang_s=300.0, pause_max_s=600.0, idle_start=True)
"""On a machine that is full, a process without a claim to the processor takes minutes."""


class EstimationWorker:
    """Looks at moments one after another, and shows frames to a reference model, if there is one.

    Args:
        name: of the reference, for messages.
        make: makes its detector, in its process, which is started when it is asked for the first time; None:
            there is no reference.
    """

    def __init__(self, name: str, make: MakeDetector | None = None) -> None:
        self.name = name
        self.has_reference = make is not None
        self._make = make
        self._lock = threading.Lock()
        self._closed = False
        self._reference: BackgroundDetector | None = None
        self._thread = JobThread(f"estimate-{name}", WAITING)

    def put(self, job: Callable[[], None]) -> bool:
        """Take a job, without waiting; False where too many wait already, or it has ended."""
        return self._thread.put(job)

    def class_names(self) -> tuple[str, ...]:
        """The classes of the reference, which is loaded where it is not. Within a job; blocks.

        Raises EngineUnavailable: its process is not started again yet; or what loading it raises.
        """
        return self._started().ready().class_names

    def look(self, frame: Frame) -> Detections:
        """What the reference finds in a frame. Within a job; blocks.

        Raises as ``class_names``, and what detecting raises.
        """
        return self._started().detect(frame, Overrides()).objects

    def close(self) -> None:
        """End the process of the reference, then the thread. Idempotent."""
        with self._lock:
            self._closed = True
            reference = self._reference
        if reference is not None:
            reference.close()
        self._thread.close()

    def _started(self) -> BackgroundDetector:
        with self._lock:
            if self._closed:
                raise EngineUnavailable(f"model {self.name}: its process has ended")
            if self._reference is None:
                assert self._make is not None, "nobody asks for a reference where there is none"
                self._reference = BackgroundDetector(self.name, self._make, patience=PATIENCE)
            return self._reference


class EstimationWorkers:
    """The workers of all streams of a process: one for each reference model, while a stream uses it.

    Args:
        make: how the reference of a name is made.
    """

    def __init__(self, make: Callable[[str], MakeDetector]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._closed = False
        self._used: dict[str | None, tuple[EstimationWorker, int]] = {}

    def take(self, reference: str | None) -> EstimationWorker | None:
        """The worker of a reference, or that of streams without one, to be given back; None: all have ended."""
        with self._lock:
            if self._closed:
                return None
            worker, users = self._used.get(reference, (None, 0))
            if worker is None:
                make = None if reference is None else self._make(reference)
                worker = EstimationWorker(reference or "alone", make)
            self._used[reference] = (worker, users + 1)
            return worker

    def give_back(self, reference: str | None) -> None:
        """A stream no longer uses a worker; the last one ends it."""
        with self._lock:
            worker, users = self._used[reference]
            self._used[reference] = (worker, users - 1)
            if users > 1:
                return
            del self._used[reference]
        worker.close()

    def close(self) -> None:
        """End all. Idempotent."""
        with self._lock:
            self._closed = True
            workers = [worker for worker, _ in self._used.values()]
        for worker in workers:
            worker.close()
