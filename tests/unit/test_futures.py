"""Several futures as one: order, the first failure, cancelling."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial

import pytest
from tests.circles import without_collector

from sightline.errors import Overloaded
from sightline.futures import all_begun, joined


def done(value: object) -> Future[object]:
    future: Future[object] = Future()
    future.set_result(value)
    return future


def failed(error: BaseException) -> Future[object]:
    future: Future[object] = Future()
    future.set_exception(error)
    return future


def test_none_are_done_at_once() -> None:
    assert joined([], list).result(0) == []


def test_results_come_in_order_whoever_is_first() -> None:
    parts: list[Future[int]] = [Future() for _ in range(3)]
    whole = joined(parts, list)
    for i in (2, 0, 1):
        assert not whole.done()
        parts[i].set_result(i)
    assert whole.result(0) == [0, 1, 2]


def test_many_threads_end_one() -> None:
    gate = threading.Barrier(8)

    def work(i: int) -> int:
        gate.wait(20)
        return i

    with ThreadPoolExecutor(8) as pool:
        for _ in range(50):
            assert joined([pool.submit(work, i) for i in range(8)], sum).result(20) == 28


def test_the_first_failure_in_order_counts_and_only_when_all_have_ended() -> None:
    late: Future[object] = Future()
    whole = joined([done(1), late, failed(KeyError("second"))], list)
    assert not whole.done()
    late.set_exception(ValueError("first"))
    with pytest.raises(ValueError, match="first"):
        whole.result(0)


def test_what_joining_raises_is_the_failure() -> None:
    def broken(_: list[object]) -> None:
        raise LookupError("no")

    with pytest.raises(LookupError):
        joined([done(1)], broken).result(0)
    with pytest.raises(LookupError):
        joined([], broken).result(0)


def test_cancelling_the_whole_cancels_the_parts() -> None:
    waiting: Future[int] = Future()
    running: Future[int] = Future()
    running.set_running_or_notify_cancel()
    whole = joined([waiting, running], list)
    assert whole.cancel()
    assert waiting.cancelled()
    running.set_result(1)  # nobody is told, and nothing breaks
    assert whole.cancelled()


def test_a_part_that_others_cancel_is_a_failure() -> None:
    part: Future[int] = Future()
    whole = joined([part], partial(sum))
    part.cancel()
    with pytest.raises(CancelledError):
        whole.result(0)
    assert not whole.cancelled()


def test_all_begin_or_none() -> None:
    begun: list[Future[int]] = []

    def begin() -> Future[int]:
        begun.append(Future())
        return begun[-1]

    def refuse() -> Future[int]:
        raise Overloaded("no room")

    assert all_begun([begin, begin]) == begun
    assert not any(future.cancelled() for future in begun)
    with pytest.raises(Overloaded):
        all_begun([begin, refuse, begin])
    assert [future.cancelled() for future in begun] == [False, False, True]


class Found:
    """A result that is large."""


@pytest.mark.parametrize("outcome", ["done", "failed", "cancelled"])
def test_what_was_joined_goes_with_its_last_owner(outcome: str) -> None:
    """Not with the garbage collector: results know the pictures that they were found in."""
    with without_collector():
        parts: list[Future[Found]] = [Future(), Future()]
        whole = joined(parts, list)
        found = [Found(), Found()]
        left = [weakref.ref(one) for one in (*found, *parts, whole)]
        if outcome == "cancelled":
            assert whole.cancel()
        else:
            parts[0].set_result(found[0])
            if outcome == "failed":
                parts[1].set_exception(Overloaded("full"))
            else:
                parts[1].set_result(found[1])
        assert whole.done()
        del parts, whole, found
        assert [one() for one in left] == [None] * 5
