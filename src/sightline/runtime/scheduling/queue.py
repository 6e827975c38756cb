"""What waits for an engine, and what runs next. No threads and no clock: ``now`` is handed in.

Order: urgent items; items that a client's minimum rate assures it of; then normal before batch, but
one batch in eight is for the priority ``batch`` where that is late. Within each of these, clients
take turns by their weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from sightline.config import Priority, SchedulerOptions
from sightline.errors import InferenceError, Overloaded
from sightline.runtime.scheduling.admission import QueueAdmission
from sightline.runtime.scheduling.backlog import Backlog
from sightline.runtime.scheduling.items import BATCH, KEPT, URGENT, Batch, Item
from sightline.runtime.scheduling.live_frames import LiveFrames
from sightline.runtime.scheduling.pace import RecentRate
from sightline.runtime.scheduling.room import Room
from sightline.runtime.scheduling.speed import InputSize, Speed
from sightline.runtime.scheduling.wait_prediction import BATCH_TURN, WaitPrediction

URGENT_SLOWER = 1.5
"""An urgent item takes company that makes its inference so many times longer at most, where that is
not within its budget anyway."""


class BatchQueue:
    """The items that wait for one engine, and the batches that it has in flight.

    Args:
        name: of the model, for messages.
        options: budgets and limits.
        room: shared with the queues of other models.
        speed: of the engine.
    """

    def __init__(self, name: str, options: SchedulerOptions, room: Room, speed: Speed) -> None:
        self.name = name
        self.speed = speed
        self.backlog = Backlog(name)
        self.in_flight: dict[Batch, None] = {}  # in the order in which they were started
        self._order = self.backlog.order
        self._options = options
        self._budgets: dict[Priority, float] = {
            "urgent": options.urgent_ms / 1e3,
            "normal": options.normal_ms / 1e3,
            "batch": options.batch_ms / 1e3,
        }
        longest = {name: budget * options.refuse_after for name, budget in self._budgets.items()}
        self._waits = WaitPrediction(self.backlog, speed)
        self._admission = QueueAdmission(self.backlog, self._waits, room, longest)
        self._live = LiveFrames(self.backlog, self._budgets, self._waits)
        self._arrivals = RecentRate()
        self._came = self._pause = 0.0  # when the last item came, and the usual time between two
        self._since_batch = 0
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
        self._arrivals.add(1, now)
        self._came, self._pause = now, 1.0 / self._arrivals.value(now)

    def check(self, item: Item, now: float, coming: float = 0.0) -> None:
        """See whether an item would be refused, without taking it: ``QueueAdmission.check``."""
        self._admission.check(item, now, coming)

    # Going out.

    def take(self, now: float) -> Batch | None:
        """The batch to run now; None: nothing waits, nothing is ready, or no request is free."""
        if now >= self.backlog.next_expiry:
            self.backlog.sweep(now)
        while self.backlog and self.speed.free > 0:
            items = self._take_again(now) or self._gather(now)
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
        self.speed = self._waits.speed = speed

    def wake_at(self, now: float) -> float:
        """When something is to be done although nothing came and nothing ended."""
        at = self.backlog.next_expiry
        for batch in self.in_flight:  # the first one is the oldest
            at = min(at, batch.started + self._options.watchdog_s)
            break
        if self.backlog.items and self.speed.free > 0:
            at = min(
                [at, *(self._closes_at(input_size, now) for input_size in self._order.input_sizes)]
            )
        return max(at, now)

    # Choosing.

    def _take_again(self, now: float) -> list[Item]:
        again = self.backlog.again
        while again:
            item = again[0]
            if not self._drop_late(item, now):
                again.popleft()
                return [item]
        return []

    def _gather(self, now: float) -> list[Item] | None:
        """The items of the next batch; empty where the one whose turn it was came too late."""
        if self._order.fresh:
            self._live.let_go_stale(now)
        ready = [
            input_size
            for input_size in self._order.input_sizes
            if self._closes_at(input_size, now) <= now
        ]
        if not ready:
            return None
        rank, input_size = self._next(ready, now)
        head = self._order.input_sizes[input_size][rank][0][2]
        if self._drop_late(head, now):
            return []
        items = [head, *self._company(head, rank, now)]
        for item in items:
            self.backlog.serve(item, now)
        if any(item.rank == BATCH for item in items):
            self._since_batch = 0
        elif self._order.pictures[BATCH]:
            self._since_batch += 1
        return items

    def _closes_at(self, input_size: InputSize, now: float) -> float:
        """When to run what waits for an input size, if nothing else comes; ``now`` where waiting is vain."""
        speed = self.speed
        largest = speed.sizes(input_size)[-1]
        if largest == 1 or speed.in_flight < speed.parallel(input_size):
            return now  # a larger batch brings nothing, or the engine would stand still meanwhile
        items = [entry[2] for heap in self._order.input_sizes[input_size] for entry in heap]
        pictures = sum(item.pictures for item in items)
        if pictures >= largest or not self.backlog.clients.idle():
            return now
        due = min(item.arrived + self._budgets[item.priority] for item in items)
        due -= speed.time(
            input_size, next(size for size in speed.sizes(input_size) if size >= pictures)
        )
        # After twice the usual pause nobody can be counted on.
        return min(due, self._came + 2 * self._pause) if self._came + self._pause < due else now

    def _next(self, input_sizes: Sequence[InputSize], now: float) -> tuple[int, InputSize]:
        """Whose turn it is."""
        heads = [
            (rank, heap[0][0], heap[0][1], input_size)
            for input_size in input_sizes
            for rank, heap in enumerate(self._order.input_sizes[input_size])
            if heap
        ]
        first = min(heads)
        if self._since_batch >= BATCH_TURN - 1 and first[0] not in {URGENT, BATCH}:
            late = now - self._budgets["batch"]
            waited = [h for h in heads if h[0] == BATCH and self._head(h).arrived <= late]
            first = min(waited, default=first)
        return first[0], first[3]

    def _head(self, head: tuple[int, float, int, InputSize]) -> Item:
        return self._order.input_sizes[head[3]][head[0]][0][2]

    def _company(self, head: Item, rank: int, now: float) -> list[Item]:
        """Who is run together with an item: as many as make up the largest batch that will do."""
        speed, input_size = self.speed, head.input_size
        latest = head.deadline
        if head.rank == URGENT:
            # It may be slowed down within its budget, or by half.
            alone = speed.time(input_size, head.pictures)
            due = head.arrived + self._budgets["urgent"]
            latest = min(latest, max(due, now + URGENT_SLOWER * alone))
        sizes = [
            size
            for size in speed.sizes(input_size)
            if size > head.pictures and now + speed.time(input_size, size) <= latest
        ]
        if not sizes:
            return []
        end = now + speed.time(input_size, sizes[-1])
        company: list[Item] = []
        good, total = 0, head.pictures
        heaps = self._order.input_sizes[input_size]
        for heap in (heaps[rank], *(h for r, h in enumerate(heaps) if r != rank)):
            for _, _, item in sorted(heap):
                if item is head or item.deadline < end or self.backlog.drop_dead(item, now):
                    continue
                if total + item.pictures > sizes[-1]:
                    return company[:good]
                company.append(item)
                total += item.pictures
                if total in sizes:
                    good = len(company)
        return company[:good]

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

    def _drop_late(self, item: Item, now: float) -> bool:
        """Drop an item that cannot be in time any more.

        An engine that stands still tries all the same: it loses nothing, and its measured time may
        be wrong.
        """
        if self.backlog.drop_dead(item, now):
            return True
        needs = self.speed.time(item.input_size, item.pictures)
        if self.speed.in_flight and now + needs > item.deadline:
            self.backlog.drop_late(item, now)
            return True
        return False
