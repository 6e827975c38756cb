"""What waits for an engine, and what it has in flight. No threads and no clock: ``now`` is handed in.

What is run next is chosen in ``batch_choice``.
"""

from __future__ import annotations

from sightline.config import Priority, SchedulerOptions
from sightline.errors import InferenceError, Overloaded
from sightline.runtime.scheduling.admission import QueueAdmission
from sightline.runtime.scheduling.backlog import Backlog
from sightline.runtime.scheduling.batch_choice import BatchChoice
from sightline.runtime.scheduling.items import KEPT, URGENT, Batch, Item
from sightline.runtime.scheduling.live_frames import LiveFrames
from sightline.runtime.scheduling.room import QueueCapacity
from sightline.runtime.scheduling.speed import Speed
from sightline.runtime.scheduling.wait_prediction import WaitPrediction


class BatchQueue:
    """The items that wait for one engine, and the batches that it has in flight.

    Args:
        name: of the model, for messages.
        options: budgets and limits.
        room: shared with the queues of other models.
        speed: of the engine.
    """

    def __init__(
        self, name: str, options: SchedulerOptions, room: QueueCapacity, speed: Speed
    ) -> None:
        self.name = name
        self.speed = speed
        self.backlog = Backlog(name)
        self.in_flight: dict[Batch, None] = {}  # in the order in which they were started
        self._options = options
        budgets: dict[Priority, float] = {
            "urgent": options.urgent_ms / 1e3,
            "normal": options.normal_ms / 1e3,
            "batch": options.batch_ms / 1e3,
        }
        longest = {name: budget * options.refuse_after for name, budget in budgets.items()}
        self._waits = WaitPrediction(self.backlog, speed)
        self._admission = QueueAdmission(self.backlog, self._waits, room, longest)
        self._live = LiveFrames(self.backlog, budgets, self._waits)
        self._choice = BatchChoice(self.backlog, budgets, self._live, speed)
        room.backlogs.append(self.backlog)

    # Coming in.

    def push(self, item: Item, now: float) -> None:
        """Let an item wait. What it pushes out is in ``backlog.dropped``.

        Raises Overloaded: there is no room, or it would wait for too long. A live frame is never
        refused: it becomes a spare where it would wait for too long.
        """
        if self.speed.hung:
            raise Overloaded(
                f"model {self.name} does not answer: all its requests hang",
                self._options.watchdog_s,
            )
        terms = item.terms
        item.client = client = self.backlog.clients.get(terms, now)
        if client.frames:
            for older in self._live.replaced(item, now):
                self.backlog.replace(older)
        if (
            item.rank != URGENT
            and terms.min_rate
            and self.backlog.clients.spend(client, terms.min_rate, now)
        ):
            item.rank = KEPT
        placed = self._admission.find_place(item, now)
        self.backlog.add(item)
        if not placed:
            self._live.make_spare(item)
        elif terms.live:
            self._live.give_way(item.rank, now)
        self._waits.arrived(item, now)
        self._choice.arrived(now)

    def check(self, item: Item, now: float, coming: float = 0.0) -> None:
        """See whether an item would be refused, without taking it: ``QueueAdmission.check``."""
        self._admission.check(item, now, coming)

    # Going out.

    def take(self, now: float) -> Batch | None:
        """The batch to run now; None: nothing waits, nothing is ready, or no request is free."""
        if now >= self.backlog.next_expiry:
            self.backlog.sweep(now)
        while self.backlog and self.speed.free > 0:
            items = self._take_again(now) or self._choice.gather(now)
            if items is None:
                return None
            if items and self.backlog.claim(items):
                return self._start(items, now)
        return None

    def ended(self, batch: Batch, now: float, *, well: bool) -> None:
        """A batch came back."""
        self._end(batch)
        if well:
            batch.speed.ended(batch.input_size, batch.pictures, batch.started, batch.share, now)
        else:
            batch.speed.failed(now)

    def overdue(self, now: float) -> list[Batch]:
        """Batches that hang, with their requests given up for lost."""
        late = []
        for batch in self.in_flight:
            if now - batch.started < self._options.watchdog_s:
                break
            late.append(batch)
        for batch in late:
            self._end(batch)
            batch.speed.failed(now)
            batch.speed.lost += 1
            batch.settled = True
        if late and self.speed.hung:
            message = f"model {self.name} does not answer: all its requests hang"
            self.backlog.drop_all("failed", InferenceError(message))
        return late

    def renew(self, speed: Speed) -> None:
        """Another engine takes over what waits; what is in flight ends in the old one."""
        self.speed = self._waits.speed = self._choice.speed = speed

    def wake_at(self, now: float) -> float:
        """When something is to be done although nothing came and nothing ended."""
        at = self.backlog.next_expiry
        for batch in self.in_flight:  # the first one is the oldest
            at = min(at, batch.started + self._options.watchdog_s)
            break
        if self.backlog.items and self.speed.free > 0:
            at = min(
                [
                    at,
                    *(self._choice.closes_at(size, now) for size in self.backlog.order.input_sizes),
                ]
            )
        return max(at, now)

    def _take_again(self, now: float) -> list[Item]:
        again = self.backlog.again
        while again:
            item = again[0]
            if not self._choice.drop_late(item, now):
                again.popleft()
                return [item]
        return []

    # Book-keeping.

    def _start(self, items: list[Item], now: float) -> Batch:
        pictures = sum(item.pictures for item in items)
        share = self.speed.started(now)
        batch = Batch(items, items[0].input_size, pictures, now, self.speed, share)
        self.in_flight[batch] = None
        return batch

    def _end(self, batch: Batch) -> None:
        del self.in_flight[batch]
        for item in batch.items:
            self.backlog.clients.end(item.client)
