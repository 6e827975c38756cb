"""Which of several engines gets a batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from sightline.engines.replicas import Replicas
from sightline.errors import EngineError, InferenceError
from sightline.types import Floats, Pixels


def fail(_: Pixels) -> Sequence[Floats]:
    raise InferenceError("out of memory")


def idle(replicas: Replicas) -> Callable[[], bool]:
    """A future has its result a moment before the replicas know."""
    return lambda: not any(r.in_flight for r in replicas.status())


def held(engine: Any, go: threading.Event) -> None:
    """From now on its inferences wait."""

    def infer(pixels: Pixels) -> Sequence[Floats]:
        go.wait(30)
        outputs: Sequence[Floats] = engine.first_pixels(pixels)
        return outputs

    engine.infer = infer


def test_it_is_as_many_requests_as_its_engines_together(stand_in: Any) -> None:
    replicas = Replicas([stand_in("cuda:0", 2), stand_in("cuda:1", 3)])
    assert replicas.info.requests == 5
    assert replicas.info.device == "cuda:0, cuda:1"
    assert replicas.info.backend == "stand-in"
    replicas.close()


@pytest.mark.parametrize("sizes", [(2, 2), (1, 3), (4, 1, 1)])
def test_work_is_spread_by_what_each_can_do(
    stand_in: Any, caller: Any, sizes: tuple[int, ...], go: threading.Event
) -> None:
    engines = [stand_in(str(n), n) for n in sizes]
    for engine in engines:
        held(engine, go)
    replicas = Replicas(engines)
    futures = [caller.submit(replicas, i) for i in range(sum(sizes))]
    assert [r.in_flight for r in replicas.status()] == list(sizes)
    more = [caller.submit(replicas, i) for i in range(sum(sizes))]
    assert [r.in_flight for r in replicas.status()] == [2 * n for n in sizes]
    go.set()
    assert [f.result(20) for f in futures + more] == list(range(sum(sizes))) * 2
    replicas.close()
    assert [r.in_flight for r in replicas.status()] == [0] * len(sizes)
    assert [engine.closed for engine in engines] == [1] * len(sizes)


def test_idle_engines_take_turns(stand_in: Any, caller: Any, eventually: Any) -> None:
    engines = [stand_in(), stand_in()]
    replicas = Replicas(engines)
    for i in range(10):
        caller.run(replicas, i)
        eventually(idle(replicas))
    replicas.close()
    assert [engine.ran for engine in engines] == [5, 5]


def test_a_busy_engine_does_not_hold_up_the_others(
    stand_in: Any, caller: Any, go: threading.Event
) -> None:
    slow, quick = stand_in("slow"), stand_in("quick")
    held(slow, go)
    replicas = Replicas([slow, quick])
    futures = [caller.submit(replicas, i) for i in range(20)]
    done = [f for f in futures if wait_for(f)]
    assert len(done) >= 18
    go.set()
    assert [f.result(20) for f in futures] == list(range(20))
    replicas.close()


def wait_for(future: Future[int]) -> bool:
    try:
        future.result(timeout=0.5)
    except TimeoutError:
        return False
    return True


def test_an_engine_that_fails_is_avoided_for_a_while_each_time_for_longer(
    stand_in: Any, caller: Any, clock: Any, eventually: Any
) -> None:
    good, bad = stand_in("good"), stand_in("bad")
    bad.infer = fail
    replicas = Replicas([bad, good], avoid_s=1, avoid_max_s=4, clock=clock)
    moments = []  # at which the bad one was tried
    for tenth in range(200):
        clock.now = tenth / 10
        before = bad.ran
        future = caller.submit(replicas, 5)
        error = future.exception(20)
        eventually(idle(replicas))
        if bad.ran > before:
            moments.append(clock.now)
            assert str(error) == "out of memory"
        else:
            assert future.result() == 5
    assert moments == [0, 1, 3, 7, 11, 15, 19]
    status = replicas.status()[0]
    assert (status.failed, status.failures, status.error) == (7, 7, "out of memory")
    assert status.avoided_s == pytest.approx(4 - 0.9)
    bad.infer = bad.first_pixels
    clock.now = 30
    while bad.ran == 7:
        caller.run(replicas, 1)
    eventually(idle(replicas))
    status = replicas.status()[0]
    assert (status.failures, status.avoided_s, status.failed) == (0, 0, 7)
    replicas.close()


def test_an_engine_that_comes_back_is_tried_with_one_batch_at_a_time(
    stand_in: Any, caller: Any, clock: Any, go: threading.Event, eventually: Any
) -> None:
    good, bad = stand_in("good", 4), stand_in("bad", 4)
    bad.infer = fail
    replicas = Replicas([bad, good], clock=clock)
    assert caller.submit(replicas, 1).exception(20) is not None
    eventually(idle(replicas))
    held(bad, go)
    held(good, go)
    clock.now = 2
    futures = [caller.submit(replicas, i) for i in range(9)]
    assert [r.in_flight for r in replicas.status()] == [1, 8]
    go.set()
    assert [f.result(20) for f in futures] == list(range(9))
    replicas.close()


def test_where_all_fail_the_one_that_failed_longest_ago_is_used(
    stand_in: Any, caller: Any, clock: Any, eventually: Any
) -> None:
    engines = [stand_in("a"), stand_in("b")]
    for engine in engines:
        engine.infer = fail
    replicas = Replicas(engines, avoid_s=10, clock=clock)
    for i in range(6):
        clock.now = i / 10
        assert isinstance(caller.submit(replicas, i).exception(20), InferenceError)
        eventually(idle(replicas))
    assert [engine.ran for engine in engines] == [3, 3]
    replicas.close()


def test_a_batch_that_one_engine_does_not_take_goes_to_another(stand_in: Any, caller: Any) -> None:
    gone, good = stand_in("gone"), stand_in("good")
    gone.close()
    replicas = Replicas([gone, good])
    assert [caller.run(replicas, i) for i in range(4)] == [0, 1, 2, 3]
    assert replicas.status()[0].failed == 1
    good.close()
    with pytest.raises(EngineError, match="closed"):
        caller.submit(replicas, 1)
    replicas.close()


@pytest.mark.parametrize("where", ["fill", "read"])
def test_what_the_caller_raises_is_no_failure(stand_in: Any, where: str) -> None:
    def broken(_: object) -> Any:
        raise LookupError("the caller's")

    replicas = Replicas([stand_in()])
    fill, read = (broken, list) if where == "fill" else (lambda _: None, broken)
    assert isinstance(replicas.submit((1, 2, 2), fill, read).exception(20), LookupError)
    assert replicas.status()[0].failed == 0
    replicas.close()


def test_engines_of_different_models_are_refused(stand_in: Any) -> None:
    one, other = stand_in("a"), stand_in("b")
    other.outputs = 2
    with pytest.raises(EngineError, match=r"one model: stand-in on a .* 1 outputs.* b .* 2"):
        Replicas([one, other])
    with pytest.raises(EngineError, match="at least one"):
        Replicas([])
    for engine in (one, other):
        engine.close()
