"""How long a source may be waited for, and how much of it may come, until a packet is whole."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable

from sightline.errors import SourceError


class ReadAllowance:
    """How long may be waited, and how much may come, until the next packet is whole.

    Shared by everything that one connection of a source fetches, and used by its thread; ``take`` may be called
    by one that hands bytes on to it.

    Args:
        timeout_s: at first; ``renew`` may change it.
        limit_bytes: more than that without a packet is refused.
        label: names the source in errors.
    """

    def __init__(self, timeout_s: float, limit_bytes: int, label: str) -> None:
        self.label = label
        self._timeout_s = timeout_s
        self._limit = limit_bytes
        self._alive: Callable[[], None] | None = None
        self._refusal: str | None = None
        self._looking_s = self._until = float("inf")
        self.renew()

    def renew(self, timeout_s: float | None = None, limit_bytes: int | None = None) -> None:
        """A packet has come: wait, and count, from the start."""
        self._timeout_s = self._timeout_s if timeout_s is None else timeout_s
        self._limit = self._limit if limit_bytes is None else limit_bytes
        self._deadline = time.monotonic() + self._timeout_s
        self._left = self._limit

    def look(self, for_s: float, alive: Callable[[], None]) -> None:
        """FFmpeg looks at what comes, which takes until a key frame: wait while something comes.

        Args:
            for_s: at most.
            alive: called whenever something comes.
        """
        self._alive, self._looking_s, self._until = alive, for_s, time.monotonic() + for_s
        self.renew()

    def looked(self, timeout_s: float, limit_bytes: int) -> None:
        """What comes is known: from now on packets are counted."""
        self._alive, self._until = None, float("inf")
        self.renew(timeout_s, limit_bytes)

    def left_s(self) -> float:
        """Seconds until the deadline. Raises TimeoutError, or SourceError: no key frame came."""
        now = time.monotonic()
        left = min(self._deadline, self._until) - now
        if left > 0:
            return left
        if now < self._until:
            raise TimeoutError(errno.ETIMEDOUT, "timed out")
        raise SourceError(
            f"{self.label}: data come, but no picture and no key frame within {self._looking_s:g} s: "
            "check the address, let the camera send a key frame more often (I-frame interval, GOP), or "
            "raise live.key_frame_timeout_s"
        )

    def take(self, count: int) -> None:
        """Count bytes that came. Raises SourceError: too many came without a packet."""
        self._left -= count
        if self._left < 0:
            self._refusal = (
                f"{self.label}: {self._limit // 1_000_000} MB came without a whole picture: its parts or "
                "pictures do not end; check what the camera or server sends"
            )
            self.check()
        if self._alive is not None and count:
            self._deadline = time.monotonic() + self._timeout_s
            self._alive()

    def check(self) -> None:
        """Raise the SourceError that ``take`` has raised, where that was in another thread."""
        if self._refusal is not None:
            raise SourceError(self._refusal)
