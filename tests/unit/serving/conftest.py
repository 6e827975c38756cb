"""What several tests of the service need."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def wait_for() -> Callable[..., None]:
    """Wait until something holds, for so long."""

    def wait(condition: Callable[[], Any], timeout_s: float = 15.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)

    return wait
