"""Workers whose runtime hangs, fails or ends its thread: every job gets exactly one answer."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from sightline.engines.requests import Workers
from sightline.errors import EngineError, InferenceError
from sightline.types import Floats, Pixels

HANG_S = 0.15


@pytest.fixture
def go() -> Iterator[threading.Event]:
    """What a hanging inference waits for; set at the end, so that no thread stays."""
    event = threading.Event()
    yield event
    event.set()


def hanging_on(numbers: set[int], go: threading.Event) -> Any:
    def infer(pixels: Pixels) -> Sequence[Floats]:
        if int(pixels.flat[0]) in numbers:
            go.wait(30)
        return [pixels[:, 0, 0, 0].astype(np.float32)]

    return infer


def test_a_hanging_inference_fails_and_the_engine_goes_on(
    stand_in: Any, caller: Any, go: threading.Event, eventually: Any
) -> None:
    engine = stand_in("slow", hang_s=HANG_S)
    engine.infer = hanging_on({7}, go)
    hung, waiting = caller.submit(engine, 7), caller.submit(engine, 8)
    with pytest.raises(InferenceError, match=r"slow: an inference hung; given up after 0\.15 s"):
        hung.result(timeout=20)
    assert waiting.result(timeout=20) == 8
    assert caller.run(engine, 9) == 9
    go.set()
    eventually(lambda: not engine._workers._stuck)
    assert caller.read == [8, 9]  # nobody read what came late
    engine.close()


def test_memory_that_is_not_there_is_no_defect() -> None:
    class Request:
        input = np.zeros((1, 2, 2, 3), np.uint8)

        def run(self) -> Sequence[Floats]:
            return []

    def make(shape: tuple[int, int, int]) -> Request:
        if shape[1] > 1000:
            raise MemoryError("Unable to allocate 21.0 GiB for an array")
        return Request()

    workers = Workers("cpu", 1, make)
    try:
        failed = workers.submit((2, 8192, 4096), lambda _: None, lambda _: None)
        said = "cpu: not enough memory for 2 pictures of 4096×8192: choose a smaller size or batch"
        with pytest.raises(InferenceError, match=said) as refused:
            failed.result(timeout=20)
        assert isinstance(refused.value.__cause__, MemoryError)
        assert workers.submit((1, 2, 2), lambda _: None, list).result(timeout=20) == []
    finally:
        workers.close()


def test_what_the_caller_does_is_not_watched(stand_in: Any) -> None:
    engine = stand_in(hang_s=0.05)

    def slow(_: object) -> str:
        time.sleep(0.3)
        return "read"

    assert engine.submit((1, 2, 2), slow, slow).result(timeout=20) == "read"
    engine.close()


def test_making_a_request_is_not_watched() -> None:
    class Request:
        input = np.zeros((1, 2, 2, 3), np.uint8)

        def run(self) -> Sequence[Floats]:
            return []

    def make(_: object) -> Request:
        time.sleep(0.3)
        return Request()

    workers = Workers("compiling", 1, make, hang_s=0.05)
    assert workers.submit((1, 2, 2), lambda _: None, list).result(timeout=20) == []
    workers.close()


def test_an_engine_whose_threads_all_hang_refuses_until_one_is_back(
    stand_in: Any, caller: Any, go: threading.Event, eventually: Any
) -> None:
    engine = stand_in("lost", requests=2, hang_s=HANG_S)
    engine.infer = hanging_on(set(range(100)), go)
    futures = [caller.submit(engine, i) for i in range(4)]  # two workers and two replacements
    assert [type(f.exception(timeout=20)) for f in futures] == [InferenceError] * 4
    with pytest.raises(EngineError, match="lost: every worker hangs"):
        caller.submit(engine, 5)
    go.set()
    eventually(lambda: len(engine._workers._working) == 2)
    assert caller.run(engine, 6) == 6
    assert caller.read == [6]
    engine.close()
    assert not engine._workers._working


def test_jobs_that_wait_when_the_last_worker_is_lost_fail(
    stand_in: Any, caller: Any, go: threading.Event
) -> None:
    engine = stand_in(hang_s=0.5)
    engine.infer = hanging_on({1, 2}, go)
    first, second = caller.submit(engine, 1), caller.submit(engine, 2)
    third = caller.submit(engine, 3)  # accepted once the first was given up
    errors = [f.exception(timeout=20) for f in (first, second, third)]
    assert [type(e) for e in errors] == [InferenceError] * 3
    assert caller.filled == [1, 2]


def test_close_gives_up_what_hangs(
    stand_in: Any, caller: Any, go: threading.Event, eventually: Any
) -> None:
    engine = stand_in(hang_s=HANG_S)
    engine.infer = hanging_on({1}, go)
    hung, waiting = caller.submit(engine, 1), caller.submit(engine, 2)
    engine.close()
    assert isinstance(hung.exception(timeout=0), InferenceError)
    assert waiting.result(timeout=0) == 2
    (stuck,) = engine._workers._stuck
    go.set()
    stuck.thread.join(20)  # it ends by itself: no thread takes it back
    assert not stuck.thread.is_alive()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_runtime_that_would_end_its_thread_fails_one_inference(
    stand_in: Any, caller: Any, error: BaseException
) -> None:
    engine = stand_in("brittle")

    def broken(_: Pixels) -> Sequence[Floats]:
        raise error

    engine.infer = broken
    failed = caller.submit(engine, 1).exception(timeout=20)
    assert isinstance(failed, InferenceError)
    assert failed.__cause__ is error
    assert "brittle" in str(failed)
    engine.infer = engine.first_pixels
    assert caller.run(engine, 2) == 2
    engine.close()


KILLED = """
import ctypes
import numpy as np
from sightline.engines.requests import Workers

exit_thread = ctypes.CDLL(None).pthread_exit

class Request:
    def __init__(self, shape):
        self.input = np.zeros((*shape, 3), np.uint8)

    def run(self):
        if self.input[0, 0, 0, 0] == 1:
            exit_thread(None)
        return [self.input[:, 0, 0, 0]]

def submit(number):
    def fill(pixels):
        pixels[:] = number
    return workers.submit((1, 2, 2), fill, lambda outputs: int(outputs[0][0]))

workers = Workers("killed", 1, Request, hang_s=0.2)
first, second = submit(1), submit(2)
print(type(first.exception(20)).__name__, second.result(20), flush=True)
workers.close()
print("closed", flush=True)
import os
os._exit(0)
"""


def test_a_thread_that_is_killed_is_noticed_and_replaced() -> None:
    """In a process of its own, which a thread that ends inside C code leaves in disorder."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "InferenceError 2\nclosed\n", done.stderr


def test_frames_of_a_job_that_hangs_are_let_go(stand_in: Any, go: threading.Event) -> None:
    engine = stand_in(hang_s=HANG_S)
    engine.infer = hanging_on({0}, go)

    class Fill:
        def __call__(self, pixels: Pixels) -> None:
            pixels[:] = 0

    fill = Fill()
    gone = weakref.ref(fill)
    future = engine.submit((1, 2, 2), fill, list)
    del fill
    assert isinstance(future.exception(timeout=20), InferenceError)
    gc.collect()
    assert gone() is None
    go.set()
    engine.close()


@pytest.mark.parametrize("seed", range(3))
def test_every_job_gets_exactly_one_answer(stand_in: Any, seed: int, eventually: Any) -> None:
    rng = random.Random(seed)
    engine = stand_in(requests=3, hang_s=0.05)
    count = 150
    fate = [rng.choices(["fine", "fails", "hangs"], [20, 3, 1])[0] for _ in range(count)]
    answers: Counter[int] = Counter()

    def infer(pixels: Pixels) -> Sequence[Floats]:
        number = int(pixels.flat[0])
        if fate[number] == "fails":
            raise InferenceError("no")
        if fate[number] == "hangs":
            time.sleep(0.25)
        return engine.first_pixels(pixels)

    def submit(number: int) -> Future[int] | None:
        def fill(pixels: Pixels) -> None:
            pixels[:] = number

        try:
            future: Future[int] = engine.submit((1, 2, 2), fill, lambda o: int(o[0][0]))
        except EngineError:
            answers[number] += 1
            return None
        future.add_done_callback(lambda _: answers.update([number]))
        return future

    engine.infer = infer
    futures = [submit(i) for i in range(count)]
    for number, future in enumerate(futures):
        if future is None:
            continue
        error = future.exception(timeout=20)
        if error is None:
            assert future.result() == number
            assert fate[number] == "fine"
        else:
            assert isinstance(error, InferenceError)
    engine.close()
    assert answers == dict.fromkeys(range(count), 1)
    eventually(lambda: not engine._workers._stuck)
