"""Requests in flight: the part that all engines of this machine share.

Every worker thread owns one inference request of the runtime at a time. A job waits in a bounded
queue; a worker fills the request's input memory, runs it and reads its outputs. Filling, inference
and most of the reading run in C code that has let go of the GIL, so workers overlap.
"""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from sightline.errors import EngineError
from sightline.types import Floats, Pixels

T = TypeVar("T")
Shape = tuple[int, int, int]

KEPT_SHAPES = 8
"""Inputs of so many sizes stay ready in a worker; each costs memory for its tensors."""


class Request(Protocol):
    """One inference of a runtime with its own memory, for one input shape."""

    @property
    def input(self) -> Pixels:
        """(N, H, W, 3) uint8, the runtime's own input memory."""

    def run(self) -> Sequence[Floats]:
        """Infer; the outputs are valid until the next run. Raises InferenceError."""


class Workers:
    """Runs jobs on ``count`` threads, at most ``2 * count`` accepted at a time."""

    def __init__(self, name: str, count: int, make_request: Callable[[Shape], Request]) -> None:
        self._name = name
        self._make_request = make_request
        self._jobs: queue.SimpleQueue[Callable[[_Requests], None] | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(2 * count)
        self._closing = threading.Lock()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{i}", daemon=True)
            for i in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self, shape: Shape, fill: Callable[[Pixels], None], read: Callable[[Sequence[Floats]], T]
    ) -> Future[T]:
        """See ``Engine.submit``."""
        future: Future[T] = Future()

        def job(requests: _Requests) -> None:
            try:
                if not future.set_running_or_notify_cancel():
                    return
                request = requests.get(shape)
                fill(request.input)
                future.set_result(read(request.run()))
            except BaseException as exc:  # noqa: BLE001 - the caller gets it, whatever it is
                future.set_exception(exc)
            finally:
                self._room.release()

        self._room.acquire()
        with self._closing:
            if self._closed:
                self._room.release()
                raise EngineError(f"engine {self._name} was closed")
            self._jobs.put(job)
        return future

    def close(self) -> None:
        """Finish what was accepted, then end the threads. Idempotent."""
        with self._closing:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        requests = _Requests(self._make_request)
        while (job := self._jobs.get()) is not None:
            job(requests)
            del job  # it holds frames: their memory must not wait for the next job


class _Requests:
    """A worker's requests by shape; the one that was not used for longest goes first."""

    def __init__(self, make: Callable[[Shape], Request]) -> None:
        self._make = make
        self._kept: OrderedDict[Shape, Request] = OrderedDict()

    def get(self, shape: Shape) -> Request:
        request = self._kept.get(shape)
        if request is None:
            request = self._kept[shape] = self._make(shape)
            if len(self._kept) > KEPT_SHAPES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(shape)
        return request


def as_floats(outputs: Sequence[Any]) -> list[Floats]:
    """Outputs as float32 arrays; those that already are go through untouched."""
    import numpy as np

    return [np.asarray(o, np.float32) for o in outputs]
