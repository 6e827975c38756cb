"""Whose turn it is to decode, where many sources share few cores."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol


class Turn(Protocol):
    """A context manager that is held while a packet is decoded, where many sources share few cores."""

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def admits(self, key: bool, at_s: float | None) -> bool:
        """Whether the next packet is to be decoded.

        ``key``: it is that of a key frame; ``at_s``: its time in the stream, in the order of decoding.
        """


class EveryPacket:
    """The turn of a reader that is alone: nobody waits, and everything is decoded."""

    def __enter__(self) -> None:
        """There is nothing to wait for."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nobody waits."""

    def admits(self, key: bool, at_s: float | None) -> bool:  # noqa: ARG002 - the protocol's
        """Every packet is decoded."""
        return True
