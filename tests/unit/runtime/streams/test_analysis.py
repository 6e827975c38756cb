"""Which frames are analysed, and that each is counted exactly once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import numpy as np
import pytest

from sightline.config import AdaptiveOptions
from sightline.errors import DeadlineExceeded, InferenceError, Overloaded
from sightline.runtime.streams.adaptive import ladder
from sightline.runtime.streams.analysis import SelectedFrames
from sightline.runtime.streams.record import StreamRecord
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame, SourceState, SourceStatus, StreamInfo

PLAIN = np.full((48, 64, 3), 90, np.uint8)
Outcome = Exception | None


class Scripted:
    """A detector whose n-th answer is the n-th outcome; the last one repeats."""

    class_names = ("car",)

    def __init__(self, *outcomes: Outcome, refuse: Sequence[bool] = (False,)) -> None:
        self.outcomes, self.refuse = outcomes or (None,), refuse
        self.asked = 0
        self.indices: list[int] = []

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        number, self.asked = self.asked, self.asked + 1
        if self.refuse[min(number, len(self.refuse) - 1)]:
            raise Overloaded("too much", retry_after_s=0.01)
        self.indices.append(frames[0].index)
        future: Future[list[Detections]] = Future()
        outcome = self.outcomes[min(number, len(self.outcomes) - 1)]
        if outcome is None:
            future.set_result([Detections.empty(self.class_names)])
        else:
            future.set_exception(outcome)
        return future

    def close(self) -> None: ...


def frame(index: int, fps: float = 10.0) -> Frame:
    return Frame("cam", index, index / fps, time.monotonic(), ArrayPicture(PLAIN))


def status() -> SourceStatus:
    return SourceStatus(SourceState.RUNNING)


def analysis(
    detector: Scripted, *, live: bool = True, **options: object
) -> tuple[SelectedFrames, StreamRecord]:
    record = StreamRecord()
    made = SelectedFrames("cam", [detector], AdaptiveOptions(**options), record, status)  # type: ignore[arg-type]
    made.begin(StreamInfo("cam", 64, 48, fps=10, live=live))
    return made, record


def run(made: SelectedFrames, count: int, each: Callable[[int], None] = lambda _: None) -> None:
    for index in range(count):
        each(index)
        picture = frame(index)
        pending = made.submit(picture)
        if not isinstance(pending, str):
            made.settle(picture, pending)


def test_without_options_every_frame_is_analysed() -> None:
    detector = Scripted()
    made, record = analysis(detector)
    run(made, 20)
    assert detector.indices == list(range(20))
    assert record.counts().analyzed == 20
    assert record.counts().dropped == {}


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        pytest.param(5.0, 50, id="every second"),
        pytest.param(3.0, 30, id="does not divide"),
        pytest.param(10.0, 100, id="as fast as they come"),
        pytest.param(40.0, 100, id="more than there are"),
    ],
)
def test_a_rate_is_not_exceeded(most: float, expected: int) -> None:
    detector = Scripted()
    made, record = analysis(detector, max_fps=most)
    run(made, 100)
    assert len(detector.indices) == pytest.approx(expected, abs=2)
    assert record.counts().dropped.get("skipped", 0) == 100 - len(detector.indices)


def test_a_still_picture_is_looked_at_now_and_then() -> None:
    detector = Scripted()
    made, record = analysis(detector, motion=True, motion_hold_s=0.5, motion_refresh_s=2.0)
    run(made, 60)
    assert detector.indices == [*range(6), 25, 45]  # the first is motion and is held; then 2 s
    assert record.counts().dropped == {"still": 52}


def test_paused() -> None:
    detector = Scripted()
    made, record = analysis(detector)

    def pause(index: int) -> None:
        made.paused = 5 <= index < 15

    run(made, 20, pause)
    assert detector.indices == [*range(5), *range(15, 20)]
    assert record.counts().dropped == {"paused": 10}
    made.paused = True
    assert made.submit(frame(20)) == "paused"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(DeadlineExceeded("too old"), "stale", id="too old"),
        pytest.param(Overloaded("pushed out"), "overloaded", id="pushed out"),
        pytest.param(InferenceError("engine broke"), "failed", id="failed"),
    ],
)
def test_a_live_stream_goes_on(error: Exception, reason: str) -> None:
    made, record = analysis(Scripted(None, error, None))
    run(made, 5)
    counts = record.counts()
    assert (counts.taken, counts.analyzed, counts.dropped) == (5, 4, {reason: 1})
    assert made.error is None  # the next one was fine


def test_the_error_is_shown_while_it_lasts() -> None:
    made, _ = analysis(Scripted(InferenceError("engine broke")))
    run(made, 3)
    assert made.error == "engine broke"


def test_a_refusal_costs_a_live_stream_one_frame() -> None:
    made, record = analysis(Scripted(refuse=[False, True, False]))
    run(made, 4)
    assert (record.counts().analyzed, record.counts().dropped) == (3, {"overloaded": 1})


def test_a_file_waits_for_room_and_loses_nothing() -> None:
    detector = Scripted(refuse=[False, True, True, True, False])
    made, record = analysis(detector, live=False)
    run(made, 6)
    assert detector.indices == list(range(6))
    assert (record.counts().analyzed, record.counts().dropped) == (6, {})


def test_a_frame_of_a_file_that_was_pushed_out_is_tried_again() -> None:
    pushed_out = Overloaded("pushed out", retry_after_s=0.01)
    detector = Scripted(None, pushed_out, pushed_out, None)
    made, record = analysis(detector, live=False)
    run(made, 4)
    assert detector.indices == [0, 1, 1, 1, 2, 3]
    assert (record.counts().analyzed, record.counts().dropped) == (4, {})


def test_a_failure_ends_a_file() -> None:
    made, record = analysis(Scripted(None, InferenceError("engine broke")), live=False)
    with pytest.raises(InferenceError):
        run(made, 3)
    assert (record.counts().taken, record.counts().analyzed) == (2, 1)
    assert record.counts().dropped == {"failed": 1}


@pytest.mark.parametrize("live", [True, False], ids=["a camera", "a file"])
def test_only_a_live_stream_goes_down_the_ladder(
    live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames of a file wait for their turn: that they are old says nothing."""
    monkeypatch.setattr("sightline.runtime.streams.analysis.PERIOD_S", 0.02)
    made, record = analysis(Scripted(), live=live, max_skip=4, max_latency_ms=1e-6)
    until = time.monotonic() + (10 if live else 0.2)
    while made.level == 0 and time.monotonic() < until:
        run(made, 5)
    assert (made.level > 0) is live
    assert live or record.counts().dropped == {}


def test_ending_lets_go_of_who_waits_for_room() -> None:
    made, record = analysis(Scripted(refuse=[True]), live=False)
    thread = threading.Thread(target=made.submit, args=(frame(0),))
    thread.start()
    made.end()
    thread.join(10)
    assert not thread.is_alive()
    assert record.counts().dropped == {"overloaded": 1}


@pytest.mark.parametrize(
    ("every", "options", "expected"),
    [
        pytest.param(1, {}, list(range(12)), id="each"),
        pytest.param(3, {}, [0, 3, 6, 9], id="every third, the first among them"),
        pytest.param(5, {"max_fps": 0.5}, [0, 10], id="and not too often"),
        pytest.param(100, {}, [0], id="more than there are"),
    ],
)
def test_only_every_so_many_th_frame_is_analysed(
    every: int, options: dict[str, float], expected: list[int]
) -> None:
    detector, record = Scripted(), StreamRecord()
    made = SelectedFrames(
        "cam", [detector], AdaptiveOptions(**options), record, status, every=every
    )  # type: ignore[arg-type]
    made.begin(StreamInfo("cam", 64, 48, fps=10, live=False))
    run(made, 12)
    assert detector.indices == expected
    assert record.counts().dropped.get("skipped", 0) == 12 - len(expected)


def test_every_second_frame_and_the_ladder_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under load half of the frames that are chosen are analysed, not none of them."""
    detector = Scripted()
    made = SelectedFrames(
        "cam", [detector], AdaptiveOptions(max_skip=2), StreamRecord(), status, every=2
    )
    made.begin(StreamInfo("cam", 64, 48, fps=10, live=False))
    monkeypatch.setattr(type(made._controller), "level", ladder(1, 2)[-1])
    run(made, 12)
    assert detector.indices == [2, 6, 10]
