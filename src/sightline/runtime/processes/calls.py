"""Calls to another process through a pipe, and the answers to them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from sightline.errors import Overloaded
from sightline.runtime.processes.shard import Answer, Call


class ProcessCalls:
    """Who waits for what from one process. ``pipe`` leads to it; after a restart it is another one.

    ``lock`` is held while a call is sent: what it guards beside cannot change under a call.
    """

    pipe: Connection

    def __init__(self, name: str) -> None:
        self.lock = threading.Lock()
        self._name = name
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[object]] = {}

    def __len__(self) -> int:
        """How many wait for an answer."""
        return len(self._waiting)

    def call(
        self,
        method: str,
        arguments: tuple[object, ...],
        limit_s: float,
        permitted: Callable[[], bool],
    ) -> Any:
        """What a method of the process returns; None where it is not ``permitted`` when it is sent.

        Raises what ``permitted`` or the method raises, or Overloaded: there is no answer.
        """
        future: Future[object] = Future()
        number = next(self._numbers)
        with self.lock:
            if not permitted():
                return None
            self._waiting[number] = future
            try:
                self.pipe.send(Call(number, method, arguments))
            except OSError as exc:
                del self._waiting[number]
                raise Overloaded(f"{self._name} has just died and starts again") from exc
        try:
            return future.result(limit_s)
        except FutureTimeout as exc:
            raise Overloaded(f"{self._name} does not answer") from exc
        finally:
            with self.lock:
                self._waiting.pop(number, None)

    def tell(self, method: str, *arguments: object) -> None:
        """Call a method without waiting. A process that is gone hears nothing."""
        with self.lock, suppress(OSError):
            self.pipe.send(Call(next(self._numbers), method, arguments))

    def end(self) -> None:
        """Tell the process to end."""
        with self.lock, suppress(OSError):  # it is gone already
            self.pipe.send(None)

    def answered(self, answer: Answer) -> None:
        """Hand an answer to who waits for it, if anybody still does."""
        with self.lock:
            future = self._waiting.pop(answer.number, None)
        if future is None:
            return
        if answer.error is not None:
            future.set_exception(answer.error)
        else:
            future.set_result(answer.result)

    def refuse(self, reason: str) -> None:
        """Answer all who wait with Overloaded."""
        with self.lock:
            waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            future.set_exception(Overloaded(reason))
