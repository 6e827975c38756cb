"""Engines whose times are known, for tests of what measures them. They are made in other processes, too."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from sightline.errors import EngineError
from sightline.optimize.benchmarks.setups import EngineSetup, Hint
from sightline.protocols import Engine
from sightline.types import EngineInfo, Floats, Pixels, TensorSpec


class FakeEngine:
    """Takes ``run`` for each inference, and nothing else."""

    info = EngineInfo("fake", "cpu", "fp32", 2, TensorSpec("x", (None, 8, 8, 3), "uint8"), ())

    def __init__(self, run: Callable[[], None] = lambda: None) -> None:
        self._run = run
        self.filled: list[Pixels] = []
        self.closed = False

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], Any],
    ) -> Future[Any]:
        pixels: Pixels = np.zeros((*shape, 3), np.uint8)
        fill(pixels)
        if pixels.any():
            self.filled.append(pixels)
        self._run()
        future: Future[Any] = Future()
        future.set_result(read([]))
        return future

    def close(self) -> None:
        self.closed = True


def quick(setup: EngineSetup, hint: Hint) -> tuple[Engine, tuple[int, int]]:
    return FakeEngine(lambda: time.sleep(0.001)), setup.size or (8, 8)


def refusing(setup: EngineSetup, hint: Hint) -> tuple[Engine, tuple[int, int]]:
    if setup.backend == "torch":
        raise EngineError("it cannot")
    return quick(setup, hint)


def broken(setup: EngineSetup, hint: Hint) -> tuple[Engine, tuple[int, int]]:
    raise RuntimeError("a defect of a runtime")


def killed(setup: EngineSetup, hint: Hint) -> tuple[Engine, tuple[int, int]]:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def large(setup: EngineSetup, hint: Hint) -> tuple[Engine, tuple[int, int]]:
    """Takes 200 MB while it is made, and gives them back."""
    np.ones(200_000_000, np.uint8).sum()
    return quick(setup, hint)
