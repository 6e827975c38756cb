"""A stream of plain stand-ins: order, failures, stopping, and what is let go of."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from sightline.errors import InferenceError, SinkError, SourceError
from sightline.protocols import Tracker
from sightline.runtime.streams.pipeline import Pipeline
from sightline.runtime.streams.selection import EveryNth
from sightline.runtime.streams.stages import DetectObjects, Track
from sightline.runtime.streams.stream import FILE_DEPTH, Stream, observe
from sightline.sources.pictures import ArrayPicture
from sightline.types import (
    Detections,
    Frame,
    Observation,
    SourceState,
    SourceStatus,
    StreamInfo,
)


class FakeSource:
    """Frames of the given sizes; then ends, raises, or goes on until it is closed."""

    def __init__(
        self,
        count: int = 10,
        *,
        sizes: Sequence[tuple[int, int]] = ((64, 48),),
        error: Exception | None = None,
        endless: bool = False,
        live: bool = False,
        open_error: Exception | None = None,
    ) -> None:
        self.count, self.sizes, self.error = count, sizes, error
        self.endless, self.live, self.open_error = endless, live, open_error
        self.closed = threading.Event()
        self.handed = 0
        self.frames: list[weakref.ref[Frame]] = []

    def open(self) -> StreamInfo:
        if self.closed.is_set():
            raise SourceError("fake is closed: make a new one")
        if self.open_error is not None:
            raise self.open_error
        width, height = self.sizes[0]
        return StreamInfo("fake", width, height, fps=25, live=self.live)

    def __iter__(self) -> Iterator[Frame]:
        while not self.closed.is_set() and (self.endless or self.handed < self.count):
            width, height = self.sizes[min(self.handed, len(self.sizes) - 1)]
            picture = ArrayPicture(np.full((height, width, 3), self.handed % 256, np.uint8))
            frame = Frame("fake", self.handed, self.handed / 25, time.monotonic(), picture)
            self.frames.append(weakref.ref(frame))
            self.handed += 1
            yield frame
        if self.error is not None and not self.closed.is_set():
            raise self.error

    @property
    def status(self) -> SourceStatus:
        state = SourceState.ENDED if self.closed.is_set() else SourceState.RUNNING
        return SourceStatus(state, read=self.handed)

    def close(self) -> None:
        self.closed.set()


class FakeDetector:
    """One object a frame, as many pixels from the left as the frame's index."""

    class_names = ("person",)

    def __init__(self, *, fail_at: int = -1, error: Exception | None = None) -> None:
        self.fail_at, self.error = fail_at, error or InferenceError("engine broke")
        self.pool = ThreadPoolExecutor(3)
        self.random = np.random.default_rng(0)

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        pause = float(self.random.random() * 0.002)  # later ones may be done sooner
        return self.pool.submit(self._detect, tuple(frames), pause)

    def _detect(self, frames: Sequence[Frame], pause: float) -> list[Detections]:
        time.sleep(pause)
        if any(frame.index == self.fail_at for frame in frames):
            raise self.error
        return [
            Detections(
                np.array([[f.index, 0, f.index + 10, 10]], np.float32),
                np.array([0.9], np.float32),
                np.array([0], np.int64),
            )
            for f in frames
        ]

    def close(self) -> None:
        self.pool.shutdown()


class FakeTracker:
    """Counts up a new id for each object; remembers when it was reset, and the times."""

    def __init__(self) -> None:
        self.times: list[float | None] = []
        self.resets: list[int] = []
        self.next_id = 1

    def update(self, detections: Detections, time: float | None = None) -> Detections:
        self.times.append(time)
        first, self.next_id = self.next_id, self.next_id + len(detections)
        return replace(detections, track_ids=np.arange(first, self.next_id, dtype=np.int64))

    def predict(self, time: float | None = None) -> Detections:
        raise AssertionError("nobody asks")

    def reset(self) -> None:
        self.resets.append(len(self.times))


class Drifting(FakeTracker):
    """An object that moves 20 pixels to the right in each predicted frame."""

    def __init__(self) -> None:
        super().__init__()
        self.last = Detections.empty()

    def update(self, detections: Detections, time: float | None = None) -> Detections:
        self.last = super().update(detections, time)
        return self.last

    def predict(self, time: float | None = None) -> Detections:
        self.last = replace(self.last, boxes=self.last.boxes + np.array([20, 0, 20, 0], np.float32))
        return self.last

    def reset(self) -> None:
        super().reset()
        self.last = Detections.empty()


class LeavingOut(EveryNth):
    """Leaves out the frames of these indices."""

    def __init__(self, reasons: dict[int, str]) -> None:
        super().__init__()
        self.reasons = reasons

    def reason(self, frame: Frame) -> str | None:
        return self.reasons.get(frame.index)


def steps(
    detector: FakeDetector, tracker: Tracker | None = None, reasons: dict[int, str] | None = None
) -> Pipeline:
    stages = [DetectObjects(detector), *([] if tracker is None else [Track(tracker)])]
    return Pipeline(stages, LeavingOut(reasons or {}))


class FakeSink:
    def __init__(self, *, fail_at: int = -1, open_error: Exception | None = None) -> None:
        self.fail_at, self.open_error = fail_at, open_error
        self.opened: list[StreamInfo] = []
        self.indices: list[int] = []
        self.closed = False
        self.wrote = threading.Event()

    def open(self, stream: StreamInfo) -> None:
        if self.open_error is not None:
            raise self.open_error
        self.opened.append(stream)

    def write(self, observation: Observation) -> None:
        if observation.frame.index == self.fail_at:
            raise SinkError("disk is full")
        self.indices.append(observation.frame.index)
        self.wrote.set()

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def detector() -> Iterator[FakeDetector]:
    fake = FakeDetector()
    yield fake
    fake.close()


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.002)
    return true()


def reading_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "read-fake"]


@pytest.mark.parametrize("live", [False, True], ids=["file", "live"])
def test_every_frame_comes_once_and_in_order(detector: FakeDetector, live: bool) -> None:
    source, tracker, sinks = FakeSource(300, live=live), FakeTracker(), [FakeSink(), FakeSink()]
    stream = Stream("street", source, steps(detector, tracker), sinks)
    result = stream.run()
    assert result is stream.result
    for sink in sinks:
        assert sink.indices == list(range(300))
        assert [info.name for info in sink.opened] == ["fake"]
        assert not sink.closed  # by whoever made them: streams may share them
    assert tracker.times == [i / 25 for i in range(300)]
    assert (result.name, result.frames, result.objects, result.tracks) == ("street", 300, 300, 300)
    assert result.error is None
    assert not result.interrupted
    assert result.info is not None
    assert result.status is not None
    assert result.status.read == 300
    assert source.closed.is_set()
    assert 0 < result.seconds < 30
    assert result.fps == pytest.approx(300 / result.seconds)
    assert reading_threads() == []


def test_each_frame_keeps_its_own_detections(detector: FakeDetector) -> None:
    for observation in observe(FakeSource(100), steps(detector)):
        assert observation.detections.boxes[0, 0] == observation.frame.index
        assert observation.detections.track_ids is None


def test_no_frames_at_all(detector: FakeDetector) -> None:
    result = Stream("s", FakeSource(0), steps(detector, FakeTracker())).run()
    assert (result.frames, result.tracks, result.error) == (0, 0, None)


def test_a_source_that_breaks_gives_its_good_frames_first(detector: FakeDetector) -> None:
    sink, source = FakeSink(), FakeSource(20, error=SourceError("file breaks off"))
    result = Stream("s", source, steps(detector), [sink]).run()
    assert sink.indices == list(range(20))
    assert str(result.error) == "file breaks off"
    assert isinstance(result.error, SourceError)
    assert result.frames == 20
    assert not result.interrupted


def test_a_source_that_does_not_open(detector: FakeDetector) -> None:
    sink, source = FakeSink(), FakeSource(open_error=SourceError("no such file"))
    result = Stream("s", source, steps(detector), [sink]).run()
    assert str(result.error) == "no such file"
    assert (sink.opened, result.frames, result.info) == ([], 0, None)
    assert source.closed.is_set()
    assert result.ended_at >= result.started_at > 0


def test_a_detector_that_fails_stops_the_stream() -> None:
    detector, sink, source = FakeDetector(fail_at=7), FakeSink(), FakeSource(endless=True)
    result = Stream("s", source, steps(detector), [sink]).run()
    detector.close()
    assert sink.indices == list(range(7))
    assert isinstance(result.error, InferenceError)
    assert source.closed.is_set()
    assert reading_threads() == []


def test_a_detector_that_refuses_stops_the_stream(detector: FakeDetector) -> None:
    class Refusing(FakeDetector):
        def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
            if frames[0].index == 5:
                raise InferenceError("engine was closed")
            return super().submit(frames)

    refusing, sink = Refusing(), FakeSink()
    result = Stream("s", FakeSource(endless=True), steps(refusing), [sink]).run()
    refusing.close()
    assert sink.indices == list(range(5))
    assert str(result.error) == "engine was closed"


@pytest.mark.parametrize(
    ("sink", "written"),
    [
        pytest.param(FakeSink(fail_at=5), 5, id="write"),
        pytest.param(FakeSink(open_error=SinkError("no such folder")), 0, id="open"),
    ],
)
def test_a_sink_that_fails_stops_the_stream(
    detector: FakeDetector, sink: FakeSink, written: int
) -> None:
    source = FakeSource(endless=True)
    result = Stream("s", source, steps(detector), [sink]).run()
    assert isinstance(result.error, SinkError)
    assert result.frames == len(sink.indices) == written
    assert source.closed.is_set()
    assert reading_threads() == []


def test_a_defect_is_no_stream_s_failure_and_goes_to_the_caller() -> None:
    detector, source = FakeDetector(fail_at=3, error=ZeroDivisionError("bug")), FakeSource()
    stream = Stream("s", source, steps(detector))
    with pytest.raises(ZeroDivisionError):
        stream.run()
    detector.close()
    assert stream.result.frames == 3
    assert stream.result.ended_at > 0
    assert source.closed.is_set()
    assert reading_threads() == []


@pytest.mark.parametrize("live", [False, True], ids=["file", "live"])
def test_stop_from_another_thread_ends_soon(detector: FakeDetector, live: bool) -> None:
    sink, source = FakeSink(), FakeSource(endless=True, live=live)
    stream = Stream("s", source, steps(detector, FakeTracker()), [sink])
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    assert sink.wrote.wait(timeout=10)
    start = time.monotonic()
    stream.stop()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert time.monotonic() - start < 2
    assert stream.result.interrupted
    assert stream.result.error is None
    assert sink.indices == list(range(len(sink.indices)))
    assert stream.result.frames == len(sink.indices)
    assert reading_threads() == []


def test_stop_ends_after_the_frame_that_is_being_written(detector: FakeDetector) -> None:
    class Stopping(FakeSink):
        def write(self, observation: Observation) -> None:
            super().write(observation)
            if observation.frame.index == 3:
                assert eventually(lambda: source.handed > 20)  # more are on their way
                stream.stop()

    source, sink = FakeSource(endless=True), Stopping()
    stream = Stream("s", source, steps(detector), [sink])
    assert stream.run().interrupted
    assert sink.indices == [0, 1, 2, 3]


def test_a_stream_that_was_stopped_before_it_ran_writes_nothing(detector: FakeDetector) -> None:
    sink, source = FakeSink(), FakeSource(endless=True)
    stream = Stream("s", source, steps(detector), [sink])
    stream.stop()
    result = stream.run()
    assert result.interrupted
    assert result.error is None
    assert sink.indices == []


def test_what_breaks_while_it_is_stopped_is_a_failure_still(detector: FakeDetector) -> None:
    class Stopping(FakeSink):
        def write(self, observation: Observation) -> None:
            stream.stop()
            raise SinkError("disk is full")

    stream = Stream("s", FakeSource(endless=True), steps(detector), [Stopping()])
    result = stream.run()
    assert result.interrupted
    assert isinstance(result.error, SinkError)


def test_the_tracker_starts_again_when_the_picture_changes_its_size(
    detector: FakeDetector,
) -> None:
    tracker = FakeTracker()
    sizes = [(64, 48)] * 4 + [(32, 24)] * 3 + [(64, 48)]
    list(observe(FakeSource(8, sizes=sizes), steps(detector, tracker)))
    assert tracker.resets == [4, 7]


def test_nothing_is_seen_while_a_stream_is_paused(detector: FakeDetector) -> None:
    tracker = Drifting()
    reasons = dict.fromkeys(range(3, 7), "paused") | {7: "skipped"}
    seen = list(observe(FakeSource(10), steps(detector, tracker, reasons)))
    assert [o.frame.index for o in seen] == [0, 1, 2, 7, 8, 9]
    assert [len(o.detections) for o in seen] == [1, 1, 1, 0, 1, 1]
    assert tracker.resets, "what was there before may be gone by now"


@pytest.mark.parametrize(
    ("reasons", "lefts"),
    [
        pytest.param({}, [0, 1, 2, 3, 4, 5], id="all analysed"),
        pytest.param(dict.fromkeys((2, 3), "skipped"), [0, 1, 21, 41, 4, 5], id="skipped"),
        pytest.param(dict.fromkeys((1, 2, 3, 4, 5), "skipped"), [0, 20, 40, 60], id="it leaves"),
        pytest.param(dict.fromkeys((2, 3), "still"), [0, 1, 1, 1, 4, 5], id="nothing moves"),
        pytest.param({2: "still", 3: "skipped"}, [0, 1, 1, 1, 4, 5], id="nor is it looked"),
        pytest.param({2: "still", 3: "overloaded"}, [0, 1, 1, 21, 4, 5], id="it moves again"),
    ],
)
def test_frames_that_are_left_out(
    detector: FakeDetector, reasons: dict[int, str], lefts: list[int]
) -> None:
    seen = list(observe(FakeSource(6), steps(detector, Drifting(), reasons)))
    assert [o.frame.index for o in seen] == list(range(6))
    boxes = np.concatenate([o.detections.boxes for o in seen])
    assert boxes[:, 0].tolist() == lefts
    assert boxes[:, 2].max() <= 64, "inside of the picture"


@pytest.mark.parametrize("tracker", [None, FakeTracker()], ids=["detecting", "tracking"])
def test_leaving_early_closes_the_source(detector: FakeDetector, tracker: Tracker | None) -> None:
    source = FakeSource(endless=True)
    for observation in observe(source, steps(detector, tracker)):
        if observation.frame.index == 3:
            break
    del observation
    gc.collect()
    assert source.closed.is_set()
    assert eventually(lambda: reading_threads() == [])


def test_frames_are_let_go_of_as_the_stream_goes_on(detector: FakeDetector) -> None:
    source, most = FakeSource(400), 0
    for observation in observe(source, steps(detector)):
        if observation.frame.index % 50 == 49:
            most = max(most, sum(ref() is not None for ref in source.frames))
    del observation
    assert most <= FILE_DEPTH + 10
    gc.collect()
    assert eventually(lambda: not any(ref() is not None for ref in source.frames))


def test_a_live_source_is_not_read_ahead(detector: FakeDetector) -> None:
    source = FakeSource(endless=True, live=True)
    observations = observe(source, steps(detector))
    for _ in range(5):
        observation = next(observations)
        time.sleep(0.02)  # a slow consumer
        # One with the consumer, one in the channel, one that waits to be put.
        assert source.handed - observation.frame.index <= 4
    observations.close()
    assert source.closed.is_set()


def test_a_file_is_read_ahead_no_further_than_its_depth(detector: FakeDetector) -> None:
    source = FakeSource(endless=True)
    observations = observe(source, steps(detector))
    next(observations)
    assert eventually(lambda: source.handed >= FILE_DEPTH)
    time.sleep(0.05)
    assert source.handed <= FILE_DEPTH + 3
    observations.close()
