"""A queue and an engine in simulated time, with clients that load them: minutes take moments."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sightline.config import SchedulerOptions
from sightline.errors import Overloaded
from sightline.runtime.scheduling.items import Batch, Item, Terms
from sightline.runtime.scheduling.queue import BatchQueue
from sightline.runtime.scheduling.room import QueueCapacity
from sightline.runtime.scheduling.speed import Speed

LANE = (8, 8)


@dataclass
class Told:
    """What became of the items of one client."""

    queued: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    answered_at: list[float] = field(default_factory=list)
    sent: int = 0
    refused: int = 0
    dropped: list[float] = field(default_factory=list)
    batches: Counter[int] = field(default_factory=Counter)

    def p99(self) -> float:
        return float(np.percentile(self.answered, 99))


class Simulation:
    """A queue and an engine in simulated time.

    The engine runs ``parallel`` batches side by side, each for ``seconds(pictures)``, and lets the
    others that it was given wait inside, as runtimes do.
    """

    def __init__(
        self,
        seconds: Callable[[int], float] = lambda n: 0.02 * n,
        *,
        requests: int = 4,
        parallel: int = 2,
        sizes: Sequence[int] | None = None,
        options: SchedulerOptions | None = None,
    ) -> None:
        options = options or SchedulerOptions()
        self.speed = Speed(requests, sizes)
        self.queue = BatchQueue("m", options, QueueCapacity(options.queue), self.speed)
        self.told: dict[str, Told] = {}
        self.now = 0.0
        self._seconds, self._idle = seconds, parallel
        self._inside: deque[Batch] = deque()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()

    def open_load(
        self, terms: Terms, per_second: float, seconds: float, seed: int = 0, start: float = 0.0
    ) -> None:
        """A client whose items come at random, whatever becomes of them."""
        told, draw = self.told.setdefault(terms.client, Told()), random.Random(seed)
        at = start
        while (at := at + draw.expovariate(per_second)) < start + seconds:
            self._at(at, lambda: self._push(terms, told) and None)

    def camera(
        self, terms: Terms, fps: float, seconds: float, phase: float = 0.0, jitter: float = 0.0
    ) -> None:
        """A live stream: a frame every ``1 / fps`` seconds, each late by up to ``jitter``."""
        told, draw = self.told.setdefault(terms.client, Told()), random.Random(terms.client)
        for number in range(int((seconds - phase) * fps) + 1):
            at = phase + number / fps + draw.uniform(0.0, jitter)
            self._at(at, lambda: self._push(terms, told) and None)

    def closed_load(self, terms: Terms, in_flight: int, seconds: float, pause: float = 0.0) -> None:
        """A client that keeps so many in flight; it waits for 20 ms where it was refused."""
        told = self.told.setdefault(terms.client, Told())

        def send() -> None:
            if self.now < seconds and not self._push(terms, told, again):
                self._at(self.now + 0.02, send)

        def again() -> None:
            self._at(self.now + pause, send)

        for _ in range(in_flight):
            self._at(0.0, send)

    def run(self, until: float = float("inf")) -> None:
        """Play the events, those up to ``until``: what still waits then has no outcome."""
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()
            self._serve()

    def _at(self, at: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at, next(self._number), event))

    def _push(self, terms: Terms, told: Told, then: Callable[[], None] | None = None) -> bool:
        told.sent += 1
        item = Item((1, *LANE), print, print, terms, self.now)
        if then is not None:
            item.future.add_done_callback(lambda _: then())
        try:
            self.queue.push(item, self.now)
        except Overloaded:
            told.refused += 1
            return False
        return True

    def _serve(self) -> None:
        while (batch := self.queue.take(self.now)) is not None:
            for item in batch.items:
                self.told[item.terms.client].queued.append(self.now - item.arrived)
            self._inside.append(batch)
        while self._idle and self._inside:
            self._idle -= 1
            batch = self._inside.popleft()
            ends = self.now + self._seconds(batch.pictures)
            self._at(ends, lambda batch=batch: self._end(batch))  # type: ignore[misc]
        for item, _, error in self.queue.backlog.dropped():
            self.told[item.terms.client].dropped.append(self.now - item.arrived)
            item.future.set_exception(error) if error is not None else None
        wake = self.queue.wake_at(self.now)
        if self.now < wake < float("inf") and not any(at <= wake for at, _, _ in self._events[:1]):
            self._at(wake, lambda: None)

    def _end(self, batch: Batch) -> None:
        self._idle += 1
        self.queue.ended(batch, self.now, well=True)
        for item in batch.items:
            told = self.told[item.terms.client]
            told.answered.append(self.now - item.arrived)
            told.answered_at.append(self.now)
            told.batches[batch.pictures] += 1
            item.future.set_result(None)


def p99_of(simulation: Simulation) -> float:
    answered = [t for told in simulation.told.values() for t in told.answered]
    return float(np.percentile(answered, 99))
