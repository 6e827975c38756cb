"""An engine that each process has for itself: a forked child makes its own when it first needs it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from sightline import interpreter
from sightline.errors import EngineError
from sightline.protocols import Engine
from sightline.types import EngineInfo, Floats, Pixels

T = TypeVar("T")


class PerProcessEngine:
    """An ``Engine`` around another, which is made again in a forked child, and where it is unpickled.

    The threads of a runtime do not survive a fork, so an engine that a child inherits would never
    answer. When nobody refers to this one any more, the other is closed.

    Args:
        engine: of this process.
        make: makes one like it; it is kept and pickled. What it raises, ``submit`` raises in a child.
    """

    def __init__(self, engine: Engine, make: Callable[[], Engine]) -> None:
        self._make = make
        self._making = threading.Lock()
        self._closed = False
        self._use(engine)
        interpreter.watch(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self._make,)

    @property
    def info(self) -> EngineInfo:
        """The wrapped engine's."""
        return self.engine.info

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``: one batch (N, H, W); the future has what ``read`` returned."""
        return self.engine.submit(shape, fill, read)

    def close(self) -> None:
        """Close the engine of this process. Idempotent."""
        self._closed = True
        self._finalizer.detach()
        self.engine.close()

    def end_threads(self, deadline: float) -> None:
        """The engine's own threads are watched where they are made."""

    def after_fork(self) -> None:
        """In a forked child: the engine is made anew when it is first used."""
        if isinstance(self.engine, _Inherited) or self._closed:
            return
        self._finalizer.detach()
        interpreter.abandon(self.engine)
        self._making = threading.Lock()
        self.engine: Engine = _Inherited(self.engine.info, self._renewed)

    def _renewed(self) -> Engine:
        """The engine of this process, made by whichever thread needs it first."""
        with self._making:
            if self._closed:
                raise EngineError("this engine was closed: load the model again")
            if isinstance(self.engine, _Inherited):
                self._use(self._make())
            return self.engine

    def _use(self, engine: Engine) -> None:
        self.engine = engine
        self._finalizer = weakref.finalize(self, _close_apart, engine)
        self._finalizer.atexit = False  # the interpreter's end is seen to by `interpreter`


def _made(make: Callable[[], Engine]) -> PerProcessEngine:
    return PerProcessEngine(make(), make)


class _Inherited:
    """Stands for the parent's engine in a child, until somebody needs one."""

    def __init__(self, info: EngineInfo, renewed: Callable[[], Engine]) -> None:
        self.info = info
        self._renewed = renewed

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``: one batch (N, H, W); the future has what ``read`` returned."""
        return self._renewed().submit(shape, fill, read)

    def close(self) -> None:
        """It is the parent's."""


def _close_apart(engine: Engine) -> None:
    """Close an engine from a thread of its own: this one may be the engine's, or hold a lock."""
    if not interpreter.ending():
        threading.Thread(target=engine.close, name="close-engine", daemon=True).start()
