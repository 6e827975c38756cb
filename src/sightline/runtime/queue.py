"""What waits for an engine, and what runs next. No threads and no clock: ``now`` is handed in.

Order: urgent items; items that a client's minimum rate assures it of; then normal before batch, but
one batch in eight is for the priority ``batch`` where that is late. Within each of these, clients
take turns by their weights.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from sightline.config import Priority, SchedulerOptions
from sightline.errors import DeadlineExceeded, InferenceError, Overloaded, SightlineError
from sightline.runtime.items import (
    BATCH,
    KEPT,
    NEVER,
    PRIORITIES,
    URGENT,
    Batch,
    Dropped,
    Item,
    Reason,
    Terms,
)
from sightline.runtime.live_frames import LiveFrames
from sightline.runtime.room import Room, share_out
from sightline.runtime.shares import RANKS, Clients, Rate
from sightline.runtime.speed import Lane, Speed
from sightline.runtime.waiting import Waiting

__all__ = ["Batch", "BatchQueue", "Dropped", "Item", "Room", "Terms"]

BATCH_TURN = 8
"""One batch of so many is for priority ``batch`` where its items have waited past their budget."""
URGENT_SLOWER = 1.5
"""An urgent item takes company that makes its inference so many times longer at most, where that is
not within its budget anyway."""
LEAST_SHARE = 0.05
"""Of the engine, that a rank is thought to get however busy the ranks before it are."""


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
        self._line = Waiting()
        self.waiting = self._line.items
        self.again: deque[Item] = deque()  # of failed batches; they have waited already
        self.in_flight: dict[Batch, None] = {}  # in the order in which they were started
        self._options = options
        self._budgets: dict[Priority, float] = {
            "urgent": options.urgent_ms / 1e3,
            "normal": options.normal_ms / 1e3,
            "batch": options.batch_ms / 1e3,
        }
        self._room = room
        self.clients = Clients()
        self._live = LiveFrames(self._line, self.clients, self._budgets, self._wait)
        self._rates = tuple(Rate() for _ in range(RANKS))
        self._arrivals = Rate()
        self._came = self._pause = 0.0  # when the last item came, and the usual time between two
        self._since_batch = 0
        self._next_expiry = NEVER
        self._dropped: list[Dropped] = []
        room.queues.append(self)

    @property
    def spares(self) -> int:
        """Live frames among those that wait, that have given way to others."""
        return self._line.spares

    @property
    def places(self) -> int:
        """Items that take a place: spares do not."""
        return len(self.waiting) - self._line.spares

    # Coming in.

    def push(self, item: Item, now: float) -> None:
        """Let an item wait. What it pushes out is in ``dropped``.

        Raises Overloaded: there is no room, or it would wait for too long. A live frame is never
        refused: it becomes a spare where it would wait for too long.
        """
        if self.speed.hung:
            raise Overloaded(
                f"model {self.name} does not answer: all its requests hang",
                self._options.watchdog_s,
            )
        terms = item.terms
        item.client = client = self.clients.get(terms, now)
        if client.frames:
            for older in self._live.replaced(item, now):
                self._replace(older)
        if (
            item.rank != URGENT
            and terms.min_rate
            and self.clients.spend(client, terms.min_rate, now)
        ):
            item.rank = KEPT
        placed = self._find_place(item, now)
        item.tag = self.clients.arrived(item)
        self._line.add(item)
        if not placed:
            self._live.make_spare(item)
        elif terms.live:
            self._live.give_way(item.rank, now)
        self._rates[item.rank].add(item.pictures, now)
        self._arrivals.add(1, now)
        self._came, self._pause = now, 1.0 / self._arrivals.value(now)
        self._next_expiry = min(self._next_expiry, item.expiry)

    def check(self, item: Item, now: float, coming: float = 0.0) -> None:
        """See whether an item would be refused, without taking it.

        Only a client that has items waiting already is told so: another may be given a place of theirs.
        ``coming``: pictures of the client that come before it and are not here yet.

        Raises Overloaded.
        """
        client = self.clients.find(item.terms.client)
        if client is None or item.rank == URGENT or not client.waiting[item.rank]:
            return
        item.client = client
        if self.predicted_wait(item, now, coming) > self._longest(item):
            raise self._refusal(item, now)

    def predicted_wait(self, item: Item, now: float, coming: float = 0.0) -> float:
        """Seconds until all that waits is served that may come before an item.

        From the engine's speed, and from how fast its rank and its client have been served.
        ``coming``: pictures of its client that will wait before it, too.
        """
        rank = item.rank
        waiting = self._line.pictures[rank] + coming
        paced = waiting * self.clients.cost(rank)
        return max(self._wait(rank, waiting, now), paced, self._own_wait(item, now, coming))

    def _turn(self, item: Item, now: float) -> float:
        """Seconds until an item has its turn among the clients: less, where others wait for more."""
        ahead = self.clients.ahead(item.client, item.rank)
        return max(self._wait(item.rank, ahead, now), self._own_wait(item, now))

    def _own_wait(self, item: Item, now: float, coming: float = 0.0) -> float:
        """Seconds for what the item's client has waiting, where others go on as they do."""
        client, rank = item.client, item.rank
        own = client.waiting[rank] + coming
        if not own or self.speed.cost is None:
            return 0.0
        others = max(0.0, self._rates[rank].value(now) - client.rates[rank].value(now))
        # Seconds of the engine that the others' pictures of a second need, of those there are.
        used = others * self._wait(rank, 1.0, now) if others else 0.0
        share = self.clients.share(client, rank, used)
        return max(self._wait(rank, own, now) / share, own * client.paces[rank].cost)

    def _wait(self, rank: int, before: float, now: float) -> float:
        """Seconds that ``before`` pictures of a rank take, and all of the ranks before it."""
        cost = self.speed.cost
        ahead = sum(self._line.pictures[:rank]) + before
        if cost is None or not ahead:
            return 0.0
        # What comes before it while it waits takes its part of the engine too.
        share = 1.0 - cost * sum(rate.value(now) for rate in self._rates[:rank])
        wait = ahead * cost / max(share, LEAST_SHARE)
        if rank == BATCH:
            wait = min(wait, max(before, 1) * cost * BATCH_TURN)
        return wait

    def requeue(self, items: Sequence[Item]) -> None:
        """Run the items of a failed batch again, each alone, before anything else."""
        for item in items:
            item.again = True
            self.clients.begin(item.client)
            self._next_expiry = min(self._next_expiry, item.expiry)
        self.again.extend(items)

    # Going out.

    def take(self, now: float) -> Batch | None:
        """The batch to run now; None: nothing waits, nothing is ready, or no request is free."""
        if now >= self._next_expiry:
            self.sweep(now)
        while (self.waiting or self.again) and self.speed.free > 0:
            items = self._take_again(now) or self._gather(now)
            if items is None:
                return None
            if items and self._claim(items):
                return self._start(items, now)
        return None

    def ended(self, batch: Batch, now: float, *, well: bool) -> None:
        """A batch came back."""
        self._end(batch)
        if well:
            batch.speed.ended(batch.lane, batch.pictures, batch.started, batch.share, now)
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
            self.drop_all("failed", InferenceError(message))
        return late

    def sweep(self, now: float) -> None:
        """Drop what is too old or was cancelled."""
        for item in [*self.waiting, *self.again]:
            self._drop_dead(item, now)
        expiries = [item.expiry for item in (*self.waiting, *self.again)]
        self._next_expiry = min(expiries, default=NEVER)

    def renew(self, speed: Speed) -> None:
        """Another engine takes over what waits; what is in flight ends in the old one."""
        self.speed = speed

    def drop_all(self, reason: Reason, error: SightlineError) -> None:
        """Nothing that waits will be run."""
        for item in [*self.waiting, *self.again]:
            self._drop(item, reason, error)

    def dropped(self) -> list[Dropped]:
        """What was dropped since the last call."""
        dropped = self._dropped
        if dropped:
            self._dropped = []
        return dropped

    def wake_at(self, now: float) -> float:
        """When something is to be done although nothing came and nothing ended."""
        at = self._next_expiry
        for batch in self.in_flight:  # the first one is the oldest
            at = min(at, batch.started + self._options.watchdog_s)
            break
        if self.waiting and self.speed.free > 0:
            at = min([at, *(self._closes_at(lane, now) for lane in self._line.lanes)])
        return max(at, now)

    def waiting_by_priority(self) -> dict[Priority, int]:
        """Items that wait."""
        counts = dict.fromkeys(PRIORITIES, 0)
        for item in (*self.waiting, *self.again):
            counts[item.priority] += 1
        return counts

    # Admission.

    def _longest(self, item: Item) -> float:
        """The longest wait with which an item is taken."""
        if item.terms.max_wait_s is not None:
            return item.terms.max_wait_s
        return self._budgets[item.priority] * self._options.refuse_after

    def _time_left(self, item: Item, now: float) -> float:
        """The longest wait with which an item's answer is there by its deadline."""
        if item.deadline == NEVER:
            return NEVER
        return max(0.0, item.deadline - now - self.speed.time(item.lane, item.pictures))

    def push_out(self, item: Item) -> None:
        """Drop an item for one that has more right to its place."""
        message = f"model {self.name}: pushed out of the queue by more pressing items"
        self._drop(item, "overloaded", Overloaded(message))

    def _replace(self, older: Item) -> None:
        """Drop a live frame for a newer one, which may have what was assured to it."""
        if older.rank == KEPT:
            older.client.tokens += 1.0
        message = f"model {self.name}: a newer frame came before this one had its turn"
        self._drop(older, "overloaded", Overloaded(message))

    def _find_place(self, item: Item, now: float) -> bool:
        """Make room for an item where that is needed; False where a live frame finds none.

        Raises Overloaded where another item finds none.
        """
        if item.terms.live:
            if self._room.full(self):
                self._room.sweep(now)
            return self._room.make(item) if self._room.full(self) else True
        limit = min(self._longest(item), self._time_left(item, now))
        if self._room.full(self) or self.predicted_wait(item, now) > limit:
            self._admit(item, now)
        return True

    def _admit(self, item: Item, now: float) -> None:
        """Make room for an item, or raise Overloaded."""
        self._room.sweep(now)
        longest = self._longest(item)
        while (full := self._room.full(self)) or self.predicted_wait(item, now) > longest:
            # Where its own client's items are what is slow, nobody else's place helps.
            own = not full and self._own_wait(item, now) > longest
            if own or not (self._room.make(item) if full else share_out(item, [self], 2.0)):
                raise self._refusal(item, now)
        if self._turn(item, now) > self._time_left(item, now):
            raise self._refusal(item, now)

    def _refusal(self, item: Item, now: float) -> Overloaded:
        if item.rank == KEPT:
            item.client.tokens += 1.0
        wait = self.predicted_wait(item, now)
        left = self._time_left(item, now)
        late = "" if left > wait else f", {(wait - left) * 1e3:.0f} ms too late for its deadline"
        return Overloaded(
            f"model {self.name}: {len(self.waiting)} items wait, and a new one of priority "
            f"{item.priority} for about {wait * 1e3:.0f} ms{late}: send less, or later",
            max(wait - min(self._longest(item), left), 0.1),
        )

    # Choosing.

    def _take_again(self, now: float) -> list[Item]:
        while self.again:
            item = self.again[0]
            if not self._drop_late(item, now):
                self.again.popleft()
                return [item]
        return []

    def _gather(self, now: float) -> list[Item] | None:
        """The items of the next batch; empty where the one whose turn it was came too late."""
        if self._line.fresh:
            self._live.let_go_stale(now)
        ready = [lane for lane in self._line.lanes if self._closes_at(lane, now) <= now]
        if not ready:
            return None
        rank, lane = self._next(ready, now)
        head = self._line.lanes[lane][rank][0][2]
        if self._drop_late(head, now):
            return []
        items = [head, *self._company(head, rank, now)]
        for item in items:
            self._line.remove(item)
            self.clients.served(item, now)
        if any(item.rank == BATCH for item in items):
            self._since_batch = 0
        elif self._line.pictures[BATCH]:
            self._since_batch += 1
        return items

    def _closes_at(self, lane: Lane, now: float) -> float:
        """When to run what waits in a lane, if nothing else comes; ``now`` where waiting is vain."""
        speed = self.speed
        largest = speed.sizes(lane)[-1]
        if largest == 1 or speed.in_flight < speed.parallel(lane):
            return now  # a larger batch brings nothing, or the engine would stand still meanwhile
        items = [entry[2] for heap in self._line.lanes[lane] for entry in heap]
        pictures = sum(item.pictures for item in items)
        if pictures >= largest or not self.clients.idle():
            return now
        due = min(item.arrived + self._budgets[item.priority] for item in items)
        due -= speed.time(lane, next(size for size in speed.sizes(lane) if size >= pictures))
        # After twice the usual pause nobody can be counted on.
        return min(due, self._came + 2 * self._pause) if self._came + self._pause < due else now

    def _next(self, lanes: Sequence[Lane], now: float) -> tuple[int, Lane]:
        """Whose turn it is."""
        heads = [
            (rank, heap[0][0], heap[0][1], lane)
            for lane in lanes
            for rank, heap in enumerate(self._line.lanes[lane])
            if heap
        ]
        first = min(heads)
        if self._since_batch >= BATCH_TURN - 1 and first[0] not in {URGENT, BATCH}:
            late = now - self._budgets["batch"]
            waited = [h for h in heads if h[0] == BATCH and self._head(h).arrived <= late]
            first = min(waited, default=first)
        return first[0], first[3]

    def _head(self, head: tuple[int, float, int, Lane]) -> Item:
        return self._line.lanes[head[3]][head[0]][0][2]

    def _company(self, head: Item, rank: int, now: float) -> list[Item]:
        """Who is run together with an item: as many as make up the largest batch that will do."""
        speed, lane = self.speed, head.lane
        latest = head.deadline
        if head.rank == URGENT:
            # It may be slowed down within its budget, or by half.
            alone = speed.time(lane, head.pictures)
            due = head.arrived + self._budgets["urgent"]
            latest = min(latest, max(due, now + URGENT_SLOWER * alone))
        sizes = [
            size
            for size in speed.sizes(lane)
            if size > head.pictures and now + speed.time(lane, size) <= latest
        ]
        if not sizes:
            return []
        end = now + speed.time(lane, sizes[-1])
        company: list[Item] = []
        good, total = 0, head.pictures
        heaps = self._line.lanes[lane]
        for heap in (heaps[rank], *(h for r, h in enumerate(heaps) if r != rank)):
            for _, _, item in sorted(heap):
                if item is head or item.deadline < end or self._drop_dead(item, now):
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
        batch = Batch(items, items[0].lane, pictures, now, self.speed, share)
        self.in_flight[batch] = None
        return batch

    def _claim(self, items: Sequence[Item]) -> bool:
        """From now on items cannot be cancelled. False where all were, at the last moment."""
        for item in items:
            if not (item.again or item.future.set_running_or_notify_cancel()):
                item.gone = True  # its place stays, so that the batch keeps its size
                self._dropped.append(Dropped(item, "cancelled", None))
        if not all(item.gone for item in items):
            return True
        for item in items:
            self.clients.end(item.client)
        return False

    def _end(self, batch: Batch) -> None:
        del self.in_flight[batch]
        for item in batch.items:
            self.clients.end(item.client)

    def _drop_late(self, item: Item, now: float) -> bool:
        """Drop an item that cannot be in time any more.

        An engine that stands still tries all the same: it loses nothing, and its measured time may
        be wrong.
        """
        if self._drop_dead(item, now):
            return True
        needs = self.speed.time(item.lane, item.pictures)
        if self.speed.in_flight and now + needs > item.deadline:
            self._drop(item, "deadline", self._late(item, now))
            return True
        return False

    def _drop_dead(self, item: Item, now: float) -> bool:
        """Drop an item that is too old or was cancelled."""
        if item.future.cancelled():
            self._drop(item, "cancelled", None)
        elif item.expiry <= now:
            reason: Reason = "deadline" if item.deadline <= now else "stale"
            self._drop(item, reason, self._late(item, now))
        else:
            return False
        return True

    def _late(self, item: Item, now: float) -> DeadlineExceeded:
        waited = f"after {(now - item.arrived) * 1e3:.0f} ms in the queue"
        if item.deadline < NEVER and item.deadline <= item.expiry:
            return DeadlineExceeded(
                f"model {self.name}: not run, too late for its deadline {waited}"
            )
        return DeadlineExceeded(f"model {self.name}: not run, older than its maximum age {waited}")

    def _drop(self, item: Item, reason: Reason, error: SightlineError | None) -> None:
        if item.again:
            self.again.remove(item)
        else:
            self._line.remove(item)
            self.clients.dropped(item)
        self.clients.end(item.client)
        if not (item.again or item.future.set_running_or_notify_cancel()):
            reason, error = "cancelled", None
        self._dropped.append(Dropped(item, reason, error))
