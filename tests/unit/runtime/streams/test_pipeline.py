"""Which frames are analysed, and that each is counted exactly once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
from tests.waiting import wait_for

from sightline.config import AdaptiveOptions
from sightline.errors import DeadlineExceeded, InferenceError, Overloaded
from sightline.runtime.streams.adaptive import ladder
from sightline.runtime.streams.pipeline import DEPTH, LATE_S, Begun, Pipeline
from sightline.runtime.streams.record import StreamRecord
from sightline.runtime.streams.selection import AdaptiveSelection, EveryNth
from sightline.runtime.streams.stages import DetectObjects
from sightline.sources.pictures import ArrayPicture
from sightline.types import (
    Detections,
    Frame,
    Label,
    Observation,
    SourceState,
    SourceStatus,
    StreamInfo,
)

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


def pipeline(
    detector: Scripted, *, live: bool = True, every: int = 1, **options: object
) -> tuple[Pipeline, StreamRecord]:
    made, record, _ = adaptive(detector, live=live, every=every, **options)
    return made, record


def adaptive(
    detector: Scripted, *, live: bool = True, every: int = 1, **options: object
) -> tuple[Pipeline, StreamRecord, AdaptiveSelection]:
    record = StreamRecord()
    chosen = AdaptiveSelection(AdaptiveOptions(**options), record, status, every=every)  # type: ignore[arg-type]
    made = Pipeline([DetectObjects(detector)], chosen, record)
    made.begin(StreamInfo("cam", 64, 48, fps=10, live=live))
    return made, record, chosen


def run(
    made: Pipeline, count: int, each: Callable[[int], None] = lambda _: None
) -> list[Observation]:
    def taken() -> Iterator[Begun]:
        for index in range(count):
            each(index)
            yield made.take(frame(index))

    return list(made.observations(taken()))


def test_without_options_every_frame_is_analysed() -> None:
    detector = Scripted()
    made, record = pipeline(detector)
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
    made, record = pipeline(detector, max_fps=most)
    run(made, 100)
    assert len(detector.indices) == pytest.approx(expected, abs=2)
    assert record.counts().dropped.get("skipped", 0) == 100 - len(detector.indices)


def test_a_still_picture_is_looked_at_now_and_then() -> None:
    detector = Scripted()
    made, record = pipeline(detector, motion=True, motion_hold_s=0.5, motion_refresh_s=2.0)
    run(made, 60)
    assert detector.indices == [*range(6), 25, 45]  # the first is motion and is held; then 2 s
    assert record.counts().dropped == {"still": 52}


def test_paused() -> None:
    detector = Scripted()
    made, record = pipeline(detector)

    def pause(index: int) -> None:
        made.paused = 5 <= index < 15

    run(made, 20, pause)
    assert detector.indices == [*range(5), *range(15, 20)]
    assert record.counts().dropped == {"paused": 10}
    made.paused = True
    assert made.take(frame(20))[0].skipped == "paused"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(DeadlineExceeded("too old"), "stale", id="too old"),
        pytest.param(Overloaded("pushed out"), "overloaded", id="pushed out"),
        pytest.param(InferenceError("engine broke"), "failed", id="failed"),
    ],
)
def test_a_live_stream_goes_on(error: Exception, reason: str) -> None:
    made, record = pipeline(Scripted(None, error, None))
    run(made, 5)
    counts = record.counts()
    assert (counts.taken, counts.analyzed, counts.dropped) == (5, 4, {reason: 1})
    assert made.error is None  # the next one was fine


def test_the_error_is_shown_while_it_lasts() -> None:
    made, _ = pipeline(Scripted(InferenceError("engine broke")))
    run(made, 3)
    assert made.error == "engine broke"


def test_a_refusal_costs_a_live_stream_one_frame() -> None:
    made, record = pipeline(Scripted(refuse=[False, True, False]))
    run(made, 4)
    assert (record.counts().analyzed, record.counts().dropped) == (3, {"overloaded": 1})


def test_a_file_waits_for_room_and_loses_nothing() -> None:
    detector = Scripted(refuse=[False, True, True, True, False])
    made, record = pipeline(detector, live=False)
    run(made, 6)
    assert detector.indices == list(range(6))
    assert (record.counts().analyzed, record.counts().dropped) == (6, {})


def test_a_frame_of_a_file_that_was_pushed_out_is_tried_again() -> None:
    pushed_out = Overloaded("pushed out", retry_after_s=0.01)
    detector = Scripted(None, pushed_out, pushed_out, None)
    made, record = pipeline(detector, live=False)
    run(made, 4)
    assert detector.indices == [0, 1, 1, 1, 2, 3]
    assert (record.counts().analyzed, record.counts().dropped) == (4, {})


def test_a_failure_ends_a_file() -> None:
    made, record = pipeline(Scripted(None, InferenceError("engine broke")), live=False)
    with pytest.raises(InferenceError):
        run(made, 3)
    assert (record.counts().taken, record.counts().analyzed) == (2, 1)
    assert record.counts().dropped == {"failed": 1}


@pytest.mark.parametrize("live", [True, False], ids=["a camera", "a file"])
def test_only_a_live_stream_goes_down_the_ladder(
    live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames of a file wait for their turn: that they are old says nothing."""
    monkeypatch.setattr("sightline.runtime.streams.selection.PERIOD_S", 0.02)
    made, record, chosen = adaptive(Scripted(), live=live, max_skip=4, max_latency_ms=1e-6)
    until = time.monotonic() + (10 if live else 0.2)
    while chosen.number == 0 and time.monotonic() < until:
        run(made, 5)
    assert (chosen.number > 0) is live
    assert live or record.counts().dropped == {}


def test_ending_lets_go_of_who_waits_for_room() -> None:
    made, record = pipeline(Scripted(refuse=[True]), live=False)
    thread = threading.Thread(target=made.take, args=(frame(0),))
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
    detector = Scripted()
    made, record = pipeline(detector, live=False, every=every, **options)
    run(made, 12)
    assert detector.indices == expected
    assert record.counts().dropped.get("skipped", 0) == 12 - len(expected)


def test_every_second_frame_and_the_ladder_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under load half of the frames that are chosen are analysed, not none of them."""
    detector = Scripted()
    made, _, chosen = adaptive(detector, live=False, every=2, max_skip=2)
    monkeypatch.setattr(type(chosen), "level", ladder(1, 2)[-1])
    run(made, 12)
    assert detector.indices == [2, 6, 10]


class Slow:
    """A stage whose futures the test completes; its part is the frame's number as a label."""

    name = "classify"

    def __init__(self, *refusals: Exception | None) -> None:
        self.begun: dict[int, Future[str]] = {}
        self.settled: list[int] = []
        self.refusals = list(refusals)

    def submit(self, seen: Observation) -> Future[str] | None:
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is not None:
            raise refusal
        index = seen.frame.index
        if index % 3 == 2:
            return None  # nothing to do for this frame
        self.begun[index] = Future()
        return self.begun[index]

    def settle(self, seen: Observation, found: str | None) -> Observation:
        self.settled.append(seen.frame.index)
        return seen if found is None else replace(seen, labels={1: (Label("kind", found, 1.0),)})


def staged(*stages: Slow, live: bool) -> Pipeline:
    made = Pipeline([DetectObjects(Scripted()), *stages])
    made.begin(StreamInfo("cam", 64, 48, fps=10, live=live))
    return made


def test_several_frames_of_a_file_are_in_flight_and_come_out_in_order() -> None:
    slow = Slow()
    made = staged(slow, live=False)
    taken = iter([made.take(frame(index)) for index in range(8)])
    seen = made.observations(taken)
    results: list[Observation] = []
    thread = threading.Thread(target=lambda: results.extend(seen))
    thread.start()
    wait_for(lambda: len(slow.begun) == DEPTH, timeout_s=20)  # 0, 1, 3, 4: the next one waits
    assert slow.settled == []
    for index in (4, 3, 1):
        slow.begun[index].set_result(str(index))
    assert slow.settled == [], "the first one is not done"
    slow.begun[0].set_result("0")
    wait_for(lambda: {6, 7} <= set(slow.begun), timeout_s=20)
    slow.begun[7].set_result("7")
    slow.begun[6].set_result("6")
    thread.join(20)
    assert [o.frame.index for o in results] == slow.settled == list(range(8))
    told = [o.labels[1][0].value if o.labels else None for o in results]
    assert told == ["0", "1", None, "3", "4", None, "6", "7"]


def test_a_late_stage_leaves_its_part_out_of_a_live_stream() -> None:
    """Nothing more is begun while it hangs, and no frame waits for it but the first."""
    slow = Slow()
    made = staged(slow, live=True)
    began = time.monotonic()
    results = run(made, 60)
    assert time.monotonic() - began < 20 * LATE_S, "each frame waited for the stage that hangs"
    assert list(slow.begun) == [0]
    assert {o.missing["classify"] for o in results if o.missing} == {"late"}
    assert made.missing() == {"classify": {"late": 60}}
    slow.begun[0].set_result("0")
    slow.begun.clear()
    (again,) = run(made, 1)  # it is begun again, and hangs again
    assert list(slow.begun) == [0]
    assert again.missing == {"classify": "late"}


def test_frames_that_are_not_analysed_miss_no_part_of_a_late_stage() -> None:
    made = Pipeline([DetectObjects(Scripted()), Slow()], EveryNth(4))
    made.begin(StreamInfo("cam", 64, 48, fps=10, live=True))
    run(made, 20)
    assert made.missing() == {"classify": {"late": 5}}


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        pytest.param(Overloaded("too much"), "overloaded", id="refused"),
        pytest.param(InferenceError("engine broke"), "failed", id="fails"),
    ],
)
def test_a_live_stream_goes_on_without_a_stage(refusal: Exception, reason: str) -> None:
    slow = Slow(*[refusal] * 4)
    made = staged(slow, live=True)
    results = run(made, 4)
    assert [o.missing for o in results] == [{"classify": reason}] * 4
    assert [o.skipped for o in results] == [None] * 4, "the frames themselves were analysed"
    assert made.missing() == {"classify": {reason: 4}}
    assert made.error == ("engine broke" if reason == "failed" else None)


def test_a_stage_of_a_file_is_tried_again_until_there_is_room() -> None:
    busy = Overloaded("too much", retry_after_s=0.01)
    slow = Slow(None, busy, busy, None)
    made = staged(slow, live=False)
    seen = made.observations([made.take(frame(index)) for index in range(2)])
    results: list[Observation] = []
    thread = threading.Thread(target=lambda: results.extend(seen))
    thread.start()
    wait_for(lambda: {0, 1} <= set(slow.begun), timeout_s=20)
    for index in (0, 1):
        slow.begun[index].set_result(str(index))
    thread.join(20)
    assert [o.labels[1][0].value for o in results] == ["0", "1"]


def test_a_failed_stage_ends_a_file_after_the_frames_before_it() -> None:
    first, second = Slow(), Slow()
    second.name = "embed"
    made = staged(first, second, live=False)
    taken = [made.take(frame(index)) for index in range(5)]
    results: list[Observation] = []
    errors: list[Exception] = []

    def collect() -> None:
        results.extend(made.observations(taken))

    thread = threading.Thread(target=lambda: _caught(collect, errors))
    thread.start()
    wait_for(lambda: {0, 1, 3, 4} <= set(first.begun), timeout_s=20)
    first.begun[4].set_exception(InferenceError("engine broke"))
    for index in (3, 1, 0):
        first.begun[index].set_result(str(index))
    wait_for(lambda: {0, 1, 3} <= set(second.begun), timeout_s=20)
    for index in (0, 1, 3):
        second.begun[index].set_result(str(index))
    thread.join(20)
    assert [o.frame.index for o in results] == [0, 1, 2, 3]
    assert [str(error) for error in errors] == ["engine broke"]


def _caught(work: Callable[[], None], errors: list[Exception]) -> None:
    try:
        work()
    except InferenceError as exc:
        errors.append(exc)
