"""Counts of two models beside one another, from any thread."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sightline.evaluation.pairs import PairCounts
from sightline.types import ClassFigures, ModelFigures

_KEPT = 2000
"""Latencies of so many answers are kept."""


@dataclass(slots=True)
class _Model:
    answered: int = 0
    shown: int = 0
    failed: int = 0
    cpu_s: float = 0.0
    measured: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def figures(self) -> ModelFigures:
        """As they are now."""
        p50, p95, p99 = (
            np.percentile(list(self.latencies), (50, 95, 99)) * 1e3
            if self.latencies
            else (None, None, None)
        )
        cpu_ms = 1e3 * self.cpu_s / self.measured if self.measured else None
        times = map(_rounded, (p50, p95, p99, cpu_ms))
        return ModelFigures(self.answered, self.shown, self.failed, *times)


class Tally:
    """What the first model and the second have done.

    Args:
        class_names: of the first model.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = tuple(class_names)
        self.era = 0
        """Grows when it begins anew."""
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        with self._lock:
            self.era += 1
            self._begun = time.monotonic()
            self._models = (_Model(), _Model())
            self._pairs = PairCounts.none(len(self._names))
            self.compared = 0
            self.dropped: Counter[str] = Counter()

    def answered(self, second: bool, seconds: float) -> bool:
        """One of the models has answered a picture of the traffic after so long.

        False: it was asked before this began, perhaps of a model that is gone, and does not count.
        """
        with self._lock:
            if self._is_of_before(seconds):
                return False
            self._models[second].answered += 1
            self._models[second].latencies.append(seconds)
        return True

    def _is_of_before(self, seconds: float) -> bool:
        return time.monotonic() - seconds < self._begun

    def shown(self, second: bool, seconds: float | None, cpu_s: float | None) -> None:
        """One of the models has seen a picture beside the other.

        ``seconds`` and ``cpu_s`` are None where they say nothing of its latency and cost.
        """
        with self._lock:
            model = self._models[second]
            model.shown += 1
            if seconds is not None:
                model.latencies.append(seconds)
            if cpu_s is not None:
                model.cpu_s += cpu_s
                model.measured += 1

    def failed(self, second: bool, seconds: float = 0.0) -> bool:
        """One of the models has failed at a picture, after so long. False: see ``answered``."""
        with self._lock:
            if self._is_of_before(seconds):
                return False
            self._models[second].failed += 1
        return True

    def pair(self, counts: PairCounts) -> None:
        """Both have seen a picture."""
        with self._lock:
            self._pairs += counts
            self.compared += 1

    def drop(self, reason: str) -> None:
        """A picture that should have been compared was not."""
        with self._lock:
            self.dropped[reason] += 1

    def models(self) -> tuple[ModelFigures, ModelFigures]:
        """The first and the second."""
        with self._lock:
            first, second = self._models
            return first.figures(), second.figures()

    def per_class(self) -> dict[str, ClassFigures]:
        """By name, in the order of the first model's classes."""
        with self._lock:
            pairs = self._pairs
        columns = (pairs.confident, pairs.agreed, pairs.first, pairs.second)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return {name: ClassFigures(*row) for name, row in zip(self._names, rows, strict=True)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 2)
