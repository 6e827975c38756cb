"""The statistics extension of the Open Inference Protocol, as Triton counts; knows no transport."""

from __future__ import annotations

import threading
import time
import weakref
from collections import defaultdict

from sightline.runtime.scheduling.executions import Execution, Watch
from sightline.types import JsonObject

MOST_SIZES = 256
"""Sizes of batches that are told apart; clients send tensors of any number of rows."""
STEPS = ("compute_input", "compute_infer", "compute_output")


class Statistics:
    """What became of the requests for each model since the start. Thread-safe.

    A batch that requests for several models of the protocol share (``NAME`` and ``NAME.detect``) counts
    once for each of these.
    """

    def __init__(self) -> None:
        self._models: dict[str, _Model] = defaultdict(_Model)
        self._changing = threading.Lock()

    def answered(self, model: str, took_ns: int, rows: int, jobs: int, watch: Watch) -> None:
        """One request that was answered.

        Args:
            model: its name in the protocol.
            took_ns: from its arrival to its answer.
            rows: of the batch that it brought.
            jobs: in which it was run.
            watch: of these jobs.
        """
        # A job of several rows that are not pictures is one item of the scheduler's.
        least = rows // jobs if jobs else 0
        with self._changing:
            counts = self._models[model]
            counts.inferences += rows
            counts.last_ms = time.time_ns() // 1_000_000
            counts.requests["success"].add(took_ns)
            for execution in watch.executions:
                counts.ran(execution, max(execution.pictures, least))
            if watch.executions:
                # Jobs run side by side: the last one is what the request waited for.
                last = watch.executions[-1]
                counts.requests["queue"].add(max(0, last.begun - watch.since))
                for step, ns in zip(STEPS, _took(last), strict=True):
                    counts.requests[step].add(ns)

    def failed(self, model: str, took_ns: int) -> None:
        """One request that had no answer: it was wrong, refused, late, cancelled, or could not be run."""
        with self._changing:
            self._models[model].requests["fail"].add(took_ns)

    def of(self, model: str) -> JsonObject:
        """A model's counts and times, without its name."""
        with self._changing:
            return self._models[model].to_dict() if model in self._models else _Model().to_dict()


class _Duration:
    """How often something happened, and what it took together."""

    __slots__ = ("count", "ns")

    def __init__(self) -> None:
        self.count = self.ns = 0

    def add(self, ns: int) -> None:
        """Add one duration, in nanoseconds."""
        self.count += 1
        self.ns += ns

    def to_dict(self) -> dict[str, int]:
        """As the protocol's statistics extension has it; durations in nanoseconds."""
        return {"count": self.count, "ns": self.ns}


def _durations(*names: str) -> dict[str, _Duration]:
    return {name: _Duration() for name in names}


class _Model:
    def __init__(self) -> None:
        self.inferences = self.executions = 0
        self.last_ms = 0
        self.requests = _durations(
            "success", "fail", "queue", *STEPS, "cache_hit", "cache_miss"
        )  # there is no cache; Triton's clients expect the fields
        self._batches: dict[int, dict[str, _Duration]] = {}
        self._seen: weakref.WeakSet[Execution] = weakref.WeakSet()
        """Batches that were counted, while requests of theirs are still on their way."""

    def ran(self, execution: Execution, size: int) -> None:
        """Count a batch, once for all its requests."""
        if execution in self._seen:
            return
        self._seen.add(execution)
        self.executions += 1
        if size not in self._batches and len(self._batches) >= MOST_SIZES:
            return
        batch = self._batches.setdefault(size, _durations(*STEPS))
        for step, ns in zip(STEPS, _took(execution), strict=True):
            batch[step].add(ns)

    def to_dict(self) -> JsonObject:
        """As the protocol's statistics extension has it; durations in nanoseconds."""
        return {
            "last_inference": self.last_ms,
            "inference_count": self.inferences,
            "execution_count": self.executions,
            "inference_stats": {name: d.to_dict() for name, d in self.requests.items()},
            "batch_stats": [
                {"batch_size": size, **{step: d.to_dict() for step, d in batch.items()}}
                for size, batch in sorted(self._batches.items())
            ],
        }


def _took(execution: Execution) -> tuple[int, int, int]:
    return (
        execution.filled - execution.begun,
        execution.inferred - execution.filled,
        execution.done - execution.inferred,
    )
