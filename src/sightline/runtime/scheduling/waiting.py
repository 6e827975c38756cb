"""The items that wait for one engine, in the order in which they run. Knows no clock and no clients."""

from __future__ import annotations

import heapq

from sightline.runtime.scheduling.items import RANKS, Item
from sightline.runtime.scheduling.speed import InputSize

Entry = tuple[float, int, Item]
Ranks = tuple[list[Entry], ...]
"""One input_size's waiting items, a heap by key for each rank."""
_AFTER_ITEMS = 1 << 62
"""Larger than the number of any item."""


class Waiting:
    """Heaps of items for each input size and rank, and the sums that admission needs.

    A spare is an item that runs only where the engine would have nothing better to do: it does not
    count as waiting for those that come later.
    """

    def __init__(self) -> None:
        self.items: dict[Item, None] = {}
        """In the order of arrival."""
        self.input_sizes: dict[InputSize, Ranks] = {}
        self.pictures = [0] * RANKS
        """Pictures by rank, without those of spares."""
        self.spares = 0
        self.fresh = 0
        """Live frames that are no spares."""
        self._number = 0

    def add(self, item: Item) -> None:
        """An item waits from now on, at the place that its tag gives it."""
        self.items[item] = None
        self.fresh += item.terms.live
        self.pictures[item.rank] += item.pictures
        heaps = self.input_sizes.get(item.input_size)
        if heaps is None:
            heaps = self.input_sizes[item.input_size] = ([], [], [], [])
        self._number += 1
        item.number = self._number
        heapq.heappush(heaps[item.rank], (item.tag, item.number, item))

    def remove(self, item: Item) -> None:
        """An item waits no more."""
        del self.items[item]
        if item.spare:
            self.spares -= 1
        else:
            self.pictures[item.rank] -= item.pictures
            self.fresh -= item.terms.live
        heaps = self.input_sizes[item.input_size]
        _take_out(heaps[item.rank], item)
        if not any(heaps):
            del self.input_sizes[item.input_size]

    def make_spare(self, item: Item, key: float) -> None:
        """From now on an item waits as a spare, at the place that ``key`` gives it.

        Of spares with the same key the newest is first.
        """
        item.spare = True
        self.spares += 1
        self.fresh -= item.terms.live
        self.pictures[item.rank] -= item.pictures
        heap = self.input_sizes[item.input_size][item.rank]
        _take_out(heap, item)
        heapq.heappush(heap, (key, _AFTER_ITEMS - item.number, item))

    def in_turn(self, rank: int) -> list[Item]:
        """The items of one rank in the order in which they run, without spares."""
        entries = [e for heaps in self.input_sizes.values() for e in heaps[rank] if not e[2].spare]
        return [item for _, _, item in sorted(entries)]


def _take_out(heap: list[Entry], item: Item) -> None:
    if heap[0][2] is item:
        heapq.heappop(heap)
    else:
        heap[:] = [entry for entry in heap if entry[2] is not item]
        heapq.heapify(heap)
