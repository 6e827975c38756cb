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
from sightline.runtime.estimation import worker
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


MAKES = {"large": Reference, "missing": missing, "yielding": yielding}


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[EstimationWorkers]:
    # The machine of a test may have no idle time.
    monkeypatch.setattr(worker, "PATIENCE", worker.PATIENCE._replace(idle_start=False))
    made = EstimationWorkers(MAKES.__getitem__)
    yield made
    made.close()


def taken(workers: EstimationWorkers, reference: str | None) -> EstimationWorker:
    found = workers.take(reference)
    assert found is not None
    return found


def done(of: EstimationWorker, job: Callable[[], T]) -> T:
    """What a job comes to, in the worker's thread."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(job())
        except Exception as exc:  # noqa: BLE001 - the test's thread gets it
            result.set_exception(exc)

    wait_for(lambda: of.put(run))
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


def test_a_reference_has_idle_time_only_from_its_first_import_on(
    workers: EstimationWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    idle = taken(workers, "yielding")
    assert done(idle, idle.class_names) == NAMES


def test_a_reference_that_dies_is_started_again(workers: EstimationWorkers) -> None:
    looking = taken(workers, "large")
    done(looking, looking.class_names)
    with pytest.raises(InferenceError, match="has died"):
        done(looking, lambda: looking.look(frame(3)))
    with pytest.raises(EngineUnavailable, match="starts again"):
        done(looking, looking.class_names)

    def again() -> bool:
        try:
            return done(looking, looking.class_names) == NAMES
        except EngineUnavailable:
            return False

    wait_for(again)
    assert len(done(looking, lambda: looking.look(frame()))) == 1


def test_one_that_cannot_be_loaded_says_why(workers: EstimationWorkers) -> None:
    looking = taken(workers, "missing")
    with pytest.raises(ModelError, match=r"large\.onnx"):
        done(looking, looking.class_names)


def test_without_reference_there_is_a_thread_and_no_process(workers: EstimationWorkers) -> None:
    looking = taken(workers, None)
    assert not looking.has_reference
    assert done(looking, lambda: threading.current_thread().name) == "estimate-alone"
    assert looking._reference is None


def test_few_jobs_wait(workers: EstimationWorkers) -> None:
    looking, free = taken(workers, None), threading.Event()
    begun = threading.Event()

    def hold() -> None:
        begun.set()
        free.wait(30)

    assert looking.put(hold)
    assert begun.wait(30)
    assert sum(looking.put(lambda: None) for _ in range(WAITING + 3)) == WAITING
    free.set()


def test_closing_ends_a_job_that_waits_for_the_reference(workers: EstimationWorkers) -> None:
    looking = taken(workers, "large")
    done(looking, looking.class_names)
    os.kill(looking._started()._process.pid or 0, signal.SIGSTOP)  # it hangs
    failed: list[Exception] = []

    begun_to = threading.Event()

    def look() -> None:
        begun_to.set()
        try:
            looking.look(frame())
        except (InferenceError, EngineUnavailable) as exc:
            failed.append(exc)

    assert looking.put(look)
    assert begun_to.wait(30)
    begun = time.monotonic()
    workers.close()
    assert time.monotonic() - begun < 10
    assert failed
    assert workers.take("large") is None
    with pytest.raises(EngineUnavailable):
        looking.look(frame())
