"""Room for what waits: bounded, and shared fairly when there is not enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sightline.runtime.scheduling.backlog import Backlog
from sightline.runtime.scheduling.items import BATCH, Item

SWEEP_S = 0.01
"""Cancelled items are looked for at most so often when there is no room."""


class QueueCapacity:
    """How many items may wait, in the queues of all models together.

    Spares do not count: of these, each live stream has one.
    Half of the places are shared out evenly and kept for each queue, so that a slow model whose queue
    is full shuts no other out; whoever comes first takes the other half.
    """

    def __init__(self, limit: int) -> None:
        self.backlogs: list[Backlog] = []
        self._limit = limit
        self._swept = -SWEEP_S

    def full(self, backlog: Backlog) -> bool:
        """Whether one more item of a queue has no place."""
        kept = self._limit // (2 * len(self.backlogs))
        taken = sum(max(kept, other.places) for other in self.backlogs)
        return taken >= self._limit and backlog.places >= kept

    def sweep(self, now: float) -> None:
        """Drop what is too old or was cancelled, everywhere, if that was not done just now."""
        if now - self._swept >= SWEEP_S:
            self._swept = now
            for backlog in self.backlogs:
                backlog.sweep(now)

    def make(self, item: Item) -> bool:
        """Push another item out for this one; False where none has less right to its place.

        That is the newest of the lowest rank below, or else of the client with most of this rank.
        """
        for rank in range(BATCH, item.rank, -1):
            for backlog in self.backlogs:
                for other in reversed(backlog.items):
                    if other.rank == rank and not other.spare:
                        backlog.push_out(other)
                        return True
        return share_out(item, self.backlogs)


def share_out(item: Item, backlogs: Sequence[Backlog], unfair: float = 1.0) -> bool:
    """Push out the newest item of whoever has most waiting of this rank; False where that is fair.

    Having ``unfair`` times what this client has is fair still.
    """
    loads: Counter[str] = Counter()
    for backlog in backlogs:
        loads.update(backlog.clients.loads(item.rank))
    mine = loads.pop(item.client.name, 0.0) + item.pictures / item.client.weight
    # With one more of mine it must still have more than I: else two clients push each other out.
    greedy = max(loads, key=loads.__getitem__, default="")
    if loads.get(greedy, 0.0) <= unfair * mine:
        return False
    for backlog in backlogs:
        for other in reversed(backlog.items):
            if other.rank == item.rank and other.client.name == greedy and not other.spare:
                backlog.push_out(other)
                return True
    return False
