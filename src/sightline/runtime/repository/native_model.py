"""A model's own tensors behind the scheduler: loaded on first use, exchanged while it runs."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from sightline.errors import Conflict, NotFound
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledEngine
from sightline.runtime.scheduling.scheduler import Scheduler

if TYPE_CHECKING:
    from sightline.engines.native import Feed, NativeEngine

T = TypeVar("T")

GROUPS = 64
"""Requests of different shapes wait apart, in groups that stand in for the scheduler's input sizes. It keeps what
it learns of each, so there are so many at most; the engine tells two shapes of one group apart."""
TOGETHER, ALONE = 1, 0
"""Second number of a group: whether its requests may share an inference."""


class NativeModel:
    """Runs named tensors through the scheduler.

    Nothing is loaded until ``load``, which takes as long as ONNX Runtime needs: who never asks for these
    tensors pays no memory for a second copy of the weights.

    Args:
        key: name of its queue in the scheduler.
        scheduler: that runs it.
        make: a new engine. Raises ModelError, EngineUnavailable.
    """

    def __init__(self, key: str, scheduler: Scheduler, make: Callable[[], NativeEngine]) -> None:
        self._key = key
        self._scheduler = scheduler
        self._make = make
        self._engine: NativeEngine | None = None
        self._closed = False
        self._changing = threading.Lock()
        self.loaded_at = 0.0

    @property
    def loaded(self) -> bool:
        """Whether its engine is there."""
        return self._engine is not None

    @property
    def engine(self) -> NativeEngine:
        """What runs it. Raises NotFound: it is not loaded, or was unloaded meanwhile."""
        engine = self._engine
        if engine is None:
            raise NotFound(
                f"model {self._key!r} is not loaded (unloaded): an administrator can load it"
            )
        return engine

    def load(self, *, measure: bool = False) -> None:
        """Load it where it is not; blocks. With ``measure``, learn which batch sizes pay.

        Raises:
            ModelError, EngineUnavailable: it cannot be used.
            NotFound: it was unloaded.
        """
        with self._changing:
            if self._closed:
                raise NotFound(
                    f"model {self._key!r} is not loaded (unloaded): an administrator can load it"
                )
            if self._engine is not None:
                return
            engine = self._make()
            trial = engine.trial() if measure else None
            self._scheduler.add(self._key, engine, None if trial else [1])
            self._engine, self.loaded_at = engine, time.time()
        if trial:
            height, width = _group(trial)
            self._scheduler.warm_up(self._key, (width, height))

    def reload(self) -> None:
        """Exchange the engine for a new one of the file; requests go on. Nothing where it is not loaded.

        Raises as ``load``, and Conflict: the new file has other tensors. The old one goes on then.
        """
        with self._changing:
            old = self._engine
            if old is None:
                return
            new = self._make()
            if (old.inputs, old.outputs) != (new.inputs, new.outputs):
                new.close()
                raise Conflict(
                    f"the new model {self._key} has other inputs or outputs than the one that "
                    "answers: give it a name of its own"
                )
            try:
                self._scheduler.replace(self._key, new)
            except BaseException:  # re-raised once the engine is closed
                new.close()
                raise
            self._engine, self.loaded_at = new, time.time()
            old.close()

    def close(self) -> None:
        """Free it after what was accepted. Idempotent."""
        with self._changing:
            self._closed = True
            if self._engine is not None:
                self._engine = None
                self._scheduler.remove(self._key).close()

    def infer(
        self, feed: Feed, rows: int, terms: Terms, read: Callable[[Sequence[Any]], T]
    ) -> Future[T]:
        """Run one request, and ``read`` its outputs in a thread of the engine's.

        Args:
            feed: all inputs, checked against ``engine.inputs``.
            rows: of the first axis; requests of one row may share an inference.
            terms: see ``Scheduler``.
            read: gets an array for each of ``engine.outputs``; they stay valid.

        Raises Overloaded, NotFound.
        """

        def fill(slots: Any) -> None:
            slots[0] = feed

        group = _group(feed) if rows == 1 and self.engine.batched else (0, ALONE)
        return ScheduledEngine(self._scheduler, self._key, terms).submit((1, *group), fill, read)


def _group(feed: Feed) -> tuple[int, int]:
    """Where requests of these shapes wait together."""
    shapes = repr([(name, array.shape) for name, array in sorted(feed.items())])
    return zlib.crc32(shapes.encode()) % GROUPS, TOGETHER
