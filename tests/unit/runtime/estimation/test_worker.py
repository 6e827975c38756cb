"""Workers and their references: real processes, of a detector that does what its frame says."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeVar

import pytest
from tests.unit.runtime.estimation.looked_at import NAMES, frame, objects
from tests.waiting import wait_for

from sightline.errors import EngineUnavailable, InferenceError, ModelError
from sightline.runtime.estimation.worker import WAITING, EstimationWorker, EstimationWorkers
from sightline.types import Detections, Frame

T = TypeVar("T")


class Reference:
    """Finds a car; dies at frame 3."""

    class_names = NAMES

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        if frames[0].index == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        done: Future[list[Detections]] = Future()
        done.set_result([objects(0.9)])
        return done

    def close(self) -> None: ...


def yielding() -> Reference:
    """It has the processor only when nobody else wants it, from before its model is loaded."""
    if os.sched_getscheduler(0) != os.SCHED_IDLE:
        raise ModelError("it takes the processor while it loads")
    return Reference()


def missing() -> Reference:
    raise ModelError("no model file at large.onnx")


@pytest.fixture
def workers() -> Iterator[EstimationWorkers]:
    made = EstimationWorkers(lambda name: missing if name == "missing" else yielding)
    yield made
    made.close()


def taken(workers: EstimationWorkers, reference: str | None) -> EstimationWorker:
    found = workers.take(reference)
    assert found is not None
    return found


def done(worker: EstimationWorker, job: Callable[[], T]) -> T:
    """What a job comes to, in the worker's thread."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(job())
        except Exception as exc:  # noqa: BLE001 - the test's thread gets it
            result.set_exception(exc)

    wait_for(lambda: worker.put(run))
    return result.result(60)


def test_streams_share_a_reference_until_the_last_has_ended(workers: EstimationWorkers) -> None:
    first, second = taken(workers, "large"), workers.take("large")
    assert first is second
    assert first.has_reference
    assert done(first, first.class_names) == NAMES
    assert len(done(first, lambda: first.look(frame()))) == 1
    process = first._started()._process
    workers.give_back("large")
    assert process.is_alive()
    workers.give_back("large")
    assert not process.is_alive()
    assert not first.put(lambda: None)
    assert workers.take("large") is not first


def test_a_reference_that_dies_is_started_again(workers: EstimationWorkers) -> None:
    worker = taken(workers, "large")
    done(worker, worker.class_names)
    with pytest.raises(InferenceError, match="has died"):
        done(worker, lambda: worker.look(frame(3)))
    with pytest.raises(EngineUnavailable, match="starts again"):
        done(worker, worker.class_names)

    def again() -> bool:
        try:
            return done(worker, worker.class_names) == NAMES
        except EngineUnavailable:
            return False

    wait_for(again)
    assert len(done(worker, lambda: worker.look(frame()))) == 1


def test_one_that_cannot_be_loaded_says_why(workers: EstimationWorkers) -> None:
    worker = taken(workers, "missing")
    with pytest.raises(ModelError, match=r"large\.onnx"):
        done(worker, worker.class_names)


def test_without_reference_there_is_a_thread_and_no_process(workers: EstimationWorkers) -> None:
    worker = taken(workers, None)
    assert not worker.has_reference
    assert done(worker, lambda: threading.current_thread().name) == "estimate-alone"
    assert worker._reference is None


def test_few_jobs_wait(workers: EstimationWorkers) -> None:
    worker, free = taken(workers, None), threading.Event()
    begun = threading.Event()

    def hold() -> None:
        begun.set()
        free.wait(30)

    assert worker.put(hold)
    assert begun.wait(30)
    assert sum(worker.put(lambda: None) for _ in range(WAITING + 3)) == WAITING
    free.set()


def test_closing_ends_a_job_that_waits_for_the_reference(workers: EstimationWorkers) -> None:
    worker = taken(workers, "large")
    done(worker, worker.class_names)
    os.kill(worker._started()._process.pid or 0, signal.SIGSTOP)  # it hangs
    failed: list[Exception] = []

    looking = threading.Event()

    def look() -> None:
        looking.set()
        try:
            worker.look(frame())
        except (InferenceError, EngineUnavailable) as exc:
            failed.append(exc)

    assert worker.put(look)
    assert looking.wait(30)
    begun = time.monotonic()
    workers.close()
    assert time.monotonic() - begun < 10
    assert failed
    assert workers.take("large") is None
    with pytest.raises(EngineUnavailable):
        worker.look(frame())
