"""Every item has exactly one outcome, whatever its engine does."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.runtime.scheduling.stand_in_engine import (
    LONG_S,
    Gate,
    RecordingMeter,
    StandIn,
    poison,
    put,
    result,
)
from tests.waiting import wait_for

from sightline.config import SchedulerOptions
from sightline.errors import (
    DeadlineExceeded,
    EngineError,
    InferenceError,
    Overloaded,
)
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Pixels


def test_outcomes_and_waiting_items_are_counted(make: Any) -> None:
    gate, meter = Gate(), RecordingMeter()
    scheduler, _ = make(gate, meter=meter, queue=3)
    futures = [put(scheduler, 1)]
    gate.wait_until_entered()
    futures += [put(scheduler, 1) for _ in range(2)]
    futures.append(put(scheduler, 1, Terms("c", "batch")))
    futures.append(put(scheduler, 1))  # pushes "c" out
    with pytest.raises(Overloaded):
        put(scheduler, 1)
    stats = scheduler.stats()
    assert stats.in_flight == 1
    assert stats.waiting == {"urgent": 0, "normal": 3, "batch": 0}
    futures[1].cancel()
    gate.open.set()
    assert scheduler.drain(LONG_S)
    outcomes = {k: v for k, v in scheduler.stats().outcomes.items() if v}
    assert outcomes == {"done": 3, "overloaded": 2, "cancelled": 1}
    assert sum(batch for _, batch, _ in meter.batches) == 3
    assert {(model, error) for model, _, error in meter.batches} == {("m", None)}
    assert Counter(meter.calls) == {
        ("queued", "m", "normal"): 3,
        ("refused", "m", "batch", "overloaded"): 1,
        ("refused", "m", "normal", "overloaded"): 1,
        ("refused", "m", "normal", "cancelled"): 1,
    }


def test_pictures_are_let_go_of_when_they_are_done(make: Any) -> None:
    class Picture:
        value = 7

    def submit() -> tuple[weakref.ref[Picture], Future[Any]]:
        picture = Picture()

        def fill(x: Pixels, picture: Picture = picture) -> None:
            x[...] = picture.value

        return weakref.ref(picture), put(scheduler, 0, fill=fill)

    scheduler, _ = make(requests=2, normal_ms=10_000)  # none is refused on a busy machine
    kept = [submit() for _ in range(20)]
    for _, future in kept:
        assert result(future) == [7]

    def gone() -> bool:
        gc.collect()
        return not any(reference() for reference, _ in kept)

    wait_for(gone)


def test_a_batch_whose_engine_fails_is_run_one_by_one(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate)

    def run(x: Pixels) -> None:
        gate(x)
        if (x == 66).any():
            raise InferenceError("cannot run 66")

    engine.run = run
    first = put(scheduler, 1)
    gate.wait_until_entered()
    futures = [put(scheduler, value) for value in (2, 66, 3, 4)]
    gate.open.set()
    assert [result(f) for f in (first, *futures[:1], *futures[2:])] == [[1], [2], [3], [4]]
    with pytest.raises(InferenceError, match="cannot run 66"):
        result(futures[1])
    assert engine.batches == [1, 4, 1, 1, 1, 1]
    assert scheduler.stats().outcomes["failed"] == 1


def test_outputs_without_a_row_for_each_picture_end_joining(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate)
    engine.rows = lambda x: np.full((1, 1), x[0, 0, 0, 0], np.float32)
    first = put(scheduler, 1)
    gate.wait_until_entered()
    futures = [put(scheduler, i) for i in range(2, 6)]
    gate.open.set()
    assert [result(f) for f in (first, *futures)] == [[i] for i in range(1, 6)]
    assert engine.batches == [1, 4, 1, 1, 1, 1]
    assert [result(f) for f in [put(scheduler, i) for i in range(4)]] == [[0], [1], [2], [3]]
    assert engine.batches[6:] == [1] * 4


def test_an_engine_that_takes_nothing_fails_its_items(make: Any) -> None:
    scheduler, engine = make()
    engine.close()
    with pytest.raises(EngineError, match="was closed"):
        result(put(scheduler, 1))
    assert scheduler.stats().in_flight == 0


# Too late.


def test_a_deadline_ends_the_waiting(make: Any) -> None:
    gate = Gate()
    scheduler, _ = make(gate)
    first = put(scheduler, 1)
    gate.wait_until_entered()
    late = put(scheduler, 2, Terms("c", deadline=time.monotonic() + 0.05))
    stale = put(scheduler, 2, Terms("c", max_age_s=0.05))
    for future in (late, stale):
        with pytest.raises(DeadlineExceeded):
            result(future)
    assert not first.done()
    assert scheduler.stats().outcomes["deadline"] == 1
    assert scheduler.stats().outcomes["stale"] == 1


def test_a_hanging_inference_fails_and_its_late_result_changes_nothing(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate, requests=2, watchdog_s=0.5)
    outcomes: list[Future[Any]] = []
    hanging = put(scheduler, 1)
    hanging.add_done_callback(outcomes.append)
    gate.wait_until_entered()
    with pytest.raises(InferenceError, match=r"model m: an inference of 4×4 .* after 0\.5 s"):
        result(hanging)
    assert scheduler.stats().models["m"].lost == 1
    engine.run = lambda _: None
    assert result(put(scheduler, 2)) == [2]  # the other request goes on
    gate.open.set()
    wait_for(lambda: scheduler.stats().models["m"].lost == 0)
    assert isinstance(hanging.exception(), InferenceError)
    assert len(outcomes) == 1


def test_an_engine_that_hangs_altogether_says_so_until_it_answers(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate, watchdog_s=0.5)
    futures = [put(scheduler, 1), put(scheduler, 2)]
    for future in futures:
        with pytest.raises(InferenceError):
            result(future)
    assert scheduler.stats().models["m"].hung
    with pytest.raises(Overloaded, match="all its requests hang"):
        put(scheduler, 3)
    engine.run = lambda _: None
    gate.open.set()
    wait_for(lambda: not scheduler.stats().models["m"].hung)
    assert result(put(scheduler, 4)) == [4]


# Exactly one outcome, whatever happens.

PRIORITIES = st.sampled_from(["urgent", "normal", "batch"])


SUBMIT = st.fixed_dictionaries(
    {
        "client": st.sampled_from("abc"),
        "priority": PRIORITIES,
        "pictures": st.sampled_from([1, 1, 1, 2, 3]),
        "min_rate": st.sampled_from([0.0, 0.0, 50.0]),
        "deadline_s": st.sampled_from([None, None, 0.0, 0.005, 0.05]),
        "max_age_s": st.sampled_from([None, None, 0.01]),
        "bad": st.sampled_from([None, None, None, None, "fill", "read"]),
    }
)


EVENTS = st.lists(
    st.one_of(SUBMIT, SUBMIT, SUBMIT, st.just("cancel"), st.just("pause"), st.just("replace")),
    max_size=60,
)


BEHAVIOUR = st.lists(
    st.sampled_from(["good", "good", "good", "fail", "slow", "hang", "fail large"]),
    min_size=1,
    max_size=8,
)


class Moody:
    """An inference that does what is on a list, over and over."""

    def __init__(self, behaviour: Sequence[str]) -> None:
        self._behaviour = behaviour
        self._count = 0
        self.released = threading.Event()

    def __call__(self, x: Pixels) -> None:
        what = self._behaviour[self._count % len(self._behaviour)]
        self._count += 1
        if what == "fail" or (what == "fail large" and len(x) > 1):
            raise InferenceError("moody")
        if what == "slow":
            time.sleep(0.004)
        if what == "hang":
            self.released.wait(LONG_S)


class Outcomes:
    """Submits, and counts how often each future has its outcome."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.futures: list[tuple[int, int, Future[Any]]] = []
        self.calls: Counter[int] = Counter()
        self.refused = 0

    def submit(self, event: dict[str, Any]) -> None:
        value, number = len(self.futures) % 200, len(self.futures)
        deadline = event["deadline_s"]
        terms = Terms(
            event["client"],
            event["priority"],
            min_rate=event["min_rate"],
            deadline=None if deadline is None else time.monotonic() + deadline,
            max_age_s=event["max_age_s"],
        )
        bad = {event["bad"]: poison} if event["bad"] else {}
        try:
            future = put(self.scheduler, value, terms, pictures=event["pictures"], **bad)
        except Overloaded:
            self.refused += 1
            return
        self.futures.append((value, event["pictures"], future))
        future.add_done_callback(lambda _: self.calls.update([number]))

    def check(self) -> None:
        known: Counter[str] = Counter()
        for value, pictures, future in self.futures:
            assert future.done()
            try:
                assert future.result() == [value] * pictures
                known["done"] += 1
            except CancelledError:
                known["cancelled"] += 1
            except DeadlineExceeded:
                known["late"] += 1
            except Overloaded:
                known["overloaded"] += 1
            except (ValueError, InferenceError):  # poison; moods and hangs
                known["failed"] += 1
        assert self.calls == Counter(range(len(self.futures)))
        counted = self.scheduler.stats().outcomes
        known["overloaded"] += self.refused
        known["late"] -= counted["deadline"] + counted["stale"]
        for outcome in ("done", "cancelled", "overloaded"):
            known[outcome] -= counted[outcome]
        # Those that were dropped because everything hangs are counted as failed as well.
        known["failed"] -= counted["failed"]
        assert not +known
        assert not -known


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, BEHAVIOUR, st.integers(1, 3), st.booleans())
def test_every_item_has_exactly_one_outcome(
    events: list[Any], behaviour: list[str], requests: int, ends_by_closing: bool
) -> None:
    moods = [Moody(behaviour)]
    engines = [StandIn(moods[0], requests)]
    scheduler = Scheduler(SchedulerOptions(queue=12, watchdog_s=0.03, urgent_ms=40))
    scheduler.add("m", engines[0], (1, 2, 4))
    outcomes = Outcomes(scheduler)
    for event in events:
        if event == "cancel" and outcomes.futures:
            outcomes.futures[-1][2].cancel()
        elif event == "pause":
            time.sleep(0.003)
        elif event == "replace" and len(engines) < 3:
            moods.append(Moody(behaviour))
            engines.append(StandIn(moods[-1], requests))
            scheduler.replace("m", engines[-1])
        elif isinstance(event, dict):
            outcomes.submit(event)
    if ends_by_closing:
        scheduler.close()
    else:
        assert scheduler.drain(LONG_S)
    outcomes.check()
    for mood in moods:
        mood.released.set()
    scheduler.close()
    for engine in engines:
        engine.close()
    outcomes.check()  # late results change nothing
