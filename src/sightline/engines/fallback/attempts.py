"""What a fallback knows of its engines, and of the batches on their way through them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from sightline.engines.requests import ACCEPTED, Shape
from sightline.errors import EngineError
from sightline.protocols import Engine
from sightline.types import EngineInfo, EngineState, Floats, Pixels

log = logging.getLogger(__name__)
T = TypeVar("T")


class Candidate:
    """An engine of a fallback with what is known of it."""

    def __init__(self, label: str, make: Callable[[], Engine]) -> None:
        self.label, self.make = label, make
        self.engine: Engine | None = None
        self.in_flight = 0  # attempts that it has not finished
        self.stuck = 0  # those of them that were given up
        self.failures = self.total = self.hangs = 0
        self.failed = self.hung = self.trying = False
        self.retry_at = self.progress = 0.0
        self.error: str | None = None
        self.since = time.time()

    @property
    def room(self) -> int:
        """As much as its ``submit`` takes without waiting."""
        return 0 if self.engine is None else ACCEPTED * self.engine.info.requests

    def note(self, error: BaseException) -> None:
        """Count an error that says nothing of the engine's health."""
        self.total += 1
        self.error = str(error)

    def fail(self, error: BaseException, retry_at: float) -> None:
        """Take the engine out of use until ``retry_at`` (monotonic seconds)."""
        self.failed, self.hung, self.retry_at = True, self.stuck > 0, retry_at
        self.error, self.since = str(error), time.time()

    def recover(self) -> None:
        """Take the engine back into use, with no failures counted."""
        if self.failed:
            log.warning("engine %s works again", self.label)
            self.since = time.time()
        self.failed = self.hung = False
        self.failures = 0

    def state(self, *, active: bool) -> EngineState:
        """What ``status()`` tells of the engine."""
        return EngineState(
            self.label,
            "failed" if self.failed else "active" if active else "ready",
            self.failures,
            self.total,
            self.hangs,
            self.error,
            self.since,
        )


class PendingBatch(Generic[T]):
    """A batch of a caller's, on its way to one answer."""

    def __init__(
        self, shape: Shape, fill: Callable[[Pixels], None], read: Callable[[Sequence[Floats]], T]
    ) -> None:
        self.shape, self.fill, self.read = shape, fill, read
        self.future: Future[T] = Future()
        self.running = False  # it can no longer be cancelled
        self.cancelled = False  # and was told so
        self.attempt: Attempt | None = None  # the only one that may call fill and read
        self.failed: dict[Candidate, BaseException] = {}

    def forget(self) -> None:
        """Let go of the caller's frames: an engine that hangs may hold this item for ever."""
        del self.fill, self.read


class Attempt:
    """One run of an item on one engine."""

    def __init__(self, item: PendingBatch[Any], candidate: Candidate) -> None:
        self.item, self.candidate = item, candidate
        self.begun = False  # fill was called
        self.callers = False  # fill or read has it: what goes wrong is the caller's
        self.stuck = False
        self.since: float | None = None  # the inference began


class AttemptAbandoned(Exception):
    """Told to an engine that comes too late with an item, or that need not begin with it."""


def failure_of_all(errors: Sequence[tuple[Candidate, object]]) -> str:
    """The message for a batch that every engine has refused."""
    return "no engine can run it: " + "; ".join(
        f"{candidate.label}: {e}" for candidate, e in errors
    )


def check_alike(label: str, info: EngineInfo, other: str, its: EngineInfo) -> None:
    """Raise EngineError where two engines cannot be running the same model."""
    known = info.outputs and its.outputs  # an engine need not know its outputs before it has run
    if known and len(info.outputs) != len(its.outputs):
        raise EngineError(
            f"engines of a fallback must run one model: {label} gives {len(info.outputs)} "
            f"outputs, {other} {len(its.outputs)}"
        )
