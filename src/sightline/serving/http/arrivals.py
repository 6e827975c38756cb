"""Requests that are still on their way: they take nobody's place in the queue, and have limits of their own.

Where there are too many of them, the one that has been silent for longest is let go, not the newcomer.
Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sightline.errors import Overloaded, RequestError, TooSlow

SILENT_S = 1.0
"""Who has sent nothing for so long makes room for others."""

START_S = 2.0
"""A client's least rate is not looked at before."""


class Arrival:
    """One request whose body, message or picture is on its way."""

    __slots__ = ("_deadline", "_latest", "address", "began", "expected", "heard", "reason", "size")

    def __init__(
        self, address: str, now: float, deadline: asyncio.Timeout, expected: int = 0
    ) -> None:
        self.address = address
        self.began = self.heard = now
        self.size = 0
        self.expected = expected
        self.reason: RequestError | None = None
        self._deadline = deadline
        self._latest = deadline.when() or 0.0

    @property
    def part(self) -> float:
        """How much of it has come: 0 to 1."""
        return min(1.0, self.size / (self.expected or 1))

    def let_go(self, reason: RequestError) -> None:
        """Whoever waits for it gets this error at once."""
        if not self._deadline.expired():
            self.reason = reason
            self._deadline.reschedule(0.0)

    def due(self, at: float) -> None:
        """It must go on by this moment of the loop's clock."""
        if not self._deadline.expired():
            self._deadline.reschedule(min(at, self._latest))


class Arrivals:
    """All requests that are on their way.

    Args:
        limit: bytes that they may have sent so far, all together.
        per_address: requests of one address at a time.
        least_rate: bytes a second that each must send; 0: any.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        limit: int,
        per_address: int,
        least_rate: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.held = 0
        self._limit = limit
        self._per_address = per_address
        self._least_rate = least_rate
        self._clock = clock
        self._by_address: dict[str, dict[Arrival, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_address.values()))

    @asynccontextmanager
    async def arriving(
        self, address: str, within_s: float, what: str, expected: int = 0
    ) -> AsyncIterator[Arrival]:
        """Count a request while ``what`` is received, which must be there within ``within_s``.

        ``expected``: its bytes; 0: not known.

        Raises TooSlow, also where it was let go for others; Overloaded where it cannot be let in.
        """
        try:
            async with asyncio.timeout(within_s) as deadline:
                arrival = self._enter(address, deadline, expected)
                try:
                    yield arrival
                finally:
                    self._leave(arrival)
        except TimeoutError as exc:
            slow = TooSlow(f"{what} did not come within {within_s:g} s")
            raise (arrival.reason or slow) from exc

    def coming(self, address: str) -> float:
        """Requests of an address that come in now, each counted by the part that is there.

        So one that is sent slowly, or not at all, counts for little.
        """
        return sum(arrival.part for arrival in self._by_address.get(address, ()))

    def grew(self, arrival: Arrival, size: int) -> None:
        """So many bytes more have come. Raises Overloaded: there is no memory for them."""
        now = self._clock()
        arrival.heard = now
        arrival.size += size
        self.held += size
        while self.held > self._limit:
            holding = [a for one in self._by_address.values() for a in one if a.size]
            silent = min(holding, key=lambda a: a.heard)
            if now - silent.heard < SILENT_S:
                silent = max(holding, key=lambda a: a.size)
            if silent is arrival:
                raise Overloaded("what others send takes all memory that is set apart")
            self._let_go(silent, TooSlow("others needed the memory: send it again, faster"))
        if self._least_rate:
            age = START_S + arrival.size / self._least_rate
            arrival.due(asyncio.get_running_loop().time() + age - (now - arrival.began))

    def end(self, silent_s: float, reason: Callable[[], RequestError]) -> None:
        """Let go of all that have been silent for so long."""
        now = self._clock()
        for arrival in [a for one in self._by_address.values() for a in one]:
            if now - arrival.heard >= silent_s:
                self._let_go(arrival, reason())

    def _enter(self, address: str, deadline: asyncio.Timeout, expected: int) -> Arrival:
        now = self._clock()
        arrival = Arrival(address, now, deadline, expected)
        others = self._by_address.setdefault(address, {})
        if len(others) >= self._per_address:
            silent = min(others, key=lambda a: a.heard)
            if now - silent.heard < SILENT_S:
                raise Overloaded(f"{len(others)} requests of this address are on their way already")
            self._let_go(silent, TooSlow("too many requests of this address send nothing"))
            others = self._by_address.setdefault(address, {})
        others[arrival] = None
        if self._least_rate:
            arrival.due(asyncio.get_running_loop().time() + START_S)
        return arrival

    def _let_go(self, arrival: Arrival, reason: RequestError) -> None:
        self._leave(arrival)
        arrival.let_go(reason)

    def _leave(self, arrival: Arrival) -> None:
        """Idempotent."""
        others = self._by_address.get(arrival.address, {})
        if arrival in others:
            del others[arrival]
            self.held -= arrival.size
            if not others:
                del self._by_address[arrival.address]
