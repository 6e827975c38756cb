"""Who uses an engine, and what each client has had of it."""

from __future__ import annotations

import math

from sightline.runtime.scheduling.items import RANKS, Client, Item, Terms
from sightline.runtime.scheduling.pace import Pace

ACTIVE_S = 1.0
"""A client that was silent for longer is not waited for."""
REMEMBERED_S = 10.0
"""What a live stream has had is known for so long: most send several frames meanwhile."""
CREDIT = 6.0
"""Turns that a live stream may have missed, because its frames came when the engine was busy, and
still gets."""
SPARE_LATER = 2.0
"""A spare runs so many turns later than its stream's share allows: a fresh frame may come until then."""
BURST = 2.0
"""Items of a client's minimum rate that it may save up."""
FORGET_EVERY_S = 0.25


class Clients:
    """Start-time fair queueing (Goyal, Vin and Cheng, 1996) between clients, within each rank.

    An item's tag is the moment, counted in service and not in seconds, at which its client's turn
    has come; whoever has the smallest tag is next. A client that was away does not save up turns; a
    live stream whose frames were dropped does, a few.
    """

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._now = [0.0] * RANKS  # the tag that was served last
        self._latest = [0.0] * RANKS  # the largest one that was given
        self._waiting = [0] * RANKS
        self._paces = [Pace() for _ in range(RANKS)]
        self._forgot = 0.0
        self._away = 0  # clients that are remembered, but not counted on
        self.busy = 0
        """Clients with an item that waits or is in flight."""

    def get(self, terms: Terms, now: float) -> Client:
        """The client of these terms, made when it is first seen."""
        if now - self._forgot > FORGET_EVERY_S:
            self._forget(now)
        client = self._clients.get(terms.client)
        if client is None:
            client = self._clients[terms.client] = Client(terms.client, now)
        client.weight = terms.weight
        # Forgotten sooner, a client would have its first token again and again.
        client.active_until = now + max(ACTIVE_S, 1.0 / terms.min_rate if terms.min_rate else 0.0)
        client.known_until = max(client.active_until, now + REMEMBERED_S if terms.live else 0.0)
        if client.away:
            client.away = False
            self._away -= 1
        return client

    def find(self, name: str) -> Client | None:
        """A client that is known already."""
        return self._clients.get(name)

    def idle(self) -> int:
        """Clients that were active lately and have nothing here: something may come from them."""
        return len(self._clients) - self.busy - self._away

    def spend(self, client: Client, min_rate: float, now: float) -> bool:
        """Whether an item is one of those that the client's minimum rate assures it of."""
        tokens = client.tokens + (now - client.tokens_at) * min_rate
        client.tokens, client.tokens_at = min(BURST, tokens), now
        if client.tokens < 1.0:
            return False
        client.tokens -= 1.0
        return True

    def arrived(self, item: Item) -> float:
        """An item waits from now on. Returns its tag."""
        client, rank = item.client, item.rank
        now = self._now[rank]
        if client.passed_over:
            client.passed_over = client.tags[rank] < now
            now -= CREDIT / client.weight
        tag = max(now, client.tags[rank])
        client.tags[rank] = after = tag + item.pictures / client.weight
        self._latest[rank] = max(self._latest[rank], after)
        if not self._waiting[rank]:
            self._paces[rank].begin(item.arrived)
        if not client.waiting[rank]:
            client.paces[rank].begin(item.arrived)
        client.rates[rank].add(item.pictures, item.arrived)
        self._waiting[rank] += item.pictures
        client.waiting[rank] += item.pictures
        if item.terms.live:
            client.frames.append(item)
        self.begin(client)
        return tag

    def spared(self, item: Item) -> float:
        """An item waits as a spare from now on. Returns the tag that it has as such.

        It is counted in whole turns, so that among those who are about equally served the freshest
        is next.
        """
        item.client.waiting[item.rank] -= item.pictures
        weight = item.client.weight
        return math.ceil(item.tag * weight + SPARE_LATER) / weight

    def served(self, item: Item, now: float) -> None:
        """An item waits no more: it is run."""
        self._paces[item.rank].left(item.pictures, now)
        item.client.paces[item.rank].left(item.pictures, now)
        self._now[item.rank] = max(self._now[item.rank], item.tag)
        self._left(item)

    def dropped(self, item: Item) -> None:
        """An item waits no more, and its client has had nothing of it."""
        item.client.tags[item.rank] -= item.pictures / item.client.weight
        item.client.passed_over = item.terms.live
        self._left(item)

    def _left(self, item: Item) -> None:
        client, rank = item.client, item.rank
        if not item.spare:
            client.waiting[rank] -= item.pictures
        if item.terms.live:
            client.frames.remove(item)
        self._waiting[rank] -= item.pictures
        if not self._waiting[rank]:
            self._now[rank] = self._latest[rank]

    def ahead(self, client: Client, rank: int) -> float:
        """Pictures of a rank that have their turn before one more item of a client: its own, and of
        each other client those whose tags are not larger than the tag that the item would have."""
        tag = max(self._now[rank], client.tags[rank])
        ahead = float(client.waiting[rank])
        for other in self._clients.values():
            if waiting := other.waiting[rank] * (other is not client):
                first = other.tags[rank] - waiting / other.weight
                if first <= tag:
                    ahead += min(waiting, (tag - first) * other.weight + 1.0)
        return ahead

    def cost(self, rank: int) -> float:
        """Seconds for each picture of a rank that has left lately; 0 where nothing is known."""
        return self._paces[rank].cost

    def share(self, client: Client, rank: int, others_use: float, now: float) -> float:
        """The part that a client gets of what there is for its rank.

        That is what the other clients leave (``others_use``: the part that they need), and at least
        what its weight gives it beside those that wait. Others that were refused lately want more
        than they had: they take their turns beside it, whatever they have waiting now.
        """
        own = client.weight
        waiting, refused = 0.0, own
        for other in self._clients.values():
            if other.waiting[rank] or other.frames:
                waiting += other.weight
            if other.refused_until[rank] > now and other is not client:
                refused += other.weight
        return min(max(1.0 - others_use, own / max(own, waiting)), own / refused)

    def loads(self, rank: int) -> dict[str, float]:
        """Pictures that wait of each client, by its weight."""
        return {
            client.name: client.waiting[rank] / client.weight
            for client in self._clients.values()
            if client.waiting[rank]
        }

    def begin(self, client: Client) -> None:
        """One more item of a client waits or is in flight."""
        client.busy += 1
        if client.busy == 1:
            self.busy += 1

    def end(self, client: Client) -> None:
        """One of them has its outcome."""
        client.busy -= 1
        if not client.busy:
            self.busy -= 1

    def _forget(self, now: float) -> None:
        self._forgot = now
        for client in [c for c in self._clients.values() if not c.busy and now > c.active_until]:
            if now > client.known_until:
                self._away -= client.away
                del self._clients[client.name]
            elif not client.away:
                client.away = True
                self._away += 1
