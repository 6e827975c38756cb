"""Several engines of one model, on several devices, used as one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from sightline.engines.requests import ACCEPTED
from sightline.errors import EngineError
from sightline.protocols import Engine
from sightline.types import EngineInfo, Floats, Pixels, ReplicaStatus

log = logging.getLogger(__name__)
T = TypeVar("T")


class Replicas:
    """Gives each batch to the engine with the least to do for its size.

    A batch that fails is not run again: wrap the replicas in ``Fallback`` for that. An engine that
    failed is avoided for ``avoid_s`` seconds, twice as long after each further failure in a row up
    to ``avoid_max_s``, and is then tried with one batch at a time until one succeeds; otherwise an
    engine that fails fast would look idle and draw all the work. Where every engine is to be
    avoided, the one that failed longest ago is used.

    Args:
        engines: of the same model, at least one; closed with this one.
        avoid_s, avoid_max_s: see above.
        clock: monotonic seconds.

    Raises:
        EngineError: there is no engine, or they differ in their inputs or outputs. They stay open.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        *,
        avoid_s: float = 1.0,
        avoid_max_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not engines:
            raise EngineError("replicas need at least one engine")
        self._replicas = [_Replica(engine) for engine in engines]
        self._info = _joined([engine.info for engine in engines])
        self._avoid_s, self._avoid_max_s = avoid_s, avoid_max_s
        self._clock = clock
        self._changed = threading.Condition()  # its lock guards the replicas' numbers
        self._closed = False

    @property
    def info(self) -> EngineInfo:
        """That of the first replica, with the requests of all."""
        return self._info

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``: one batch (N, H, W); the future has what ``read`` returned.

        The replica with the least to do for its size runs it; one that fails hands it on.
        """
        for last in range(len(self._replicas) - 1, -1, -1):
            replica = self._take()
            try:
                future = replica.engine.submit(shape, fill, read)
            except EngineError as exc:  # it takes nothing at all: another may
                self._give_back(replica, exc)
                if not last:
                    raise
            except BaseException as exc:  # re-raised once the place is free again
                self._give_back(replica, exc)
                raise
            else:
                future.add_done_callback(partial(self._finished, replica))
                return future
        raise AssertionError("the last replica's error was raised")

    def status(self) -> tuple[ReplicaStatus, ...]:
        """A snapshot, in the order of the engines."""
        with self._changed:
            now = self._clock()
            return tuple(
                ReplicaStatus(
                    replica.engine.info.device,
                    replica.in_flight,
                    replica.ran,
                    replica.failed,
                    replica.failures,
                    max(0.0, replica.avoided_until - now),
                    replica.error,
                )
                for replica in self._replicas
            )

    def close(self) -> None:
        """Close all replicas; the first failure is raised after that. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        with ExitStack() as stack:  # the first failure is raised after all were closed
            for replica in self._replicas:
                stack.callback(replica.engine.close)

    def _take(self) -> _Replica:
        """Wait for a replica with room and count it in; its own ``submit`` will then not wait."""
        with self._changed:
            while True:
                if self._closed:
                    raise EngineError("engine replicas was closed")
                now = self._clock()
                willing = [r for r in self._replicas if r.avoided_until <= now]
                if not willing:
                    willing = [min(self._replicas, key=lambda r: r.avoided_until)]
                free = [r for r in willing if r.in_flight < r.room]
                if free:
                    replica = min(free, key=lambda r: (r.in_flight / r.requests, r.ran))
                    replica.in_flight += 1
                    replica.ran += 1
                    return replica
                waits = [r.avoided_until - now for r in self._replicas if r.avoided_until > now]
                self._changed.wait(min(waits, default=None))

    def _finished(self, replica: _Replica, future: Future[Any]) -> None:
        cancelled = future.cancelled()
        self._give_back(replica, CancelledError() if cancelled else future.exception())

    def _give_back(self, replica: _Replica, error: BaseException | None) -> None:
        with self._changed:
            replica.in_flight -= 1
            if isinstance(error, EngineError) and not self._closed:
                wait = min(self._avoid_max_s, self._avoid_s * 2**replica.failures)
                replica.failures = min(replica.failures + 1, 32)
                replica.failed += 1
                replica.error = str(error)
                replica.avoided_until = self._clock() + wait
                log.warning(
                    "a replica on %s is avoided for %g s: %s",
                    replica.engine.info.device,
                    wait,
                    error,
                )
            elif error is None:
                replica.failures, replica.avoided_until = 0, 0.0
            self._changed.notify_all()


class _Replica:
    """An engine with what is known of it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.requests = engine.info.requests
        self.in_flight = self.ran = self.failed = self.failures = 0
        self.avoided_until = float("-inf")
        self.error: str | None = None

    @property
    def room(self) -> int:
        """As much as its ``submit`` takes without waiting; one, where it has to prove itself."""
        return 1 if self.failures else ACCEPTED * self.requests


def _joined(infos: Sequence[EngineInfo]) -> EngineInfo:
    first = infos[0]
    for info in infos[1:]:
        if info.input.shape != first.input.shape or len(info.outputs) != len(first.outputs):
            raise EngineError(
                f"replicas must run one model: {first.backend} on {first.device} takes "
                f"{first.input.shape} and gives {len(first.outputs)} outputs, {info.backend} on "
                f"{info.device} takes {info.input.shape} and gives {len(info.outputs)}"
            )
    return replace(
        first,
        device=", ".join(info.device for info in infos),
        requests=sum(info.requests for info in infos),
    )
