"""The scheduler's threads around a stand-in engine that does what it is told, and a real one."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.waiting import wait_for

from sightline.config import SchedulerOptions
from sightline.engines.requests import Workers
from sightline.errors import (
    Conflict,
    DeadlineExceeded,
    EngineError,
    InferenceError,
    NotFound,
    Overloaded,
)
from sightline.monitoring.context import bound, bound_ids
from sightline.protocols import Engine
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledDetector, ScheduledEngine
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Detections, EngineInfo, Floats, Frame, Pixels, TensorSpec

LANE = (4, 4)
LONG_S = 20.0
"""Nothing here takes so long; a test that waits for it has failed."""

TERMS = Terms("test")


class StandIn:
    """An engine with real worker threads whose inference is ``run(batch)``.

    Its one output has the first byte of each picture.
    """

    def __init__(
        self,
        run: Callable[[Pixels], None] = lambda _: None,
        requests: int = 1,
        input_n: int | None = None,
        output_n: int | None = None,
    ) -> None:
        self.run = run
        self.batches: list[int] = []
        self.submitted_by: list[threading.Thread] = []
        self.closed = False
        self.rows: Callable[[Pixels], Floats] = lambda x: x[:, 0, 0, :1].astype(np.float32)
        self.info = EngineInfo(
            "stand-in", "cpu", "fp32", requests,
            TensorSpec("x", (input_n, None, None, 3)), (TensorSpec("y", (output_n, 1)),),
        )  # fmt: skip
        self._workers = Workers("stand-in", requests, lambda shape: _Run(self, shape))

    def submit(self, shape: Any, fill: Any, read: Any) -> Future[Any]:
        self.submitted_by.append(threading.current_thread())
        return self._workers.submit(shape, fill, read)

    def close(self) -> None:
        self.closed = True
        self._workers.close()


class _Run:
    def __init__(self, engine: StandIn, shape: tuple[int, int, int]) -> None:
        self._engine = engine
        self.input = np.full((*shape, 3), 99, np.uint8)

    def run(self) -> Sequence[Floats]:
        self._engine.batches.append(len(self.input))
        self._engine.run(self.input)
        return [self._engine.rows(self.input)]


class Gate:
    """An inference that waits until it is let through; those let through before stay through."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, _: Pixels) -> None:
        self.entered.release()
        assert self.open.wait(LONG_S)

    def wait_until_entered(self) -> None:
        assert self.entered.acquire(timeout=LONG_S)


class RecordingMeter:
    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.batches: list[tuple[str, int, str | None]] = []

    def inferred(self, model: str, batch: int, seconds: float, error: str | None) -> None:
        assert 0 <= seconds < LONG_S
        self.batches.append((model, batch, error))

    def queued(self, model: str, priority: str, seconds: float) -> None:
        assert 0 <= seconds < LONG_S
        self.calls.append(("queued", model, priority))

    def refused(self, model: str, priority: str, reason: str) -> None:
        self.calls.append(("refused", model, priority, reason))

    def detected(self, stream: str, detections: Detections) -> None:
        raise AssertionError("streams tell of their frames themselves")


@pytest.fixture
def make() -> Iterator[Callable[..., tuple[Scheduler, StandIn]]]:
    """A scheduler with one stand-in as its model "m"; both are closed after the test."""
    made: list[tuple[Scheduler, StandIn]] = []

    def make(
        run: Callable[[Pixels], None] = lambda _: None,
        requests: int = 1,
        sizes: Sequence[int] | None = (1, 2, 4, 8),
        meter: RecordingMeter | None = None,
        **options: Any,
    ) -> tuple[Scheduler, StandIn]:
        engine = StandIn(run, requests)
        scheduler = Scheduler(SchedulerOptions(**options), meter)
        scheduler.add("m", engine, sizes)
        made.append((scheduler, engine))
        return scheduler, engine

    yield make
    for scheduler, engine in made:
        if isinstance(engine.run, Gate):
            engine.run.open.set()
        scheduler.close()
        engine.close()


def put(
    scheduler: Scheduler,
    value: int,
    terms: Terms = TERMS,
    *,
    pictures: int = 1,
    fill: Callable[[Pixels], None] | None = None,
    read: Callable[[Sequence[Floats]], Any] | None = None,
) -> Future[Any]:
    """Submit pictures whose bytes are ``value``; the future has them back as a list."""

    def own_fill(x: Pixels) -> None:
        assert x.shape == (pictures, *LANE, 3)
        x[...] = value

    def own_read(outputs: Sequence[Floats]) -> list[float]:
        (output,) = outputs
        return [float(v) for v in output[:, 0]]

    engine = ScheduledEngine(scheduler, "m", terms)
    return engine.submit((pictures, *LANE), fill or own_fill, read or own_read)


def result(future: Future[Any]) -> Any:
    return future.result(LONG_S)


# Results.


def test_each_item_has_its_own_rows_of_a_batch(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate)
    first = put(scheduler, 1)
    gate.wait_until_entered()
    futures = [put(scheduler, i, replace(TERMS, client=f"{i}"), pictures=n)
               for i, n in ((2, 1), (3, 3), (4, 4))]  # fmt: skip
    gate.open.set()
    assert [result(f) for f in (first, *futures)] == [[1], [2], [3] * 3, [4] * 4]
    assert engine.batches == [1, 8]


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


def test_the_engine_keeps_its_face(make: Any) -> None:
    scheduler, engine = make()
    facade: Engine = ScheduledEngine(scheduler, "m", TERMS)
    assert facade.info == engine.info
    facade.close()
    assert not engine.closed
    assert result(put(scheduler, 1)) == [1]


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

    scheduler, _ = make(requests=2)
    kept = [submit() for _ in range(20)]
    for _, future in kept:
        assert result(future) == [7]

    def gone() -> bool:
        gc.collect()
        return not any(reference() for reference, _ in kept)

    wait_for(gone)


# One bad item.


def poison(_: object) -> None:
    raise ValueError("poison")


@pytest.mark.parametrize("part", ["fill", "read"])
@pytest.mark.parametrize("others", [0, 3])
def test_a_poisonous_item_fails_alone(make: Any, part: str, others: int) -> None:
    gate = Gate()
    scheduler, engine = make(gate)
    first = put(scheduler, 1)
    gate.wait_until_entered()
    before = [put(scheduler, 10 + i) for i in range(others)]
    bad = put(scheduler, 5, **{part: poison})
    gate.open.set()
    assert result(first) == [1]
    assert [result(f) for f in before] == [[10 + i] for i in range(others)]
    with pytest.raises(ValueError, match="poison"):
        result(bad)
    assert engine.batches == [1, others + 1][: 2 if others or part == "read" else 1]


def test_the_place_of_an_item_that_cannot_be_filled_is_empty(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate)
    seen: list[Pixels] = []
    first = put(scheduler, 1)
    gate.wait_until_entered()

    def half(x: Pixels) -> None:
        x[0, :2] = 77
        raise ValueError("poison")

    bad, good = put(scheduler, 2, fill=half), put(scheduler, 3)
    engine.run = lambda x: seen.append(x.copy())
    gate.open.set()
    assert result(good) == [3]
    assert not seen[0][0].any()
    assert isinstance(bad.exception(LONG_S), ValueError)
    assert result(first) == [1]


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


@pytest.mark.parametrize(
    ("input_n", "output_n"),
    [pytest.param(1, 1, id="batch of one"), pytest.param(None, 300, id="output of fixed length")],
)
def test_models_without_a_batch_dimension_are_not_joined(
    input_n: int | None, output_n: int | None
) -> None:
    gate = Gate()
    engine = StandIn(gate, input_n=input_n, output_n=output_n)
    scheduler = Scheduler(SchedulerOptions())
    scheduler.add("m", engine, (1, 2, 4))
    futures = [put(scheduler, i) for i in range(5)]
    gate.open.set()
    assert [result(f) for f in futures] == [[i] for i in range(5)]
    assert engine.batches == [1] * 5
    scheduler.close()
    engine.close()


def test_an_engine_may_call_fill_and_read_again(make: Any) -> None:
    """Fallback does, when its first engine failed."""
    scheduler, engine = make()
    attempts = iter([ValueError("busy file"), None])

    def fill(x: Pixels) -> None:
        if error := next(attempts):
            raise error
        x[...] = 8

    def twice(shape: Any, fill: Any, read: Any) -> Future[Any]:
        batch, future = np.zeros((*shape, 3), np.uint8), Future[Any]()
        with contextlib.suppress(ValueError):
            fill(batch)
        fill(batch)
        future.set_result(read([engine.rows(batch)]))
        return future

    engine.submit = twice
    assert result(put(scheduler, 0, fill=fill)) == [8]


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


# Warming up.


@pytest.mark.parametrize(
    ("seconds", "sizes"),
    [
        pytest.param(lambda n: 0.008 + 0.001 * n, {1, 2, 4, 8}, id="batches pay"),
        pytest.param(lambda n: 0.004 * n * n, {1}, id="they do not"),
        pytest.param(lambda n: 0.012 if n <= 4 else 0.1, {1, 2, 4}, id="up to four"),
    ],
)
def test_warming_up_finds_the_sizes_that_pay(
    make: Any, seconds: Callable[[int], float], sizes: set[int]
) -> None:
    scheduler, engine = make(lambda x: time.sleep(seconds(len(x))), sizes=None)
    scheduler.warm_up("m", LANE)
    assert set(engine.batches) - sizes <= {2 * max(sizes)}  # the first that does not pay was tried
    # Sleeping takes longer on a busy machine, never shorter.
    assert 0 < scheduler.stats().capacity < 1.1 * max(sizes) / seconds(max(sizes))
    gate = Gate()
    engine.run = gate
    engine.batches.clear()
    first = put(scheduler, 1)
    gate.wait_until_entered()
    futures = [put(scheduler, 2) for _ in range(max(sizes))]
    gate.open.set()
    wait([first, *futures], LONG_S)
    assert engine.batches == [1, max(sizes)] if max(sizes) > 1 else [1, 1]


def test_a_size_that_the_engine_cannot_run_is_not_used(make: Any) -> None:
    def run(x: Pixels) -> None:
        if len(x) > 2:
            raise InferenceError("no memory")
        time.sleep(0.005)

    scheduler, engine = make(run, sizes=None)
    scheduler.warm_up("m", LANE)
    assert set(engine.batches) == {1, 2, 4}


def test_sizes_that_were_asked_for_must_work(make: Any) -> None:
    def run(x: Pixels) -> None:
        if len(x) > 2:
            raise InferenceError("no memory")

    scheduler, _ = make(run)
    with pytest.raises(InferenceError, match="no memory"):
        scheduler.warm_up("m", LANE)


def test_no_batch_is_larger_than_the_options_allow(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate, max_batch=3)
    futures = [put(scheduler, i) for i in range(8)]
    gate.open.set()
    wait(futures, LONG_S)
    assert engine.batches == [1, 2, 2, 2, 1]


# Detectors.


class OnePerFrame:
    """A detector that finds one object, scored by the picture's first byte."""

    class_names = ("thing",)

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> OnePerFrame:
        return OnePerFrame(wrap(self.engine))

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        def fill(x: Pixels) -> None:
            for frame, out in zip(frames, x, strict=True):
                out[...] = frame.index

        def read(outputs: Sequence[Floats]) -> list[Detections]:
            return [
                Detections(np.zeros((1, 4), np.float32), row.copy(), np.zeros(1, np.int64))
                for row in outputs[0]
            ]

        return self.engine.submit((len(frames), *LANE), fill, read)

    def close(self) -> None:
        raise AssertionError("it is not the scheduler's to close")


def frame(index: int, captured_at: float | None = None) -> Frame:
    at = time.monotonic() if captured_at is None else captured_at
    return Frame("s", index, 0.0, at, picture=None)  # type: ignore[arg-type]


def test_a_scheduled_detector_detects_like_the_detector(make: Any) -> None:
    scheduler, engine = make()
    detector = ScheduledDetector(scheduler, "m", OnePerFrame(engine), TERMS)
    assert detector.class_names == ("thing",)
    for count in (0, 1, 3):
        found = result(detector.submit([frame(i) for i in range(count)]))
        assert [float(d.scores[0]) for d in found] == list(range(count))
    detector.close()


def test_frames_age_from_when_they_were_captured(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate)
    first = put(scheduler, 1)
    gate.wait_until_entered()
    detector = ScheduledDetector(scheduler, "m", OnePerFrame(engine), Terms("s", max_age_s=5.0))
    new, old = (detector.submit([frame(i, time.monotonic() - age)]) for i, age in ((2, 0), (3, 9)))
    with pytest.raises(DeadlineExceeded, match="older than its maximum age"):
        result(old)
    gate.open.set()
    assert float(result(new)[0].scores[0]) == 2
    assert result(first) == [1]


def test_frames_before_a_refused_one_are_given_up(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate, queue=2)
    first = put(scheduler, 1)
    gate.wait_until_entered()
    detector = ScheduledDetector(scheduler, "m", OnePerFrame(engine), TERMS)
    with pytest.raises(Overloaded):
        detector.submit([frame(i) for i in range(3)])
    gate.open.set()
    assert result(first) == [1]
    assert scheduler.drain(LONG_S)
    assert scheduler.stats().outcomes["cancelled"] == 2


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


# The real thing.


class Watched:
    """An engine that notes the sizes of its batches."""

    def __init__(self, engine: Engine) -> None:
        self.info = engine.info
        self.sizes: list[int] = []
        self._engine = engine

    def submit(self, shape: Any, fill: Any, read: Any) -> Future[Any]:
        self.sizes.append(shape[0])
        return self._engine.submit(shape, fill, read)

    def close(self) -> None:
        raise AssertionError("it is not the scheduler's to close")


def test_a_real_detector_finds_the_same_through_the_scheduler(
    data: Path, bus: Pixels, frame_of: Callable[[Pixels], Frame]
) -> None:
    from sightline import build
    from sightline.config import ModelOptions
    from sightline.models.detector import EngineDetector

    detector = build.detector(
        ModelOptions(model=str(data / "models" / "yolox_nano.onnx"), backend="openvino")
    )
    assert isinstance(detector, EngineDetector)
    frames = [frame_of(bus)] * 6
    thresholds = (0.1, 0.25, 0.4, 0.55, 0.7, 0.25)
    scheduler = Scheduler(SchedulerOptions(refuse_after=1000))
    engine = Watched(detector.engine)
    scheduler.add("yolox", engine, (1, 2, 4))
    width, height = detector.canvas((frames[0].width, frames[0].height))
    scheduler.warm_up("yolox", (width, height))
    expected = [
        detector.replaced(conf=conf).submit([f]).result()[0]
        for f, conf in zip(frames, thresholds, strict=True)
    ]
    assert len({len(found) for found in expected}) > 2  # or the test would show nothing
    futures = [
        detector.replaced(conf=conf)
        .with_engines(lambda _, i=i: ScheduledEngine(scheduler, "yolox", Terms(f"{i}")))  # type: ignore[misc]
        .submit([f])
        for i, (f, conf) in enumerate(zip(frames * 5, thresholds * 5, strict=True))
    ]
    for future, alone in zip(futures, expected * 5, strict=True):
        (found,) = result(future)
        assert found.class_ids.tolist() == alone.class_ids.tolist()
        np.testing.assert_allclose(found.boxes, alone.boxes, atol=0.5)
        np.testing.assert_allclose(found.scores, alone.scores, atol=0.01)
    assert 4 in engine.sizes[-10:]  # they were joined
    scheduler.close()
    detector.close()


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
