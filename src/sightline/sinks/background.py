"""Work that a sink does in a thread of its own, so that the stream does not wait for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from sightline import interpreter
from sightline.errors import SinkError

T = TypeVar("T")


class Background(Generic[T]):
    """A bounded queue and the thread that empties it. Nothing is dropped: ``put`` waits instead.

    Args:
        consume: called in the thread with 1 to ``batch`` items, in the order they came.
        capacity: items that may wait.
        batch: most items handed to ``consume`` at once.
        linger_s: how long the first item of a batch may wait for others, in seconds.
        name: the thread's name.

    The first failure of ``consume`` ends the work: every later ``put`` raises it, and so does
    ``close`` where no ``put`` did.
    """

    def __init__(
        self,
        consume: Callable[[Sequence[T]], None],
        *,
        capacity: int,
        name: str,
        batch: int = 1,
        linger_s: float = 0.0,
    ) -> None:
        self._consume = consume
        self._capacity = capacity
        self._batch = min(batch, capacity)
        self._linger_s = linger_s
        self._items: deque[T] = deque()
        self._make_locks()
        self._closing = False
        self._trouble: BaseException | None = None
        self._failure: BaseException | None = None
        self._reported = False
        self._left = 0
        # A daemon: a program that forgets to close a sink can still end.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        interpreter.watch(self)

    @property
    def failure(self) -> BaseException | None:
        """The first failure of ``consume``."""
        return self._failure

    @property
    def left(self) -> int:
        """Items that were taken and never consumed, because ``consume`` failed."""
        return self._left

    @property
    def trouble(self) -> BaseException | None:
        """What holds ``consume`` up."""
        return self._trouble

    @property
    def closing(self) -> bool:
        """Whether nothing more will come."""
        return self._closing

    def tell(self, trouble: BaseException | None) -> None:
        """``consume`` is held up by this, or goes on (None): until then ``put`` raises it where the
        queue is full, instead of waiting for nobody knows how long."""
        with self._lock:
            self._trouble = trouble
            self._space.notify_all()

    def rest(self, seconds: float) -> None:
        """For ``consume``: wait for so long, or until ``close``."""
        with self._lock:
            self._work.wait_for(lambda: self._closing, seconds)

    def put(self, item: T) -> None:
        """Hand an item on; waits while the queue is full. Raises the thread's first failure; ValueError: it is closed."""
        with self._lock:
            while len(self._items) >= self._capacity and self._failure is None:
                if self._trouble is not None:
                    raise self._trouble
                self._space.wait()
            if self._failure is not None:
                self._reported = True
                raise self._failure
            if self._closing:
                raise ValueError("put after close")
            self._items.append(item)
            # Waking the thread costs more than the rest of put: only when it has a reason to run.
            if len(self._items) == 1 or len(self._items) >= self._batch:
                self._work.notify()

    def close(self) -> None:
        """Finish what waits, end the thread, and raise its failure if nobody saw it yet."""
        self._finish()
        self._thread.join()
        if self._failure is not None and not self._reported:
            self._reported = True
            raise self._failure

    def end_threads(self, deadline: float) -> None:
        """See ``RunsThreads.end_threads``: what was accepted is written first."""
        self._finish()
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def after_fork(self) -> None:
        """In a forked child: nothing is written any more, and ``put`` raises SinkError."""
        self._make_locks()
        self._items.clear()
        self._failure = SinkError(
            f"{self._thread.name}: this output belongs to the process that this one was forked from: "
            "open outputs in the process that writes them"
        )
        self._reported = True  # closing it is the parent's affair

    def _make_locks(self) -> None:
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._space = threading.Condition(self._lock)

    def _finish(self) -> None:
        with self._lock:
            self._closing = True
            self._work.notify()

    def _run(self) -> None:
        items: list[T] = []
        try:
            while items := self._take():
                self._consume(items)
        except BaseException as failure:  # noqa: BLE001 - handed to the next put or to close
            with self._lock:
                self._failure = failure
                self._left = len(items) + len(self._items)
                self._items.clear()
                self._space.notify_all()

    def _take(self) -> list[T]:
        """The next batch; empty when the work is over."""
        with self._lock:
            while not self._items and not self._closing:
                self._work.wait()
            deadline = time.monotonic() + self._linger_s
            while self._items and len(self._items) < self._batch and not self._closing:
                left = deadline - time.monotonic()
                if left <= 0 or not self._work.wait(left):
                    break
            items = list(islice(self._items, self._batch))
            for _ in items:
                self._items.popleft()
            self._space.notify_all()
            return items
