"""When the next engine takes over, and that every batch gets exactly one answer."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from sightline.engines.fallback.breaker import Fallback
from sightline.errors import ConfigError, EngineError, EngineUnavailable, InferenceError, ModelError
from sightline.types import Floats, Pixels

HANG_S = 0.1


class Pair:
    """A fallback over two stand-ins, "gpu" and "cpu"."""

    def __init__(self, stand_in: Any, clock: Any, **options: Any) -> None:
        requests = options.pop("requests", 1)
        self.gpu, self.cpu = stand_in("gpu", requests), stand_in("cpu", requests)
        self.engine = Fallback(
            [("gpu", lambda: self.gpu), ("cpu", lambda: self.cpu)], clock=clock, **options
        )

    def states(self) -> tuple[str, ...]:
        return tuple(e.state for e in self.engine.status().engines)


@pytest.fixture
def pair(stand_in: Any, clock: Any) -> Iterator[Callable[..., Pair]]:
    pairs: list[Pair] = []

    def make(**options: Any) -> Pair:
        pairs.append(Pair(stand_in, options.pop("clock", clock), **options))
        return pairs[-1]

    yield make
    for one in pairs:
        one.engine.close()


def fail(_: Pixels) -> Sequence[Floats]:
    raise InferenceError("device lost")


def failure(run: Callable[[], Any]) -> str:
    with pytest.raises(EngineError) as caught:
        run()
    return str(caught.value)


def hang(engine: Any, go: threading.Event) -> None:
    """From now on its inferences hang."""

    def infer(pixels: Pixels) -> Sequence[Floats]:
        assert go.wait(60)
        outputs: Sequence[Floats] = engine.first_pixels(pixels)
        return outputs

    engine.infer = infer


def test_the_first_engine_does_the_work(pair: Callable[..., Pair], caller: Any) -> None:
    both = pair()
    assert [caller.run(both.engine, i) for i in range(5)] == list(range(5))
    assert (both.gpu.ran, both.cpu.ran) == (5, 0)
    assert both.engine.info.device == "gpu"
    assert both.states() == ("active", "ready")


def test_a_failing_batch_is_run_again_and_after_three_the_next_engine_takes_over(
    pair: Callable[..., Pair], caller: Any
) -> None:
    both = pair(failures=3)
    both.gpu.infer = fail
    assert [caller.run(both.engine, i) for i in range(6)] == list(range(6))
    assert both.gpu.ran == 3
    assert both.cpu.ran == 6
    assert both.engine.info.device == "cpu"
    status = both.engine.status()
    assert (status.active, status.pinned) == ("cpu", None)
    gpu, cpu = status.engines
    assert (gpu.label, gpu.state, gpu.failures, gpu.failed) == ("gpu", "failed", 3, 3)
    assert gpu.error == "device lost"
    assert time.time() - 60 < gpu.since <= time.time()
    assert (cpu.state, cpu.failures, cpu.error) == ("active", 0, None)


def test_only_failures_in_a_row_count(pair: Callable[..., Pair], caller: Any) -> None:
    both = pair(failures=3)
    for _ in range(5):
        both.gpu.infer = fail
        assert [caller.run(both.engine, i) for i in range(2)] == [0, 1]
        both.gpu.infer = both.gpu.first_pixels
        assert caller.run(both.engine, 2) == 2
    assert both.states() == ("active", "ready")
    assert both.engine.status().engines[0].failed == 10


def test_a_batch_that_no_engine_can_run_says_why_and_blames_none(
    pair: Callable[..., Pair], caller: Any
) -> None:
    both = pair(failures=2)
    both.gpu.infer = both.cpu.infer = fail
    for i in range(5):
        error = caller.submit(both.engine, i).exception(20)
        assert isinstance(error, InferenceError)
        assert str(error) == "no engine can run it: gpu: device lost; cpu: device lost"
    assert both.states() == ("active", "ready")
    both.gpu.infer = both.cpu.infer = both.gpu.first_pixels
    assert caller.run(both.engine, 9) == 9


@pytest.mark.parametrize("where", ["fill", "read"])
@pytest.mark.parametrize("error", [LookupError("the caller's"), InferenceError("the caller's")])
def test_what_the_caller_raises_is_no_failure_and_is_not_run_again(
    pair: Callable[..., Pair], where: str, error: Exception
) -> None:
    both = pair(failures=1)
    calls = []

    def broken(_: object) -> Any:
        calls.append(where)
        raise error

    fill, read = (broken, list) if where == "fill" else (lambda _: None, broken)
    assert both.engine.submit((1, 2, 2), fill, read).exception(20) is error
    assert calls == [where]
    assert both.engine.status().engines[0].failed == 0
    assert both.cpu.ran == 0


def test_a_model_error_goes_to_the_caller_at_once(pair: Callable[..., Pair], caller: Any) -> None:
    both = pair()

    def refuse(_: Pixels) -> Sequence[Floats]:
        raise ModelError("cannot take 3 pictures")

    both.gpu.infer = refuse
    assert isinstance(caller.submit(both.engine, 1).exception(20), ModelError)
    assert both.cpu.ran == 0


def test_a_hang_is_given_up_and_run_elsewhere_and_its_late_answer_is_not_read(
    pair: Callable[..., Pair], caller: Any, go: threading.Event, eventually: Any
) -> None:
    both = pair(hang_s=HANG_S, clock=time.monotonic)
    hang(both.gpu, go)
    hung, waiting = caller.submit(both.engine, 1), caller.submit(both.engine, 2)
    assert (hung.result(20), waiting.result(20)) == (1, 2)
    assert both.gpu.ran == 1  # the second had not begun there: it moved at once
    status = both.engine.status()
    assert status.active == "cpu"
    assert (status.engines[0].state, status.engines[0].hangs) == ("failed", 1)
    assert status.engines[0].error == "engine gpu: an inference hung for 0.1 s"
    assert [caller.run(both.engine, i) for i in range(3, 6)] == [3, 4, 5]
    go.set()
    eventually(lambda: both.engine._candidates.all[0].in_flight == 0)
    assert sorted(caller.read) == [1, 2, 3, 4, 5]
    assert sorted(caller.filled) == [1, 1, 2, 3, 4, 5]


def test_a_late_answer_is_not_read_while_the_batch_runs_elsewhere(
    pair: Callable[..., Pair], caller: Any, go: threading.Event, eventually: Any
) -> None:
    both, cpu_goes = pair(hang_s=HANG_S, clock=time.monotonic), threading.Event()

    def filled_then_held(pixels: Pixels) -> Sequence[Floats]:
        both.engine._hang_s = 60  # it may take its time
        assert cpu_goes.wait(60)
        return both.cpu.first_pixels(pixels)

    hang(both.gpu, go)
    both.cpu.infer = filled_then_held
    future = caller.submit(both.engine, 6)
    eventually(lambda: both.cpu.ran)
    go.set()
    eventually(lambda: both.engine._candidates.all[0].in_flight == 0)
    assert not future.done()
    assert caller.read == []
    cpu_goes.set()
    assert future.result(20) == 6
    assert caller.read == [6]


def test_a_hang_while_callers_wait_for_room_lets_them_go_on_elsewhere(
    pair: Callable[..., Pair], caller: Any, go: threading.Event
) -> None:
    both = pair(hang_s=0.3, clock=time.monotonic)
    hang(both.gpu, go)
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(caller.run(both.engine, n)))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(results) == list(range(8))


def test_an_engine_that_never_begins_is_given_up_too(
    pair: Callable[..., Pair], caller: Any, go: threading.Event
) -> None:
    """It hangs before the inference, where a network would be compiled."""
    both = pair(hang_s=0.05, clock=time.monotonic)
    both.gpu.prepare = lambda shape: go.wait(60)
    futures = [caller.submit(both.engine, i) for i in range(2)]
    assert [f.result(20) for f in futures] == [0, 1]
    assert both.states() == ("failed", "active")
    assert "begins no inference" in str(both.engine.status().engines[0].error)
    go.set()


def test_the_last_engine_is_never_given_up(stand_in: Any, caller: Any, go: threading.Event) -> None:
    only = stand_in("only", 2)
    engine = Fallback([("only", lambda: only)], failures=1, hang_s=HANG_S)
    only.infer = fail
    for i in range(3):
        error = caller.submit(engine, i).exception(20)
        assert str(error) == "device lost"
    hang(only, go)
    futures = [caller.submit(engine, i) for i in range(4)]
    errors = [f.exception(20) for f in futures]
    assert {type(e) for e in errors} == {InferenceError}
    go.set()
    only.infer = only.first_pixels
    assert engine.status().engines[0].state == "active"
    engine.close()


def test_all_engines_hanging_is_an_answer_too(
    pair: Callable[..., Pair], caller: Any, go: threading.Event, eventually: Any
) -> None:
    both = pair(hang_s=HANG_S, clock=time.monotonic, retry_s=1000)
    hang(both.gpu, go)
    hang(both.cpu, go)
    error = caller.submit(both.engine, 1).exception(20)
    assert isinstance(error, InferenceError)
    assert "gpu: " in str(error)
    assert "cpu: " in str(error)
    errors = [failure(lambda: caller.run(both.engine, 1)) for _ in range(5)]
    assert all("hung" in error or "hangs" in error for error in errors)
    assert "no engine can run it" in errors[-1]  # both are full: there is no use in waiting
    go.set()
    eventually(lambda: not any(candidate.in_flight for candidate in both.engine._candidates.all))
    both.gpu.infer = both.cpu.infer = both.gpu.first_pixels
    assert caller.run(both.engine, 5) == 5


def test_an_engine_that_has_failed_is_tried_in_the_shadow_and_takes_over_again(
    pair: Callable[..., Pair], caller: Any, clock: Any, eventually: Any
) -> None:
    both = pair(failures=1, retry_s=30)
    both.gpu.infer = fail
    assert caller.run(both.engine, 1) == 1
    eventually(lambda: both.states() == ("failed", "active"))
    tried = both.gpu.ran
    clock.now = 29
    both.engine._check()
    clock.now = 30
    both.engine._check()
    eventually(lambda: both.gpu.ran == tried + 1 and not both.engine._candidates.all[0].trying)
    assert both.states() == ("failed", "active")  # the trial failed: the next one in 30 s
    both.gpu.infer = both.gpu.first_pixels
    both.engine._check()
    assert both.gpu.ran == tried + 1
    clock.now = 60
    both.engine._check()
    eventually(lambda: both.states() == ("active", "ready"))
    assert both.gpu.ran == tried + 2
    assert caller.filled == [1, 1]  # no caller's batch was used for a trial
    assert caller.run(both.engine, 2) == 2
    assert both.gpu.ran == tried + 3
    assert both.engine.status().engines[0].failures == 0


def test_a_trial_that_hangs_is_a_failed_one(
    pair: Callable[..., Pair], caller: Any, go: threading.Event, eventually: Any
) -> None:
    both = pair(failures=1, retry_s=0.05, hang_s=HANG_S, clock=time.monotonic)
    both.gpu.infer = fail
    caller.run(both.engine, 1)
    hang(both.gpu, go)
    eventually(lambda: "longer than 0.1 s" in str(both.engine.status().engines[0].error))
    eventually(lambda: "2 inferences hang" in str(both.engine.status().engines[0].error))
    assert caller.run(both.engine, 2) == 2
    both.gpu.infer = both.gpu.first_pixels
    go.set()
    eventually(lambda: both.states() == ("active", "ready"))


def test_the_switch_by_hand(pair: Callable[..., Pair], caller: Any, clock: Any) -> None:
    both = pair(failures=1)
    both.engine.use("cpu")
    assert caller.run(both.engine, 1) == 1
    assert (both.gpu.ran, both.cpu.ran) == (0, 1)
    assert both.engine.status().pinned == "cpu"
    both.cpu.infer = fail
    assert [caller.run(both.engine, i) for i in range(3)] == [0, 1, 2]  # still no error
    assert both.engine.status().active == "cpu"  # but no switch either
    both.engine.use(None)
    assert both.engine.status().active == "gpu"
    with pytest.raises(ConfigError, match="no engine 'tpu'; there are gpu, cpu"):
        both.engine.use("tpu")


def test_a_failed_engine_may_be_chosen_by_hand(
    pair: Callable[..., Pair], caller: Any, eventually: Any
) -> None:
    both = pair(failures=1)
    both.gpu.infer = fail
    caller.run(both.engine, 1)
    eventually(lambda: both.states() == ("failed", "active"))
    both.gpu.infer = both.gpu.first_pixels
    both.engine.use("gpu")
    assert both.states() == ("active", "ready")
    ran = both.cpu.ran
    assert caller.run(both.engine, 1) == 1
    assert both.cpu.ran == ran


class Maker:
    """Makes an engine, or says that it is unavailable."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.available, self.asked = engine, False, 0

    def __call__(self) -> Any:
        self.asked += 1
        if not self.available:
            raise EngineUnavailable("no CUDA device")
        return self.engine


def test_an_engine_that_is_unavailable_is_made_by_its_trial(
    stand_in: Any, caller: Any, clock: Any, eventually: Any
) -> None:
    maker, cpu = Maker(stand_in("gpu")), stand_in("cpu")
    engine = Fallback([("gpu", maker), ("cpu", lambda: cpu)], retry_s=30, clock=clock)
    assert caller.run(engine, 1) == 1
    state = engine.status().engines[0]
    assert (state.state, state.error) == ("failed", "no CUDA device")
    with pytest.raises(EngineError, match="gpu could not be made: no CUDA device"):
        engine.use("gpu")
    maker.available = True
    assert caller.run(engine, 2) == 2
    assert maker.asked == 1
    clock.now = 31
    engine._check()
    eventually(lambda: engine.status().active == "gpu")
    assert caller.run(engine, 3) == 3
    assert maker.engine.ran == 2  # its trial, and the batch
    engine.close()
    assert (maker.engine.closed, cpu.closed) == (1, 1)


def test_where_no_engine_can_be_made_it_says_why(stand_in: Any) -> None:
    with pytest.raises(EngineError, match="a: no CUDA device; b: no CUDA device"):
        Fallback([("a", Maker(None)), ("b", Maker(None))])


def test_a_maker_s_other_errors_go_through_and_nothing_stays_open(stand_in: Any) -> None:
    one = stand_in()

    def broken() -> Any:
        raise ModelError("no model")

    with pytest.raises(ModelError, match="no model"):
        Fallback([("a", lambda: one), ("b", broken)])
    assert one.closed == 1


def test_engines_of_different_models_are_refused(stand_in: Any) -> None:
    one, other = stand_in("a"), stand_in("b")
    other.outputs = 2
    with pytest.raises(EngineError, match="one model: a gives 1 outputs, b 2"):
        Fallback([("a", lambda: one), ("b", lambda: other)])
    assert (one.closed, other.closed) == (1, 1)


@pytest.mark.parametrize("labels", [[], ["a", "a"]])
def test_labels_must_differ(stand_in: Any, labels: list[str]) -> None:
    with pytest.raises(ConfigError):
        Fallback([(label, stand_in) for label in labels])


def test_close_leaves_an_engine_that_hangs_behind(
    stand_in: Any, caller: Any, go: threading.Event
) -> None:
    gpu, cpu = stand_in("gpu"), stand_in("cpu")
    engine = Fallback([("gpu", lambda: gpu), ("cpu", lambda: cpu)], hang_s=HANG_S)
    hang(gpu, go)
    future = caller.submit(engine, 4)
    engine.close()
    assert future.result(0) == 4
    assert cpu.closed == 1
    with pytest.raises(EngineError, match="closed"):
        caller.submit(engine, 1)
    go.set()


@pytest.mark.parametrize("seed", range(4))
def test_every_batch_gets_exactly_one_answer(stand_in: Any, seed: int) -> None:
    rng = random.Random(seed)
    engines = [stand_in(name, 2) for name in ("a", "b", "c")]
    for engine in engines[:2]:

        def infer(pixels: Pixels, engine: Any = engine) -> Sequence[Floats]:
            fate = rng.choices(["fine", "fails", "hangs"], [20, 5, 1])[0]
            if fate == "fails":
                raise InferenceError("no")
            if fate == "hangs":
                time.sleep(0.3)
            outputs: Sequence[Floats] = engine.first_pixels(pixels)
            return outputs

        engine.infer = infer
    fallback = Fallback(
        [(e.name, lambda e=e: e) for e in engines], failures=2, hang_s=0.15, retry_s=0.05
    )
    answers: Counter[int] = Counter()
    read: Counter[int] = Counter()

    def submit(number: int) -> Future[int]:
        def fill(pixels: Pixels) -> None:
            pixels[:] = number

        def look(outputs: Sequence[Floats]) -> int:
            read[number] += 1
            return int(outputs[0][0])

        future: Future[int] = fallback.submit((1, 2, 2), fill, look)
        future.add_done_callback(lambda _: answers.update([number]))
        return future

    futures = [submit(i) for i in range(200)]
    assert [f.result(20) for f in futures] == list(range(200))  # the third engine always works
    fallback.close()
    assert answers == read == dict.fromkeys(range(200), 1)
