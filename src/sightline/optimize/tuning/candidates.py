"""The ways to run a model on footage that are searched, and what was found out of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TuningCandidate:
    """One way to run a model.

    Args:
        backend: a key of ``tables.ENGINES``.
        precision: as of ``EngineOptions``.
        size: longer side of an input that is fitted to the footage.
        batch: most pictures in an inference.
        threads: processor threads; 0: all cores.
        requests: inferences in flight; 0: the runtime's optimum.
    """

    backend: str
    precision: str
    size: int
    batch: int = 1
    threads: int = 0
    requests: int = 0

    def __str__(self) -> str:
        more = [
            f"{count} {what}"
            for count, what in ((self.threads, "threads"), (self.requests, "in flight"))
            if count
        ]
        return ", ".join(
            [f"{self.backend} {self.precision} {self.size}", f"batch {self.batch}", *more]
        )

    @property
    def plain(self) -> TuningCandidate:
        """The same with one picture at a time, all cores and the runtime's own number of requests."""
        return replace(self, batch=1, threads=0, requests=0)


@dataclass(frozen=True)
class Limits:
    """What a way to run a model must keep: accuracy as a part of the native one's, p99 in ms."""

    p99_ms: float
    min_accuracy: float


@dataclass(frozen=True)
class Trial:
    """What was found out of a candidate.

    ``pictures_per_s`` and ``p99_ms`` are under full load, over ``seconds``. ``refused`` says why it
    cannot run.
    """

    candidate: TuningCandidate
    accuracy: float | None = None
    pictures_per_s: float = 0.0
    p99_ms: float = 0.0
    seconds: float = 0.0
    refused: str | None = None

    def accurate(self, limits: Limits) -> bool:
        """Whether it runs, and keeps the accuracy."""
        return self.accuracy is not None and self.accuracy >= limits.min_accuracy

    def holds(self, limits: Limits) -> bool:
        """Whether it was measured and keeps all limits."""
        return self.accurate(limits) and self.seconds > 0 and self.p99_ms <= limits.p99_ms


@dataclass(frozen=True)
class SearchSpace:
    """The values that are tried, each with each other.

    The native configuration has the first backend and precision, and the model's own input size, ``own_size``, whether
    that is tried or not.
    """

    backends: Sequence[str]
    precisions: Sequence[str]
    sizes: Sequence[int]
    own_size: int
    batches: Sequence[int] = (1,)
    threads: Sequence[int] = (0,)
    requests: Sequence[int] = (0,)

    @property
    def native(self) -> TuningCandidate:
        """The way to run the model that all others are compared with."""
        return replace(self.plain()[0], size=self.own_size)

    def every(self) -> list[TuningCandidate]:
        """All candidates."""
        values = itertools.product(
            self.backends, self.precisions, self.sizes, self.batches, self.threads, self.requests
        )
        return [TuningCandidate(*each) for each in values]

    def plain(self) -> list[TuningCandidate]:
        """One candidate of each backend, precision and size, with the first value of everything else."""
        values = itertools.product(self.backends, self.precisions, self.sizes)
        others = (self.batches[0], self.threads[0], self.requests[0])
        return [TuningCandidate(*each, *others) for each in values]

    def around(self, candidate: TuningCandidate) -> list[TuningCandidate]:
        """The candidates with the same backend, precision and size."""
        values = itertools.product(self.batches, self.threads, self.requests)
        return [replace(candidate, batch=b, threads=t, requests=r) for b, t, r in values]


def pareto_front(trials: Iterable[Trial]) -> list[Trial]:
    """The trials than which no other is both more accurate and faster; the fastest first."""
    front: list[Trial] = []
    measured = [trial for trial in trials if trial.accuracy is not None and trial.seconds]
    for trial in sorted(measured, key=lambda t: (-t.pictures_per_s, -(t.accuracy or 0))):
        if not front or (trial.accuracy or 0) > (front[-1].accuracy or 0):
            front.append(trial)
    return front
