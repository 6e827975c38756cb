"""What becomes of a frame whose stage is late, fails, or has no time."""

from __future__ import annotations

import weakref
from concurrent.futures import CancelledError, Future

import numpy as np
import pytest
from tests.circles import without_collector

from sightline.errors import DeadlineExceeded, InferenceError, Overloaded
from sightline.runtime.streams.stage_runner import StageRunner
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame, Observation, StreamInfo


class Asked:
    """A stage whose futures the test holds; the first ``refusals`` frames are refused."""

    name = "look"

    def __init__(self, refusals: int = 0) -> None:
        self.futures: list[Future[int]] = []
        self.refusals = refusals

    def submit(self, seen: Observation) -> Future[int]:
        if self.refusals:
            self.refusals -= 1
            raise Overloaded("full", retry_after_s=0.001)
        self.futures.append(Future())
        return self.futures[-1]

    def settle(self, seen: Observation, found: int | None) -> Observation:
        return seen


def observation() -> Observation:
    picture = ArrayPicture(np.zeros((8, 8, 3), np.uint8))
    return Observation(Frame("gate", 0, 0.0, 0.0, picture), Detections.empty())


def runner(stage: Asked, *, live: bool, wait_s: float | None = None) -> StageRunner[int]:
    made = StageRunner(stage, wait_s)
    made.begin(StreamInfo("gate", 8, 8, live=live))
    return made


ERRORS = [
    pytest.param(DeadlineExceeded("too old"), "stale", id="too old"),
    pytest.param(Overloaded("pushed out"), "overloaded", id="pushed out"),
    pytest.param(InferenceError("broken"), "failed", id="failed"),
]


@pytest.mark.parametrize(("error", "reason"), ERRORS)
def test_a_live_stream_goes_on_without_the_part(error: Exception, reason: str) -> None:
    stage = Asked()
    run = runner(stage, live=True)
    seen, begun = run.submit(observation())
    stage.futures[0].set_exception(error)
    seen, found, failure = run.wait(seen, begun)
    assert (seen.missing, found, failure) == ({"look": reason}, None, None)
    assert run.missing == {reason: 1}


def test_a_file_ends_with_the_failure() -> None:
    stage, error = Asked(), InferenceError("broken")
    run = runner(stage, live=False)
    seen, begun = run.submit(observation())
    stage.futures[0].set_exception(error)
    assert run.wait(seen, begun)[2] is error


def test_a_frame_of_a_file_is_submitted_again() -> None:
    stage = Asked()
    run = runner(stage, live=False)
    seen, begun = run.submit(observation())
    stage.refusals = 2
    stage.futures[0].set_exception(Overloaded("pushed out", retry_after_s=0.001))

    class Answering(list[Future[int]]):
        def append(self, future: Future[int]) -> None:
            future.set_result(7)
            super().append(future)

    stage.futures = Answering()
    seen, found, failure = run.wait(seen, begun)
    assert (found, failure, seen.missing) == (7, None, {})


def test_a_late_part_is_left_out_and_nothing_more_is_begun_meanwhile() -> None:
    stage = Asked()
    run = runner(stage, live=True, wait_s=0.01)
    seen, begun = run.submit(observation())
    assert run.wait(seen, begun)[0].missing == {"look": "late"}
    second, begun = run.submit(observation())
    assert (second.missing, begun) == ({"look": "late"}, None)
    stage.futures[0].set_result(1)
    assert run.submit(observation())[1] is stage.futures[1]


def test_an_error_of_the_stage_itself_is_raised() -> None:
    stage = Asked()
    run = runner(stage, live=True)
    seen, begun = run.submit(observation())
    stage.futures[0].set_exception(ValueError("a fault of ours"))
    with pytest.raises(ValueError, match="a fault of ours"):
        run.wait(seen, begun)


def test_the_end_lets_go_of_what_waits() -> None:
    stage = Asked()
    run = runner(stage, live=True)
    seen, begun = run.submit(observation())
    run.end()
    assert run.wait(seen, begun)[0].missing == {"look": "stopped"}
    with pytest.raises(CancelledError):
        stage.futures[0].result(0)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(("error", "reason"), ERRORS)
def test_the_picture_goes_with_the_frame(error: Exception, reason: str, live: bool) -> None:
    """An error that knew its frame would keep the picture until the garbage collector comes."""
    if isinstance(error, DeadlineExceeded) and not live:
        pytest.skip("frames of a file have no age")
    with without_collector():
        stage = Asked(refusals=0)
        run = runner(stage, live=live)
        seen, begun = run.submit(observation())
        left = weakref.ref(seen.frame.picture)
        stage.futures[0].set_exception(type(error)(str(error)))
        if reason == "overloaded" and not live:
            stage.refusals = 2
            run.end()  # while it waits to be submitted again
        run.wait(seen, begun)
        stage.futures.clear()
        del seen, begun, run
        assert left() is None
