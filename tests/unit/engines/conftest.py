"""An engine around a stand-in runtime that does what a test tells it to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pytest
from tests.waiting import wait_for

from sightline.engines.requests import Shape, Workers, WorkersEngine
from sightline.types import EngineInfo, Floats, Pixels, TensorSpec

T = TypeVar("T")


class StandIn(WorkersEngine):
    """An ``Engine`` on real workers; ``infer`` is its runtime and may be exchanged at any time."""

    def __init__(self, name: str = "stand-in", requests: int = 1, hang_s: float = 30.0) -> None:
        self.name = name
        self.requests = requests
        self.outputs = 1
        self.closed = 0
        self.ran = 0
        self.infer: Callable[[Pixels], Sequence[Floats]] = self.first_pixels
        self.prepare: Callable[[Shape], object] = lambda shape: None  # as compiling does
        self._workers = Workers(name, requests, self._request, hang_s=hang_s)

    @staticmethod
    def first_pixels(pixels: Pixels) -> Sequence[Floats]:
        return [pixels[:, 0, 0, 0].astype(np.float32)]

    @property
    def info(self) -> EngineInfo:
        shape = (None, None, None, 3)
        outputs = tuple(TensorSpec(f"o{i}", (None,)) for i in range(self.outputs))
        return EngineInfo(
            "stand-in", self.name, "fp32", self.requests, TensorSpec("x", shape, "uint8"), outputs
        )

    def close(self) -> None:
        self.closed += 1
        super().close()

    def _request(self, shape: Shape) -> Any:
        self.prepare(shape)
        return _Request(self, shape)


class _Request:
    def __init__(self, engine: StandIn, shape: Shape) -> None:
        self.input = np.zeros((*shape, 3), np.uint8)
        self._engine = engine

    def run(self) -> Sequence[Floats]:
        self._engine.ran += 1
        return self._engine.infer(self.input)


@dataclass
class Caller:
    """Submits numbers and keeps count of what becomes of them."""

    filled: list[int] = field(default_factory=list)
    read: list[int] = field(default_factory=list)

    def submit(self, engine: Any, number: int, shape: Shape = (1, 2, 2)) -> Future[int]:
        def fill(pixels: Pixels) -> None:
            self.filled.append(number)
            pixels[:] = number

        def read(outputs: Sequence[Floats]) -> int:
            self.read.append(number)
            return int(outputs[0][0])

        future: Future[int] = engine.submit(shape, fill, read)
        return future

    def run(self, engine: Any, number: int) -> int:
        return self.submit(engine, number).result(timeout=20)


@pytest.fixture
def stand_in() -> type[StandIn]:
    return StandIn


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], None]:
    """Wait until something is so."""
    return partial(wait_for, timeout_s=20)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def go() -> Iterator[threading.Event]:
    """What a hanging inference waits for; set at the end, so that no thread stays."""
    event = threading.Event()
    yield event
    event.set()
