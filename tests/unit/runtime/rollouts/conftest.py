"""Detectors whose answers a test gives, and rollouts around them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from sightline.config import CanaryOptions, ShadowOptions, SplitOptions
from sightline.protocols import Detector
from sightline.runtime.repository.served_model import ModelCall, Overrides
from sightline.runtime.rollouts.background import TimedDetections
from sightline.runtime.rollouts.class_mapping import ClassMapping
from sightline.runtime.rollouts.rollout import Rollout
from sightline.runtime.scheduling.items import Terms
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame

NAMES = ("person", "car")
OPTIONS = {"shadow": ShadowOptions, "split": SplitOptions, "canary": CanaryOptions}


def frame(index: int = 0) -> Frame:
    return Frame("gate", index, 0.0, 0.0, ArrayPicture(np.zeros((48, 64, 3), np.uint8)))


def objects(*class_ids: int, score: float = 0.9) -> Detections:
    n = len(class_ids)
    boxes = np.array([[20 * i, 0, 20 * i + 10, 10] for i in range(n)], np.float32).reshape(-1, 4)
    return Detections(
        boxes, np.full(n, score, np.float32), np.array(class_ids, np.int64), class_names=NAMES
    )


class HeldDetector:
    """A detector whose futures the test settles; ``error`` is raised by ``submit`` itself."""

    class_names = NAMES

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[Future[list[Detections]]] = []
        self.error = error

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        if self.error is not None:
            raise self.error
        self.asked.append(Future())
        return self.asked[-1]

    def close(self) -> None: ...


class FakePair:
    """Two models; ``shown`` are what the one that does not answer was shown."""

    def __init__(self, second: Detector | None = None) -> None:
        self.detector = second
        self.found: Detections | Exception = objects(0)
        self.shown: list[bool] = []
        self.done: list[str] = []
        self.error: Exception | None = None
        self.free = threading.Event()
        self.free.set()

    def second(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.detector

    def show(self, second: bool, _: Frame, __: Overrides) -> TimedDetections:
        self.free.wait(10)
        self.shown.append(second)
        if isinstance(self.found, Exception):
            raise self.found
        return TimedDetections(self.found, 0.02, 0.01)

    def _do(self, what: str) -> None:
        if self.error is not None:
            raise self.error
        self.done.append(what)

    def promote(self) -> None:
        self._do("promote")

    def restore(self) -> None:
        self._do("restore")

    def restart(self) -> None:
        self._do("restart")

    def close(self) -> None:
        self.free.set()


def call(
    key: str | None = None,
    told: Callable[[str], None] | None = None,
    live: bool = False,
    **wanted: Any,
) -> ModelCall:
    """What is asked of both models; the second's detector is what the pair has."""
    terms = Terms("test", answered_by=told, live=live)
    return ModelCall(terms, Overrides(**wanted), lambda other: other, lambda _: key)  # type: ignore[arg-type, return-value]


@pytest.fixture
def rollout() -> Iterator[Callable[..., Rollout]]:
    made: list[Rollout] = []

    def make(
        kind: Any,
        pair: FakePair,
        mapping: ClassMapping | None = None,
        chance: Callable[[], float] = lambda: 0.0,
        **options: Any,
    ) -> Rollout:
        made.append(
            Rollout(
                "street", kind, OPTIONS[kind](model="next", **options), pair,
                mapping or ClassMapping(NAMES, None), (0.25, 0.25), chance,
            )
        )  # fmt: skip
        return made[-1]

    yield make
    for one in made:
        one.close()
