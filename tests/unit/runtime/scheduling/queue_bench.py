"""A queue with a virtual clock, and an engine that ends batches when it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sightline.config import Priority, SchedulerOptions
from sightline.runtime.scheduling.items import Batch, Item, Terms
from sightline.runtime.scheduling.queue import BatchQueue
from sightline.runtime.scheduling.room import QueueCapacity
from sightline.runtime.scheduling.speed import Measured, Speed

LANE = (8, 8)


MS = 1e-3


class Bench:
    """A queue with a virtual clock and an engine that ends batches when it is told to."""

    def __init__(
        self,
        requests: int = 1,
        sizes: Sequence[int] | None = None,
        *,
        alone_ms: float | Sequence[float] = (),
        cost_ms: float | None = None,
        room: QueueCapacity | None = None,
        **options: Any,
    ) -> None:
        self.options = SchedulerOptions(**options)
        self.room = room or QueueCapacity(self.options.queue)
        self.speed = Speed(requests, sizes)
        if isinstance(alone_ms, Sequence) and alone_ms:
            # A serial engine: what a batch takes alone is what it takes of the engine.
            taken = zip(sizes or (1,), alone_ms, strict=True)
            self.speed.learn(LANE, [Measured(n, ms * MS, ms * MS / n) for n, ms in taken])
        if cost_ms is not None:
            self.speed.cost = cost_ms * MS
        self.queue = BatchQueue("m", self.options, self.room, self.speed)
        self.now = 100.0
        self.names: dict[Item, str] = {}

    def push(
        self,
        name: str,
        client: str | None = None,
        priority: Priority = "normal",
        *,
        pictures: int = 1,
        input_size: tuple[int, int] = LANE,
        age_ms: float | None = None,
        **terms: Any,
    ) -> Item:
        if "deadline_ms" in terms:
            terms["deadline"] = self.now + terms.pop("deadline_ms") * MS
        if age_ms is not None:
            terms["since"] = self.now - age_ms * MS
        item = Item(
            (pictures, *input_size),
            lambda _: None,
            lambda _: None,
            Terms(client or name, priority, **terms),
            self.now,
        )
        self.names[item] = name
        self.queue.push(item, self.now)
        return item

    def take(self) -> list[str] | None:
        batch = self.queue.take(self.now)
        self.last: Batch | None = batch
        return None if batch is None else [self.names[item] for item in batch.items]

    def end(self, *, after_ms: float = 0.0, well: bool = True) -> None:
        """The oldest batch in flight comes back."""
        self.wait(after_ms)
        self.queue.ended(next(iter(self.queue.in_flight)), self.now, well=well)

    def wait(self, ms: float) -> None:
        self.now += ms * MS

    def run_all(self, each_ms: float = 0.0) -> list[str]:
        """Run what waits, a batch at a time; names in the order in which they ran."""
        ran: list[str] = []
        while (names := self.take()) is not None:
            ran += names
            self.end(after_ms=each_ms)
        return ran

    def dropped(self) -> list[tuple[str, str]]:
        return [(self.names[item], reason) for item, reason, _ in self.queue.backlog.dropped()]
