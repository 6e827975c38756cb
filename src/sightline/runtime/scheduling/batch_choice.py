"""Which of the items that wait are run next, and together with whom.

Order: urgent items; items that a client's minimum rate assures it of; then normal before batch, but
one batch in eight is for the priority ``batch`` where that is late. Within each of these, clients
take turns by their weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sightline.config import Priority
from sightline.runtime.scheduling.backlog import Backlog
from sightline.runtime.scheduling.items import BATCH, URGENT, Item
from sightline.runtime.scheduling.live_frames import LiveFrames
from sightline.runtime.scheduling.pace import RecentRate
from sightline.runtime.scheduling.speed import InputSize, Speed
from sightline.runtime.scheduling.wait_prediction import BATCH_TURN

URGENT_SLOWER = 1.5
"""An urgent item takes company that makes its inference so many times longer at most, where that is
not within its budget anyway."""


class BatchChoice:
    """Puts the next batch of one queue together.

    Args:
        backlog: what waits.
        budgets: how many seconds an item of each priority may wait for company.
        live: the live frames among what waits.
        speed: of the engine.
    """

    def __init__(
        self, backlog: Backlog, budgets: Mapping[Priority, float], live: LiveFrames, speed: Speed
    ) -> None:
        self.speed = speed
        self._backlog = backlog
        self._order = backlog.order
        self._budgets = budgets
        self._live = live
        self._arrivals = RecentRate()
        self._came = self._pause = 0.0  # when the last item came, and the usual time between two
        self._since_batch = 0

    def arrived(self, now: float) -> None:
        """Another item waits."""
        self._arrivals.add(1, now)
        self._came, self._pause = now, 1.0 / self._arrivals.value(now)

    def gather(self, now: float) -> list[Item] | None:
        """The items of the next batch; empty where the one whose turn it was came too late."""
        if self._order.fresh:
            self._live.let_go_stale(now)
        ready = [
            input_size
            for input_size in self._order.input_sizes
            if self.closes_at(input_size, now) <= now
        ]
        if not ready:
            return None
        rank, input_size = self._next(ready, now)
        head = self._order.input_sizes[input_size][rank][0][2]
        if self.drop_late(head, now):
            return []
        items = [head, *self._company(head, rank, now)]
        for item in items:
            self._backlog.serve(item, now)
        if any(item.rank == BATCH for item in items):
            self._since_batch = 0
        elif self._order.pictures[BATCH]:
            self._since_batch += 1
        return items

    def closes_at(self, input_size: InputSize, now: float) -> float:
        """When to run what waits for an input size, if nothing else comes; ``now`` where waiting is vain."""
        speed = self.speed
        largest = speed.sizes(input_size)[-1]
        if largest == 1 or speed.in_flight < speed.parallel(input_size):
            return now  # a larger batch brings nothing, or the engine would stand still meanwhile
        items = [entry[2] for heap in self._order.input_sizes[input_size] for entry in heap]
        pictures = sum(item.pictures for item in items)
        if pictures >= largest or not self._backlog.clients.idle():
            return now
        due = min(item.arrived + self._budgets[item.priority] for item in items)
        due -= speed.time(
            input_size, next(size for size in speed.sizes(input_size) if size >= pictures)
        )
        # After twice the usual pause nobody can be counted on.
        return min(due, self._came + 2 * self._pause) if self._came + self._pause < due else now

    def _next(self, input_sizes: Sequence[InputSize], now: float) -> tuple[int, InputSize]:
        """The rank and the input size that run next."""
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
                if item is head or item.deadline < end or self._backlog.drop_dead(item, now):
                    continue
                if total + item.pictures > sizes[-1]:
                    return company[:good]
                company.append(item)
                total += item.pictures
                if total in sizes:
                    good = len(company)
        return company[:good]

    def drop_late(self, item: Item, now: float) -> bool:
        """Drop an item that cannot be in time any more.

        An engine that stands still tries all the same: it loses nothing, and its measured time may
        be wrong.
        """
        if self._backlog.drop_dead(item, now):
            return True
        needs = self.speed.time(item.input_size, item.pictures)
        if self.speed.in_flight and now + needs > item.deadline:
            self._backlog.drop_late(item, now)
            return True
        return False
