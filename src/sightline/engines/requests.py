"""Requests in flight: the part that all engines of this machine share.

Every worker thread owns one inference request of the runtime at a time. A job waits in a bounded
queue; a worker fills the request's input memory, runs it and reads its outputs. Filling, inference
and most of the reading run in C code that has let go of the GIL, so workers overlap.

A watchdog looks after the inferences. A thread that hangs in a runtime cannot be ended from outside:
its job fails, its place is taken by a new thread with tensors of its own, and should it come back,
nobody reads what it brings.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, Protocol, TypeVar

from sightline import interpreter
from sightline.errors import EngineError, InferenceError, let_go_of_frames
from sightline.types import EngineInfo, Floats, Pixels

log = logging.getLogger(__name__)
T = TypeVar("T")
Shape = tuple[int, int, int]

KEPT_SHAPES = 8
"""Inputs of so many sizes stay ready in a worker; each costs memory for its tensors."""

ACCEPTED = 2
"""Jobs that an engine accepts for each request in flight: while one runs, another waits."""

CUDA_REQUESTS = {"throughput": 3, "latency": 1}
"""Inferences side by side on a CUDA device, by ``EngineOptions.hint``: one computes while others copy."""

HANG_S = 60.0
"""An inference that takes longer has hung, unless an engine is told otherwise."""


class Request(Protocol):
    """One inference of a runtime with its own memory, for one input shape."""

    @property
    def input(self) -> Pixels:
        """(N, H, W, 3) uint8, the runtime's own input memory."""

    def run(self) -> Sequence[Floats]:
        """Infer; the outputs are valid until the next run. Raises InferenceError."""


class Workers:
    """Runs jobs on ``count`` threads, at most ``ACCEPTED * count`` accepted at a time.

    Only the inference itself is watched: making a request may mean compiling a network, and
    ``fill`` and ``read`` are the caller's. As many stuck threads as there are workers are replaced;
    when more hang and no worker is left, what waits fails and ``submit`` refuses, until a thread
    comes back.

    Args:
        name: of the engine, for messages and thread names.
        count: inferences side by side.
        make_request: called in a worker, for each shape that comes to it.
        hang_s: an inference that takes longer is given up: its future fails.
    """

    def __init__(
        self,
        name: str,
        count: int,
        make_request: Callable[[Shape], Request],
        *,
        hang_s: float = HANG_S,
    ) -> None:
        self._name = name
        self._count = count
        self._make_request = make_request
        self._hang_s = hang_s
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(ACCEPTED * count)
        self._changed = threading.Condition()  # its lock guards what follows
        self._closed = False
        self._forked = False
        self._working: dict[_Worker, threading.Thread] = {}
        self._stuck: set[_Worker] = set()
        self._done = threading.Event()
        with self._changed:
            for _ in range(count):
                self._start_worker()
        self._watchdog = threading.Thread(target=self._watch, name=f"{name}-watchdog", daemon=True)
        self._watchdog.start()
        interpreter.watch(self)

    def submit(
        self, shape: Shape, fill: Callable[[Pixels], None], read: Callable[[Sequence[Floats]], T]
    ) -> Future[T]:
        """See ``Engine.submit``."""
        job = _Job(shape, fill, read)
        self._room.acquire()
        with self._changed:
            if not self._closed and self._working:
                self._jobs.put(job)
                return job.future
        self._room.release()
        interpreter.stop_if_ending()
        raise EngineError(f"engine {self._name}{self._refusal()}")

    def close(self) -> None:
        """Finish what was accepted, or give it up where it hangs; end the threads. Idempotent."""
        self._end(None)
        self._make_request = _none  # it may be the engine's own method: no circle keeps its memory

    def end_threads(self, deadline: float) -> None:
        """See ``RunsThreads.end_threads``."""
        self._end(deadline)

    def after_fork(self) -> None:
        """The runtime is a copy that no thread serves: whoever wants it is told so at once."""
        self._jobs = queue.SimpleQueue()
        self._room = threading.Semaphore(ACCEPTED * self._count)
        self._changed = threading.Condition()
        self._working.clear()
        self._stuck.clear()
        self._forked = True
        interpreter.abandon(self._make_request)

    def _end(self, deadline: float | None) -> None:
        """Take no more jobs, and wait for the threads (until a monotonic time)."""

        def left_s() -> float | None:
            return None if deadline is None else max(0.0, deadline - time.monotonic())

        with self._changed:
            threads = list(self._working.values())
            if not self._closed:
                self._closed = True
                for _ in threads:
                    self._jobs.put(None)
            self._changed.wait_for(lambda: not self._working, left_s())
            stuck = {worker.thread for worker in self._stuck}
        for thread in threads:
            if thread not in stuck:
                thread.join(left_s())
        self._done.set()
        self._watchdog.join(left_s())

    def _refusal(self) -> str:
        """Why a job is not taken."""
        if self._closed:
            return " was closed: load the model again"
        if self._forked:
            return (
                " was inherited through a fork, and its threads were not: load the model in this "
                "process, or start processes with `spawn`"
            )
        return ": every worker hangs in an inference"

    def _start_worker(self) -> None:
        worker = _Worker()
        worker.thread = threading.Thread(
            target=self._work, args=(worker,), name=f"{self._name}-worker", daemon=True
        )
        self._working[worker] = worker.thread
        worker.thread.start()

    def _work(self, worker: _Worker) -> None:
        requests = _Requests(self._make_request)
        while (job := self._jobs.get()) is not None:
            in_time = self._do(worker, job, requests)
            del job  # it holds frames: their memory must not wait for the next job
            if not in_time and not self._rejoin(worker):
                return
        with self._changed:
            del self._working[worker]
            self._changed.notify_all()

    def _do(self, worker: _Worker, job: _Job[Any], requests: _Requests) -> bool:
        """Do a job; False where the watchdog has answered for it."""
        if not job.future.set_running_or_notify_cancel():
            self._room.release()
            return True
        try:
            request = requests.get(job.shape)
            job.fill(request.input)
            outputs = worker.infer(job, request, self._name, self._changed)
            if outputs is None:
                return False
            job.future.set_result(job.read(outputs))
        except BaseException as exc:  # noqa: BLE001 - the caller gets any error
            let_go_of_frames(exc)
            job.future.set_exception(_said(exc, self._name, job.shape))
            del job  # the trace holds this function, and the future the trace: no circle
        self._room.release()
        return True

    def _rejoin(self, worker: _Worker) -> bool:
        """A thread that was given up is back: it works on where one is missing, else it ends."""
        with self._changed:
            self._stuck.discard(worker)
            missing = not self._closed and len(self._working) < self._count
            if missing:
                self._working[worker] = worker.thread
        log.warning("%s: an inference that hung came back late", self._name)
        return missing

    def _watch(self) -> None:
        while not self._done.wait(min(1.0, self._hang_s / 4)):
            self._give_up_hanging()

    def _give_up_hanging(self) -> None:
        now = time.monotonic()
        lost: list[_Job[Any]] = []
        with self._changed:
            hung = [
                worker
                for worker in self._working
                if worker.job is not None and now - worker.since > self._hang_s
            ]
            for worker in hung:
                assert worker.job is not None
                lost.append(worker.job)
                worker.job = None
                del self._working[worker]
                self._stuck.add(worker)
                if len(self._stuck) <= self._count:
                    self._start_worker()
            waiting = [] if self._working else self._take_all()
            self._changed.notify_all()
        for job in lost:
            self._fail(job, f"{self._name}: an inference hung; given up after {self._hang_s:g} s")
        for job in waiting:
            if job.future.set_running_or_notify_cancel():
                self._fail(job, f"{self._name}: every worker hangs in an inference")
            else:
                self._room.release()

    def _take_all(self) -> list[_Job[Any]]:
        jobs = []
        with contextlib.suppress(queue.Empty):
            while True:
                if (job := self._jobs.get_nowait()) is not None:
                    jobs.append(job)
        return jobs

    def _fail(self, job: _Job[Any], reason: str) -> None:
        log.error(reason)
        job.forget()
        job.future.set_exception(InferenceError(reason))
        self._room.release()


class _Job(Generic[T]):
    def __init__(
        self, shape: Shape, fill: Callable[[Pixels], None], read: Callable[[Sequence[Floats]], T]
    ) -> None:
        self.shape, self.fill, self.read = shape, fill, read
        self.future: Future[T] = Future()

    def forget(self) -> None:
        """Let go of the caller's frames: a thread that hangs may hold this job for ever."""
        del self.fill, self.read


class _Worker:
    """A thread and, while it infers, the job and since when (monotonic)."""

    thread: threading.Thread
    job: _Job[Any] | None = None
    since: float = 0.0

    def infer(
        self, job: _Job[Any], request: Request, name: str, lock: threading.Condition
    ) -> Sequence[Floats] | None:
        """The outputs, or None where they come too late. Raises what the runtime raises in time."""
        with lock:
            self.job, self.since = job, time.monotonic()
        failure: BaseException | None = None
        outputs: Sequence[Floats] = ()
        try:
            outputs = request.run()
        except Exception as exc:  # noqa: BLE001 - raised below, unless it comes too late
            failure = exc
        except BaseException as exc:  # noqa: BLE001 - the runtime would end this thread
            failure = InferenceError(f"{name} broke off an inference: {exc!r}")
            failure.__cause__ = exc
        with lock:
            in_time = self.job is job
            self.job = None
        if not in_time:
            return None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # its trace holds this function: no circle
        return outputs


class _Requests:
    """A worker's requests by shape; the one that was not used for longest goes first."""

    def __init__(self, make: Callable[[Shape], Request]) -> None:
        self._make = make
        self._kept: OrderedDict[Shape, Request] = OrderedDict()

    def get(self, shape: Shape) -> Request:
        """The request of a shape; the one used longest ago is let go of where there are too many."""
        request = self._kept.get(shape)
        if request is None:
            request = self._kept[shape] = self._make(shape)
            if len(self._kept) > KEPT_SHAPES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(shape)
        return request


class WorkersEngine:
    """An ``Engine`` on this project's own workers: a runtime says what it is, and makes requests."""

    _info: EngineInfo
    _workers: Workers

    @property
    def info(self) -> EngineInfo:
        """What the runtime and the model are."""
        return self._info

    def submit(
        self,
        shape: Shape,
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``: one batch (N, H, W); the future has what ``read`` returned."""
        return self._workers.submit(shape, fill, read)

    def close(self) -> None:
        """See ``Engine.close``."""
        self._workers.close()


def _said(error: BaseException, name: str, shape: Shape) -> BaseException:
    """What a job failed with, as its caller is told: memory that is not there is not a defect."""
    if not isinstance(error, MemoryError):
        return error
    n, height, width = shape
    failure = InferenceError(
        f"{name}: not enough memory for {n} picture{'s'[: n > 1]} of {width}×{height}: choose a smaller size or batch"
    )
    failure.__cause__ = error
    return failure


def _none(shape: Shape) -> Request:
    raise EngineError(f"no request for {shape} can be made: the engine was closed")


def as_floats(outputs: Sequence[object]) -> list[Floats]:
    """Outputs as float32 arrays; those that already are go through untouched."""
    import numpy as np

    return [np.asarray(o, np.float32) for o in outputs]
