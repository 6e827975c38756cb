"""Delivers alerts elsewhere from a thread of its own: a slow receiver holds nobody up."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryFailure(Generic[T]):
    """What an attempt could not deliver of an item, what was wrong, and whether another attempt is of use."""

    item: T
    problem: str
    again: bool


class RetriedDelivery(Generic[T]):
    """A bounded queue whose items are delivered one after the other.

    What cannot be delivered is tried again with growing pauses, then given up and logged; while that goes
    on, later items wait in line.

    Args:
        kind: what delivers them, for messages: ``webhook``.
        attempt: tries once; returns what it could not deliver, or None.
        attempts: before an item is given up.
        backoff_s: before the second attempt; doubles.
        capacity: items that may wait; the oldest is given up for a newer one.
        join: makes one of an item that waits and a later one, or says None where they do not go together.
    """

    def __init__(
        self,
        kind: str,
        attempt: Callable[[T], DeliveryFailure[T] | None],
        attempts: int = 6,
        backoff_s: float = 0.5,
        capacity: int = 100,
        join: Callable[[T, T], T | None] = lambda *_: None,
    ) -> None:
        self._kind, self._attempt, self._join = kind, attempt, join
        self._attempts, self._backoff_s, self._capacity = attempts, backoff_s, capacity
        self._waiting: deque[tuple[str, T]] = deque()
        self._work = threading.Condition()
        self._closing = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=kind, daemon=True)
        self._thread.start()

    def put(self, name: str, item: T) -> None:
        """Deliver an item soon, which belongs to the alert of this name; returns at once."""
        with self._work:
            for place, (first, other) in enumerate(self._waiting):
                joined = self._join(other, item)
                if joined is not None:
                    self._waiting[place] = (first, joined)
                    return
            if len(self._waiting) >= self._capacity:
                oldest, _ = self._waiting.popleft()
                log.error("%s: too many wait; an alert of %s is given up", self._kind, oldest)
            self._waiting.append((name, item))
            self._work.notify()

    def close(self, timeout_s: float = 5.0) -> None:
        """Deliver what waits, for so long at most, without pauses between attempts. Idempotent."""
        with self._work:
            self._closing = True
            self._work.notify()
        self._ended.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._work:
                while not self._waiting and not self._closing:
                    self._work.wait()
                if not self._waiting:
                    return
                name, item = self._waiting.popleft()
            self._deliver(name, item)

    def _deliver(self, name: str, item: T) -> None:
        pause = self._backoff_s
        for attempt in range(1, self._attempts + 1):
            try:
                unsent = self._attempt(item)
            except Exception as exc:  # noqa: BLE001 - all later alerts would be lost, too; its text may hold a secret
                unsent = DeliveryFailure(item, f"cannot be sent: {type(exc).__name__}", again=False)
            if unsent is None:
                return
            item = unsent.item
            if not unsent.again or attempt == self._attempts:
                log.error(
                    "%s of alert %s: given up after %d: %s",
                    self._kind,
                    name,
                    attempt,
                    unsent.problem,
                )
                return
            log.warning("%s of alert %s: %s; trying again", self._kind, name, unsent.problem)
            self._ended.wait(pause)
            pause *= 2
