"""Which items a queue takes, and what makes room for them."""

from __future__ import annotations

from collections.abc import Mapping

from sightline.config import Priority
from sightline.errors import Overloaded
from sightline.runtime.scheduling.backlog import Backlog
from sightline.runtime.scheduling.items import KEPT, NEVER, URGENT, Item
from sightline.runtime.scheduling.room import QueueCapacity, share_out
from sightline.runtime.scheduling.shares import ACTIVE_S
from sightline.runtime.scheduling.wait_prediction import WaitPrediction


class QueueAdmission:
    """Takes what can be run in time, and refuses the rest at once.

    Args:
        backlog: what waits.
        waits: how long an item would wait.
        room: shared with the queues of other models.
        longest: the longest wait of each priority, seconds.
    """

    def __init__(
        self,
        backlog: Backlog,
        waits: WaitPrediction,
        room: QueueCapacity,
        longest: Mapping[Priority, float],
    ) -> None:
        self._backlog = backlog
        self._waits = waits
        self._room = room
        self._longest = longest

    def check(self, item: Item, now: float, coming: float = 0.0) -> None:
        """See whether an item would be refused, without taking it.

        Only a client that has items waiting already is told so: another may be given a place of theirs.

        Args:
            item: is not taken.
            now: monotonic seconds.
            coming: pictures of the client that come before it and are not here yet.

        Raises:
            Overloaded: it would be.
        """
        client = self._backlog.clients.find(item.terms.client)
        if client is None or item.rank == URGENT or not client.waiting[item.rank]:
            return
        item.client = client
        if self._waits.whole(item, now, coming) > self._longest_of(item):
            raise self._refusal(item, now)

    def find_place(self, item: Item, now: float) -> bool:
        """Make room for an item where that is needed; False where a live frame finds none.

        Raises Overloaded where another item finds none.
        """
        if item.terms.live:
            if self._room.full(self._backlog):
                self._room.sweep(now)
            return self._room.make(item) if self._room.full(self._backlog) else True
        limit = min(self._longest_of(item), self._time_left(item, now))
        if self._room.full(self._backlog) or self._waits.whole(item, now) > limit:
            self._make_room(item, now)
        return True

    def _make_room(self, item: Item, now: float) -> None:
        """Make room for an item, or raise Overloaded."""
        self._room.sweep(now)
        longest = self._longest_of(item)
        while (full := self._room.full(self._backlog)) or self._waits.whole(item, now) > longest:
            # Where its own client's items are what is slow, nobody else's place helps.
            own = not full and self._waits.own(item, now) > longest
            if own or not (
                self._room.make(item) if full else share_out(item, [self._backlog], 2.0)
            ):
                raise self._refusal(item, now)
        if self._waits.turn(item, now) > self._time_left(item, now):
            raise self._refusal(item, now)

    def _longest_of(self, item: Item) -> float:
        """The longest wait with which an item is taken."""
        if item.terms.max_wait_s is not None:
            return item.terms.max_wait_s
        return self._longest[item.priority]

    def _time_left(self, item: Item, now: float) -> float:
        """The longest wait with which an item's answer is there by its deadline."""
        if item.deadline == NEVER:
            return NEVER
        return max(
            0.0, item.deadline - now - self._waits.speed.time(item.input_size, item.pictures)
        )

    def _refusal(self, item: Item, now: float) -> Overloaded:
        if item.rank == KEPT:
            item.client.tokens += 1.0
        item.client.refused_until[item.rank] = now + ACTIVE_S
        wait = self._waits.whole(item, now)
        left = self._time_left(item, now)
        late = "" if left > wait else f", {(wait - left) * 1e3:.0f} ms too late for its deadline"
        return Overloaded(
            f"model {self._backlog.model}: {len(self._backlog.items)} items wait, and a new one of "
            f"priority {item.priority} for about {wait * 1e3:.0f} ms{late}: send less, or later",
            max(wait - min(self._longest_of(item), left), 0.1),
        )
