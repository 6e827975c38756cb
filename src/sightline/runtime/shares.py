"""Who uses an engine, and what each client has had of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.runtime.items import Terms

RANKS = 4
ACTIVE_S = 1.0
"""A client that was silent for longer is not waited for."""
BURST = 2.0
"""Items of a client's minimum rate that it may save up."""
FORGET_EVERY_S = 0.25


class Client:
    """One client of one engine: a stream, or whoever sends requests."""

    __slots__ = ("busy", "known_until", "name", "tags", "tokens", "tokens_at", "waiting", "weight")

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.weight = 1.0
        self.busy = 0  # items that wait or are in flight
        self.waiting = [0] * RANKS  # pictures
        self.tags = [0.0] * RANKS
        self.known_until = now
        self.tokens, self.tokens_at = 1.0, now


class Rate:
    """Events per second, of about the last second."""

    __slots__ = ("_at", "_value")

    def __init__(self) -> None:
        self._value = self._at = 0.0

    def add(self, count: int, now: float) -> None:
        self._value = self.value(now) + count
        self._at = now

    def value(self, now: float) -> float:
        return self._value * math.exp(self._at - now) if self._value else 0.0


class Clients:
    """Start-time fair queueing (Goyal, Vin and Cheng, 1996) between clients, within each rank.

    An item's tag is the moment, counted in service and not in seconds, at which its client's turn
    has come; whoever has the smallest tag is next. A client that was away does not save up turns.
    """

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._now = [0.0] * RANKS  # the tag that was served last
        self._latest = [0.0] * RANKS  # the largest one that was given
        self._waiting = [0] * RANKS
        self._forgot = 0.0
        self.busy = 0
        """Clients with an item that waits or is in flight."""

    def get(self, terms: Terms, now: float) -> Client:
        if now - self._forgot > FORGET_EVERY_S:
            self._forget(now)
        client = self._clients.get(terms.client)
        if client is None:
            client = self._clients[terms.client] = Client(terms.client, now)
        client.weight = terms.weight
        # Forgotten sooner, a client would have its first token again and again.
        client.known_until = now + max(ACTIVE_S, 1.0 / terms.min_rate if terms.min_rate else 0.0)
        return client

    def idle(self) -> int:
        """Clients that were active lately and have nothing here: something may come from them."""
        return len(self._clients) - self.busy

    def spend(self, client: Client, min_rate: float, now: float) -> bool:
        """Whether an item is one of those that the client's minimum rate assures it of."""
        tokens = client.tokens + (now - client.tokens_at) * min_rate
        client.tokens, client.tokens_at = min(BURST, tokens), now
        if client.tokens < 1.0:
            return False
        client.tokens -= 1.0
        return True

    def arrived(self, client: Client, rank: int, pictures: int) -> float:
        """An item of a client waits from now on. Returns its tag."""
        tag = max(self._now[rank], client.tags[rank])
        client.tags[rank] = after = tag + pictures / client.weight
        self._latest[rank] = max(self._latest[rank], after)
        self._waiting[rank] += pictures
        client.waiting[rank] += pictures
        self.begin(client)
        return tag

    def served(self, client: Client, rank: int, pictures: int, tag: float) -> None:
        """An item waits no more: it is run."""
        self._now[rank] = max(self._now[rank], tag)
        self._left(client, rank, pictures)

    def dropped(self, client: Client, rank: int, pictures: int) -> None:
        """An item waits no more, and its client has had nothing of it."""
        client.tags[rank] -= pictures / client.weight
        self._left(client, rank, pictures)

    def _left(self, client: Client, rank: int, pictures: int) -> None:
        client.waiting[rank] -= pictures
        self._waiting[rank] -= pictures
        if not self._waiting[rank]:
            self._now[rank] = self._latest[rank]

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
        gone = [c for c in self._clients.values() if not c.busy and now > c.known_until]
        for client in gone:
            del self._clients[client.name]
