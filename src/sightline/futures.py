"""One future for several. Knows neither what they compute nor who computes it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def all_begun(calls: Iterable[Callable[[], Future[T]]]) -> list[Future[T]]:
    """The futures of all calls, in order. Where one is refused, those before it are cancelled.

    Raises what the call raised.
    """
    futures: list[Future[T]] = []
    try:
        for call in calls:
            futures.append(call())  # noqa: PERF401 - those before a refusal count
    except BaseException:  # re-raised; nobody would read the others' results
        for future in futures:
            future.cancel()
        raise
    return futures


def joined(futures: Sequence[Future[T]], join: Callable[[list[T]], R]) -> Future[R]:
    """One future for several: ``join`` of their results in order, or the first failure in order.

    It is done when all of them are. ``join`` runs in the thread that ends the last one; what it raises
    is the failure. Cancelling the whole cancels those that have not begun.
    """
    whole: Future[R] = Future()
    done = itertools.count(1)  # next() is atomic, and the callbacks come from several threads
    # Each part's callback knows the whole. The whole forgets the parts when they are done: else all would live, with
    # their pictures, until the garbage collector comes.
    waiting, count = list(futures), len(futures)

    def collect(_: Future[T] | None = None) -> None:
        if next(done) < count:
            return
        parts = waiting.copy()
        waiting.clear()
        if not whole.set_running_or_notify_cancel():
            return
        try:
            for part in parts:
                if not part.cancelled() and (error := part.exception()):
                    whole.set_exception(error)
                    return
            whole.set_result(join([part.result() for part in parts]))
        except BaseException as exc:  # noqa: BLE001 - the caller gets any error
            whole.set_exception(exc)

    def cancel(ended: Future[R]) -> None:
        if ended.cancelled():
            for part in waiting.copy():
                part.cancel()

    whole.add_done_callback(cancel)
    for future in futures:
        future.add_done_callback(collect)
    if not futures:
        collect()
    return whole
