"""Memory that messages may take: all calls together so much, and each gives back what it took."""

from __future__ import annotations

from typing import Self

from sightline.errors import Overloaded


class Memory:
    """Bytes that all calls may hold together. Belongs to one event loop."""

    def __init__(self, limit: int) -> None:
        self.limit, self.held = limit, 0


class MemoryReservation:
    """What one call holds of it; given back at the end of the context, if not before."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._held = 0

    def add(self, data: bytes) -> None:
        """Raises Overloaded: all calls together would hold too much."""
        self.take(len(data))

    def take(self, size: int) -> None:
        """As ``add``, for so many bytes. Raises Overloaded: there is no room for them."""
        if self._memory.held + size > self._memory.limit:
            raise Overloaded("the messages of other calls take all memory that is set apart")
        self._memory.held += size
        self._held += size

    def drop(self, data: bytes) -> None:
        """Give back what was added; what was not (the text of an error) changes nothing."""
        size = min(len(data), self._held)
        self._memory.held -= size
        self._held -= size

    def drop_all(self) -> None:
        """Give back all memory that is held."""
        self._memory.held -= self._held
        self._held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop_all()
