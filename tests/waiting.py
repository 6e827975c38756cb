"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(
    condition: Callable[[], object], what: str = "it did not happen", timeout_s: float = 30.0
) -> None:
    """Return as soon as something holds. Raises AssertionError with ``what`` after ``timeout_s``.

    What takes longer is looked at less often: looking takes a processor from what is waited for.
    """
    deadline, pause_s = time.monotonic() + timeout_s, 0.005
    while not condition():
        assert time.monotonic() < deadline, f"{what} within {timeout_s} s"
        time.sleep(pause_s)
        pause_s = min(0.05, pause_s * 1.2)
