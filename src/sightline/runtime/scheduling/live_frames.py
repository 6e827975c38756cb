"""Live frames that wait: how fresh they are counts as much as whose turn it is."""

from __future__ import annotations

from collections.abc import Mapping

from sightline.config import Priority
from sightline.runtime.scheduling.backlog import Backlog
from sightline.runtime.scheduling.items import Item
from sightline.runtime.scheduling.wait_prediction import WaitPrediction


class LiveFrames:
    """Decides which live frames wait as spares, and which a newer one replaces.

    Args:
        backlog: the items that wait, and what each stream has had.
        budgets: the longest wait of a fresh frame, seconds.
        waits: how long an item would wait.
    """

    def __init__(
        self, backlog: Backlog, budgets: Mapping[Priority, float], waits: WaitPrediction
    ) -> None:
        self._backlog = backlog
        self._order = backlog.order
        self._clients = backlog.clients
        self._budgets = budgets
        self._least_budget = min(budgets.values())
        self._wait = waits.of_rank

    def replaced(self, item: Item, now: float) -> list[Item]:
        """Older frames of the same stream that are spares, or that would wait too long."""
        if not item.terms.live:
            return []
        return [
            older
            for older in item.client.frames
            if older.since < item.since and (older.spare or self._is_crowded(older, now))
        ]

    def give_way(self, rank: int, now: float) -> None:
        """Live frames of one rank that would wait beyond their budget become spares.

        These are the last in the order of tags: those of the streams that have had most.
        """
        if self._wait(rank, self._order.pictures[rank], now) <= self._least_budget:
            return
        ahead = 0
        for item in self._order.in_turn(rank):
            if item.terms.live and self._wait(rank, ahead, now) > self._budgets[item.priority]:
                self.make_spare(item)
            else:
                ahead += item.pictures

    def let_go_stale(self, now: float) -> None:
        """Live frames that have waited beyond their budget become spares."""
        for heaps in self._order.input_sizes.values():
            for heap in filter(None, heaps):
                while self._is_stale(heap[0][2], now):
                    self.make_spare(heap[0][2])

    def make_spare(self, item: Item) -> None:
        """From now on a frame runs only where nothing fresher has its turn, and is dropped as soon as
        the stream's next one would be there."""
        if item.terms.interval_s is not None:
            self._backlog.expire(item, item.since + item.terms.interval_s)
        self._order.make_spare(item, self._clients.spared(item))

    def _is_crowded(self, item: Item, now: float) -> bool:
        """Whether the last of an item's rank would wait beyond the item's budget."""
        waiting = self._order.pictures[item.rank]
        return self._wait(item.rank, waiting, now) > self._budgets[item.priority]

    def _is_stale(self, item: Item, now: float) -> bool:
        waited = now - item.arrived
        return item.terms.live and not item.spare and waited > self._budgets[item.priority]
