"""What waits for one engine: its order, its clients, and what is dropped of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from sightline.config import Priority
from sightline.errors import DeadlineExceeded, Overloaded, SightlineError
from sightline.runtime.scheduling.items import KEPT, NEVER, Dropped, Item, Reason
from sightline.runtime.scheduling.shares import Clients
from sightline.runtime.scheduling.waiting import Waiting
from sightline.types import PRIORITIES


class Backlog:
    """The items that wait for the engine of one model.

    An item leaves it in one of two ways: it is served, or it is dropped and listed in ``dropped``.

    Args:
        model: its name, for messages.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.order = Waiting()
        self.items = self.order.items
        self.clients = Clients()
        self.again: deque[Item] = deque()  # items of failed batches, which have waited already
        self.next_expiry = NEVER
        self._dropped: list[Dropped] = []

    def __len__(self) -> int:
        return len(self.items) + len(self.again)

    @property
    def places(self) -> int:
        """Items that take a place: spares do not."""
        return len(self.items) - self.order.spares

    def add(self, item: Item) -> None:
        """Let an item wait. Its client and rank are set already."""
        item.tag = self.clients.arrived(item)
        self.order.add(item)
        self.next_expiry = min(self.next_expiry, item.expiry)

    def expire(self, item: Item, at: float) -> None:
        """Drop an item as stale at that moment, if it still waits."""
        item.expiry = min(item.expiry, at)
        self.next_expiry = min(self.next_expiry, item.expiry)

    def serve(self, item: Item, now: float) -> None:
        """An item waits no more: it is run."""
        self.order.remove(item)
        self.clients.served(item, now)

    def claim(self, items: Sequence[Item]) -> bool:
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

    def requeue(self, items: Sequence[Item]) -> None:
        """Run the items of a failed batch again, each alone, before anything else."""
        for item in items:
            item.again = True
            self.clients.begin(item.client)
            self.next_expiry = min(self.next_expiry, item.expiry)
        self.again.extend(items)

    def by_priority(self) -> dict[Priority, int]:
        """Items that wait."""
        counts = dict.fromkeys(PRIORITIES, 0)
        for item in (*self.items, *self.again):
            counts[item.priority] += 1
        return counts

    # Dropping.

    def dropped(self) -> list[Dropped]:
        """What was dropped since the last call."""
        dropped = self._dropped
        if dropped:
            self._dropped = []
        return dropped

    def sweep(self, now: float) -> None:
        """Drop what is too old or was cancelled."""
        for item in [*self.items, *self.again]:
            self.drop_dead(item, now)
        expiries = [item.expiry for item in (*self.items, *self.again)]
        self.next_expiry = min(expiries, default=NEVER)

    def drop_all(self, reason: Reason, error: SightlineError) -> None:
        """Nothing that waits will be run."""
        for item in [*self.items, *self.again]:
            self._drop(item, reason, error)

    def push_out(self, item: Item) -> None:
        """Drop an item for one that has more right to its place."""
        message = f"model {self.model}: pushed out of the queue by more pressing items"
        self._drop(item, "overloaded", Overloaded(message))

    def replace(self, older: Item) -> None:
        """Drop a live frame for a newer one, which may have what was assured to it."""
        if older.rank == KEPT:
            older.client.tokens += 1.0
        message = f"model {self.model}: a newer frame came before this one had its turn"
        self._drop(older, "overloaded", Overloaded(message))

    def drop_dead(self, item: Item, now: float) -> bool:
        """Drop an item that is too old or was cancelled; False where it is neither."""
        if item.future.cancelled():
            self._drop(item, "cancelled", None)
        elif item.expiry <= now:
            reason: Reason = "deadline" if item.deadline <= now else "stale"
            self._drop(item, reason, self._late(item, now))
        else:
            return False
        return True

    def drop_late(self, item: Item, now: float) -> None:
        """Drop an item that cannot be run by its deadline."""
        self._drop(item, "deadline", self._late(item, now))

    def _late(self, item: Item, now: float) -> DeadlineExceeded:
        waited = f"after {(now - item.arrived) * 1e3:.0f} ms in the queue"
        if item.deadline < NEVER and item.deadline <= item.expiry:
            return DeadlineExceeded(
                f"model {self.model}: not run, too late for its deadline {waited}"
            )
        return DeadlineExceeded(f"model {self.model}: not run, older than its maximum age {waited}")

    def _drop(self, item: Item, reason: Reason, error: SightlineError | None) -> None:
        if item.again:
            self.again.remove(item)
        else:
            self.order.remove(item)
            self.clients.dropped(item)
        self.clients.end(item.client)
        if not (item.again or item.future.set_running_or_notify_cancel()):
            reason, error = "cancelled", None
        self._dropped.append(Dropped(item, reason, error))
