"""What everything that runs threads must do when the interpreter ends, and in a forked child."""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline import build, interpreter
from sightline.config import EngineOptions, ModelOptions, SchedulerOptions
from sightline.models.people import PeopleDetector
from sightline.protocols import RunsThreads
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.runtime.service import ModelService
from sightline.runtime.streams.stream import observe
from sightline.sinks.background import Background
from sightline.sources.street import StreetOptions, StreetSource
from sightline.types import Frame

Use = Callable[[], object]
"""Uses the thing; returns, or raises, within seconds."""

STREET = ModelOptions(
    model="street", backend="onnxruntime", engine=EngineOptions(threads=1, requests=1)
)


def grey() -> Frame:
    return next(iter(StreetSource(StreetOptions(width=320, height=192, duration=1))))


def a_detector(stack: ExitStack) -> Use:
    detector = build.detector(STREET)
    stack.callback(detector.close)
    return lambda: detector.submit([grey()]).result(30)


def people(stack: ExitStack) -> Use:
    detector = PeopleDetector()
    stack.callback(detector.close)
    return lambda: detector.submit([grey()]).result(30)


def a_service(stack: ExitStack) -> Use:
    service = stack.enter_context(
        ModelService(build.detector(STREET), SchedulerOptions(max_batch=1), owned=True)
    )
    return lambda: service.predict_sync(np.zeros((64, 64, 3), np.uint8), timeout_s=30)


def a_scheduler(stack: ExitStack) -> Use:
    detector: Any = build.detector(STREET)
    stack.callback(detector.close)
    scheduler = Scheduler(SchedulerOptions())
    scheduler.add("street", detector.engine)
    stack.callback(scheduler.close)

    def use() -> object:
        return scheduler.submit(
            "street", Terms("test"), (1, 192, 320), lambda batch: batch.fill(114), len
        ).result(30)

    return use


def a_writer(stack: ExitStack) -> Use:
    taken: list[object] = []
    writer: Background[int] = Background(taken.extend, capacity=4, name="test")
    stack.callback(writer.close)
    return lambda: writer.put(1)


def a_stream(stack: ExitStack) -> Use:
    detector = build.detector(STREET)
    stack.callback(detector.close)
    source = StreetSource(StreetOptions(width=320, height=192, duration=2))
    seen: Iterator[Any] = observe(source, build.pipeline(detector))
    stack.callback(seen.close)  # type: ignore[attr-defined]
    return lambda: next(seen)


EVERY = {
    "engine": a_detector,
    "people": people,
    "service": a_service,
    "scheduler": a_scheduler,
    "sink's writer": a_writer,
    "stream": a_stream,
}


def busy_threads(but: set[threading.Thread]) -> list[str]:
    """Daemon threads, ``but`` those of other tests, that run code of the package."""
    frames = sys._current_frames()
    return [
        thread.name
        for thread in set(threading.enumerate()) - but
        if thread.daemon and thread.ident in frames and interpreter._is_busy(frames[thread.ident])
    ]


@pytest.fixture
def others() -> set[threading.Thread]:
    """Threads that other tests have left."""
    return set(threading.enumerate())


@pytest.fixture(params=EVERY.values(), ids=EVERY.keys())
def used(
    request: pytest.FixtureRequest, others: set[threading.Thread]
) -> Iterator[tuple[list[RunsThreads], Use]]:
    """What was made to run threads, after it was used once, and how it is used."""
    del others  # they are counted before anything is made
    before = set(interpreter._watched)
    with ExitStack() as stack:
        use = request.param(stack)
        use()
        things = [
            thing
            for number, reference in sorted(interpreter._watched.items(), reverse=True)
            if number not in before and (thing := reference()) is not None
        ]
        assert things, "it is not watched"
        yield things, use


def test_forked_children_answer_and_threads_end(
    others: set[threading.Thread], used: tuple[list[RunsThreads], Use], tmp_path: Path
) -> None:
    """One after the other, because what is tested takes seconds to make."""
    things, use = used
    if hasattr(os, "fork"):
        _check_forked_child(use, tmp_path / "answer")
    for _ in range(2):  # a second time is no harm
        began = time.monotonic()
        for thing in things:  # newest first, as the interpreter does it
            thing.end_threads(began + 10)
        assert time.monotonic() - began < 10
    assert not busy_threads(others)


def _check_forked_child(use: Use, answer: Path) -> None:
    """A child uses what it inherited: it answers, or fails at once, and waits for no thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: the subject
        child = os.fork()
    if not child:
        watchdog = threading.Timer(40, os._exit, (9,))
        watchdog.daemon = True
        watchdog.start()
        try:
            use()
            answer.write_text("answered")
        except Exception as exc:  # noqa: BLE001 - any failure is an answer
            answer.write_text(f"failed: {exc}")
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "it waited for a thread"
    assert answer.read_text().startswith(("answered", "failed: "))
    use()  # the parent goes on
