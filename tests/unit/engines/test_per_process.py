"""An engine that a forked child, or a process that unpickles it, makes anew."""

from __future__ import annotations

import gc
import pickle
import threading
from concurrent.futures import Future
from typing import Any

import pytest
from tests.waiting import wait_for

from sightline import interpreter
from sightline.engines.per_process import PerProcessEngine
from sightline.errors import EngineError

made: list[Engine] = []


class Engine:
    """Answers with its number."""

    def __init__(self) -> None:
        self.info = "what it is"
        self.closed = 0
        made.append(self)
        self.number = len(made)

    def submit(self, shape: Any, fill: Any, read: Any) -> Future[int]:
        future: Future[int] = Future()
        future.set_result(self.number)
        return future

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    made.clear()
    # Forked objects are kept for ever there; here the child is this very process.
    monkeypatch.setattr(interpreter, "abandon", lambda _: None)


def answer(engine: PerProcessEngine) -> int:
    return engine.submit((1, 2, 2), lambda _: None, lambda _: 0).result()


def per_process() -> PerProcessEngine:
    return PerProcessEngine(Engine(), Engine)  # type: ignore[arg-type]


def test_it_is_what_it_wraps() -> None:
    engine = per_process()
    assert (engine.info, answer(engine)) == ("what it is", 1)
    engine.close()
    engine.close()
    assert made[0].closed == 2


def test_a_forked_child_makes_its_own_when_it_needs_it() -> None:
    engine = per_process()
    engine.after_fork()
    engine.after_fork()
    assert len(made) == 1, "not yet"
    assert engine.info == "what it is"
    assert (answer(engine), answer(engine)) == (2, 2)
    assert made[0].closed == 0, "it is the parent's"


def test_many_threads_of_a_child_make_one() -> None:
    engine = per_process()
    engine.after_fork()
    stale = engine.engine
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(stale.submit((1, 1, 1), print, print).result())) for _ in range(6)]  # type: ignore[arg-type]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == [2] * 6


@pytest.mark.parametrize("first", ["closed", "forked"])
def test_an_engine_that_was_closed_is_not_made_anew(first: str) -> None:
    engine = per_process()
    if first == "closed":
        engine.close()
        engine.after_fork()
        assert answer(engine) == 1, "the closed one answers for itself"
        return
    engine.after_fork()
    inherited = engine.engine
    engine.close()
    with pytest.raises(EngineError, match="this engine was closed: load the model again"):
        inherited.submit((1, 1, 1), print, print)
    assert len(made) == 1


def test_what_making_raises_is_raised_by_submit() -> None:
    def fail() -> Engine:
        raise EngineError("no memory")

    engine = PerProcessEngine(Engine(), fail)  # type: ignore[arg-type]
    engine.after_fork()
    for _ in range(2):
        with pytest.raises(EngineError, match="no memory"):
            answer(engine)


def test_unpickled_it_is_another_one() -> None:
    engine = per_process()
    copy = pickle.loads(pickle.dumps(engine))
    assert (answer(engine), answer(copy)) == (1, 2)
    copy.close()
    assert (made[0].closed, made[1].closed) == (0, 1)


def test_when_nobody_refers_to_it_the_engine_is_closed() -> None:
    engine = per_process()
    del engine
    gc.collect()
    wait_for(lambda: made[0].closed == 1)
