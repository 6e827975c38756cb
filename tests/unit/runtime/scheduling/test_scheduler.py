"""The scheduler's threads around a stand-in engine that does what it is told, and a real one."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import wait
from typing import Any

import pytest
from tests.unit.runtime.scheduling.stand_in_engine import (
    LANE,
    LONG_S,
    TERMS,
    Gate,
    StandIn,
    put,
    result,
)
from tests.waiting import wait_for

from sightline.config import SchedulerOptions
from sightline.errors import (
    Conflict,
    InferenceError,
    NotFound,
    Overloaded,
)
from sightline.monitoring.context import bound, bound_ids
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledEngine
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Pixels


def test_an_idle_engine_is_given_its_item_by_the_thread_that_brings_it(make: Any) -> None:
    scheduler, engine = make()
    for i in range(5):
        assert result(put(scheduler, i)) == [i]
        wait_for(lambda: scheduler.stats().in_flight == 0)
    assert set(engine.submitted_by) == {threading.current_thread()}


def test_an_engine_does_not_log_under_the_id_of_a_request(make: Any) -> None:
    scheduler, engine = make()
    seen = []
    submit = engine.submit
    engine.submit = lambda *args: (seen.append(dict(bound_ids())), submit(*args))[1]
    with bound(request="7f3a"):
        assert result(put(scheduler, 1)) == [1]
        assert bound_ids() == {"request": "7f3a"}
    assert seen == [{}]


def test_engines_are_never_given_anything_in_their_own_threads(make: Any) -> None:
    scheduler, engine = make(requests=2)
    futures = [put(scheduler, i % 100) for i in range(50)]
    assert [result(f) for f in futures] == [[i % 100] for i in range(50)]
    names = {thread.name for thread in engine.submitted_by} - {threading.current_thread().name}
    assert names <= {"schedule-m"}


# Models come and go.


def test_names_are_taken_once_and_unknown_ones_are_told(make: Any) -> None:
    scheduler, engine = make()
    with pytest.raises(Conflict, match="'m' is there already"):
        scheduler.add("m", engine)
    for call in (
        lambda: ScheduledEngine(scheduler, "x", TERMS).info,
        lambda: scheduler.remove("x"),
        lambda: scheduler.replace("x", engine),
        lambda: scheduler.warm_up("x", LANE),
    ):
        with pytest.raises(NotFound, match="no model 'x'; there are m"):
            call()


def test_replacing_an_engine_fails_nothing(make: Any) -> None:
    scheduler, old = make(lambda _: time.sleep(0.002), requests=2)
    stop = threading.Event()
    failures: list[BaseException] = []
    done = Counter[str]()

    def client(name: str) -> None:
        while not stop.is_set():
            try:
                assert result(put(scheduler, 3, Terms(name))) == [3]
                done[name] += 1
            except BaseException as exc:  # noqa: BLE001 - the test looks at it
                failures.append(exc)

    threads = [threading.Thread(target=client, args=(f"{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    engines = [old]
    for _ in range(5):
        so_far = done.total()
        wait_for(lambda so_far=so_far: done.total() > so_far + 10)  # type: ignore[misc]
        new = StandIn(requests=2)
        returned = scheduler.replace("m", new)
        assert returned is engines[-1]
        returned.close()  # nothing of it is in use any more
        engines.append(new)
    wait_for(lambda: len(engines[-1].batches) > 10)
    stop.set()
    for thread in threads:
        thread.join(LONG_S)
    assert not failures
    scheduler.remove("m").close()


def test_a_replaced_engine_is_handed_back_when_it_is_done(make: Any) -> None:
    gate = Gate()
    scheduler, old = make(gate)
    running = put(scheduler, 1)
    gate.wait_until_entered()
    new, returned = StandIn(), []
    replacing = threading.Thread(target=lambda: returned.append(scheduler.replace("m", new)))
    replacing.start()
    wait_for(lambda: ScheduledEngine(scheduler, "m", TERMS).info is new.info)
    assert result(put(scheduler, 2)) == [2]  # on the new one, while the old one is busy
    assert new.batches == [1]
    assert not returned
    gate.open.set()
    replacing.join(LONG_S)
    assert returned == [old]
    assert result(running) == [1]
    scheduler.remove("m").close()


def test_a_new_engine_that_does_not_work_leaves_the_old_one(make: Any) -> None:
    scheduler, engine = make(sizes=None)
    scheduler.warm_up("m", LANE)

    def broken(_: Pixels) -> None:
        raise InferenceError("broken model")

    bad = StandIn(broken)
    with pytest.raises(InferenceError, match="broken model"):
        scheduler.replace("m", bad)
    bad.close()
    count = len(engine.batches)
    assert result(put(scheduler, 1)) == [1]
    assert len(engine.batches) == count + 1


def test_a_removed_model_finishes_what_it_has(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate)
    futures = [put(scheduler, i) for i in range(4)]
    gate.wait_until_entered()
    remover = threading.Thread(target=lambda: scheduler.remove("m"))
    remover.start()

    def is_gone() -> bool:
        try:
            put(scheduler, 9).cancel()
        except NotFound:
            return True
        return False

    wait_for(is_gone)
    assert not futures[-1].done()
    gate.open.set()
    assert [result(f) for f in futures] == [[i] for i in range(4)]
    remover.join(LONG_S)
    assert not remover.is_alive()
    assert not [t for t in threading.enumerate() if t.name == "schedule-m"]
    scheduler.add("m", engine)
    assert result(put(scheduler, 5)) == [5]


def test_draining_finishes_what_was_accepted(make: Any) -> None:
    gate = Gate()
    scheduler, _ = make(gate)
    futures = [put(scheduler, i) for i in range(3)]
    gate.wait_until_entered()
    assert not scheduler.drain(0.05)
    with pytest.raises(Overloaded, match="shutting down"):
        put(scheduler, 4)
    gate.open.set()
    assert scheduler.drain(LONG_S)
    assert all(future.done() for future in futures)


def test_closing_leaves_nobody_waiting(make: Any) -> None:
    gate = Gate()
    scheduler, _ = make(gate)
    running = put(scheduler, 1)
    gate.wait_until_entered()
    waiting = [put(scheduler, 2) for _ in range(3)]
    closer = threading.Thread(target=scheduler.close)
    closer.start()
    for future in waiting:
        with pytest.raises(Overloaded, match="has shut down"):
            result(future)
    gate.open.set()
    closer.join(LONG_S)
    assert running.done()
    assert result(running) == [1]
    scheduler.close()


def test_no_batch_is_larger_than_the_options_allow(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate, max_batch=3)
    futures = [put(scheduler, i) for i in range(8)]
    gate.open.set()
    wait(futures, LONG_S)
    assert engine.batches == [1, 2, 2, 2, 1]


def test_how_long_an_engine_was_busy_is_told_by_name() -> None:
    now = [10.0]
    going = threading.Event()
    scheduler = Scheduler(SchedulerOptions(), clock=lambda: now[0])
    scheduler.add("m", StandIn(lambda _: going.wait(LONG_S) and None))
    future = ScheduledEngine(scheduler, "m", TERMS).submit((1, *LANE), lambda _: None, len)
    now[0] = 12.0
    assert scheduler.busy_s("m") == pytest.approx(2.0)
    going.set()
    future.result(LONG_S)
    wait_for(lambda: not scheduler.stats().models["m"].in_flight, "the engine is idle")
    busy = scheduler.busy_s("m")
    now[0] = 20.0
    assert scheduler.busy_s("m") == busy
    assert scheduler.busy_s("gone") == 0.0
    scheduler.close()
