"""A detector in a process of its own: real processes, one detector that does what its frame says."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import pytest
from tests.unit.runtime.rollouts.conftest import NAMES, frame, objects
from tests.waiting import wait_for

from sightline.errors import EngineUnavailable, InferenceError, ModelError
from sightline.runtime.repository.served_model import Overrides
from sightline.runtime.rollouts.background import BackgroundDetector, ModelReady
from sightline.types import Detections, Frame


class Odd:
    """Finds one object; fails, raises nonsense or dies at frames of certain numbers."""

    class_names = NAMES
    conf = 0.4

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        done: Future[list[Detections]] = Future()
        number = frames[0].index
        if number == 1:
            done.set_exception(InferenceError("broken"))
        elif number == 2:
            done.set_exception(ValueError("of a decoder"))
        elif number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            assert os.sched_getscheduler(0) == os.SCHED_IDLE
            done.set_result([objects(0)])
        return done

    def close(self) -> None: ...


def refused() -> Odd:
    raise ModelError("no such file")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def background(clock: Clock) -> Iterator[BackgroundDetector]:
    made = BackgroundDetector("odd", Odd, clock)
    assert made.wait() == ModelReady(NAMES, 0.4)
    yield made
    made.close()


def test_it_answers_and_fails_as_the_detector_does(background: BackgroundDetector) -> None:
    found = background.detect(frame(0), Overrides())
    assert len(found.objects) == 1
    assert found.objects.class_names == NAMES
    assert found.seconds >= 0
    assert found.cpu_s is not None
    with pytest.raises(InferenceError, match="broken"):
        background.detect(frame(1), Overrides())
    with pytest.raises(InferenceError, match="ValueError: of a decoder"):
        background.detect(frame(2), Overrides())
    assert len(background.detect(frame(4), Overrides()).objects) == 1


def test_it_is_started_again_after_a_pause(background: BackgroundDetector, clock: Clock) -> None:
    with pytest.raises(InferenceError, match="has died"):
        background.detect(frame(3), Overrides())
    with pytest.raises(EngineUnavailable, match="starts again"):
        background.detect(frame(0), Overrides())
    clock.now += 1.5
    assert len(background.detect(frame(0), Overrides()).objects) == 1


def test_what_loading_raises_is_raised_and_the_process_ends() -> None:
    made = BackgroundDetector("odd", refused)
    with pytest.raises(ModelError, match="no such file"):
        made.wait()
    assert not made._process.is_alive()
    made.close()


def test_a_process_comes_back_with_the_files_that_were_judged_only(
    tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "next.onnx"
    file.write_text("one")
    made = BackgroundDetector("odd", Odd, clock, content=partial(file.read_text, "utf-8"))
    assert made.wait() == ModelReady(NAMES, 0.4, "one")
    file.write_text("two")
    with pytest.raises(InferenceError, match="has died"):
        made.detect(frame(3), Overrides())
    clock.now += 1.5
    with pytest.raises(EngineUnavailable, match="others than those that were loaded and judged"):
        made.detect(frame(0), Overrides())
    assert made.content == "one"
    assert made.restart().content == "two"
    assert len(made.detect(frame(0), Overrides()).objects) == 1
    made.close()


def test_files_that_change_while_they_are_loaded_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "next.onnx"
    file.write_text("one")
    made = BackgroundDetector(
        "odd", partial(_changing, file), content=partial(file.read_text, "utf-8")
    )
    with pytest.raises(ModelError, match="changed while they were loaded"):
        made.wait()
    made.close()


def _changing(file: Path) -> Odd:
    file.write_text("two")
    return Odd()


def test_closing_ends_what_another_thread_waits_for() -> None:
    import threading

    made = BackgroundDetector("odd", _sleeping)
    made.wait()
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            made.detect(frame(0), Overrides())
        except InferenceError as exc:
            failed.append(exc)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(thread.is_alive)
    begun = time.monotonic()
    made.close()
    thread.join(10)
    assert failed
    assert time.monotonic() - begun < 5


class _Sleeping(Odd):
    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        del frames
        return Future()  # never done


def _sleeping() -> _Sleeping:
    return _Sleeping()
