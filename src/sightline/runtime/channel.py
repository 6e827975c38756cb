"""A bounded queue between two threads that passes on its end and its failure."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """At most ``capacity`` items; one side puts and closes, the other iterates.

    ``close`` ends the iteration after the items that are in it; ``close(error)`` makes it raise.
    ``cancel`` throws the items away, ends the iteration, and makes ``put`` return False.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._cancelled = False
        self._error: BaseException | None = None

    @property
    def cancelled(self) -> bool:
        """Whether nobody reads any more."""
        return self._cancelled

    def put(self, item: T) -> bool:
        """Wait for room and put; False when nobody reads any more."""
        with self._changed:
            while len(self._items) >= self._capacity and not self._cancelled:
                self._changed.wait()
            if self._cancelled:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more will come. The first call counts."""
        with self._changed:
            if not self._closed:
                self._closed, self._error = True, None if self._cancelled else error
                self._changed.notify_all()

    def cancel(self) -> None:
        """Nobody will read any more."""
        with self._changed:
            self._cancelled = True
            self._items.clear()
            self._error = None  # its trace holds this channel, and frames with their pictures
            self._changed.notify_all()

    def renew(self, error: BaseException) -> None:
        """In a forked child: the other side and its lock stayed behind, so the iteration raises this."""
        self._changed = threading.Condition()
        self._items.clear()
        self._cancelled = self._closed = True
        self._error = error

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                while not (self._items or self._closed or self._cancelled):
                    self._changed.wait()
                if not self._items:
                    error, self._error = self._error, None
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item  # while this waits, whoever has the item decides how long it lives
        if error is not None:
            try:
                raise error
            finally:
                del error  # its trace holds this frame: no circle
