"""How long an item will wait for its engine, as admission and live frames need to know."""

from __future__ import annotations

from sightline.runtime.scheduling.backlog import Backlog
from sightline.runtime.scheduling.items import BATCH, RANKS, Item
from sightline.runtime.scheduling.pace import RecentRate
from sightline.runtime.scheduling.speed import Speed

BATCH_TURN = 8
"""One batch of so many is for priority ``batch`` where its items have waited past their budget."""
LATE_IN_ROUND = 2 / 3
"""Where clients take turns, the turn of an item that waits for k others of its own client comes between k
and k + 1 rounds later. Predicted so, even the latest is within 1.2 times the wait that it is accepted for."""
LEAST_SHARE = 0.05
"""The share of the engine that a rank is predicted to get, however busy the ranks before it are."""


class WaitPrediction:
    """Predicts waits from the engine's speed, and from how fast ranks and clients were served lately.

    Args:
        backlog: what waits.
        speed: of the engine; replaced where another engine takes over.
    """

    def __init__(self, backlog: Backlog, speed: Speed) -> None:
        self.speed = speed
        self._clients = backlog.clients
        self._order = backlog.order
        self._rates = tuple(RecentRate() for _ in range(RANKS))

    def arrived(self, item: Item, now: float) -> None:
        """One more item waits."""
        self._rates[item.rank].add(item.pictures, now)

    def whole(self, item: Item, now: float, coming: float = 0.0) -> float:
        """Seconds until all that waits is served that may come before an item.

        Args:
            item: its client and rank are known.
            now: monotonic seconds.
            coming: pictures of its client that will wait before it, too.
        """
        rank = item.rank
        waiting = self._order.pictures[rank] + coming
        paced = waiting * self._clients.cost(rank)
        return max(self.of_rank(rank, waiting, now), paced, self.own(item, now, coming))

    def turn(self, item: Item, now: float) -> float:
        """Seconds until an item has its turn among the clients: less, where others wait for more."""
        ahead = self._clients.ahead(item.client, item.rank)
        return max(self.of_rank(item.rank, ahead, now), self.own(item, now))

    def own(self, item: Item, now: float, coming: float = 0.0) -> float:
        """Seconds for what the item's client has waiting, where others go on as they do."""
        client, rank = item.client, item.rank
        own = client.waiting[rank] + coming
        if not own or self.speed.cost is None:
            return 0.0
        others = max(0.0, self._rates[rank].value(now) - client.rates[rank].value(now))
        # Seconds of the engine that the others' pictures of a second need, of those there are.
        used = others * self.of_rank(rank, 1.0, now) if others else 0.0
        share = self._clients.share(client, rank, used, now)
        rounds = own + LATE_IN_ROUND * (1.0 - share)
        return max(self.of_rank(rank, rounds, now) / share, own * client.paces[rank].cost)

    def of_rank(self, rank: int, before: float, now: float) -> float:
        """Seconds that ``before`` pictures of a rank take, and all of the ranks before it."""
        cost = self.speed.cost
        ahead = sum(self._order.pictures[:rank]) + before
        if cost is None or not ahead:
            return 0.0
        # What comes before it while it waits takes its part of the engine too.
        share = 1.0 - cost * sum(rate.value(now) for rate in self._rates[:rank])
        wait = ahead * cost / max(share, LEAST_SHARE)
        if rank == BATCH:
            wait = min(wait, max(before, 1) * cost * BATCH_TURN)
        return wait
