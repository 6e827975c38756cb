"""Many streams: each alone, all accounted for, nothing left behind."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import cv2
import numpy as np
import pytest
from tests.waiting import wait_for

from sightline.config import StreamOptions
from sightline.errors import Conflict, InferenceError, NotFound, Overloaded, SinkError, SourceError
from sightline.protocols import Sink
from sightline.runtime.streams.feed import FEED_DEPTH
from sightline.runtime.streams.fleet import Fleet
from sightline.runtime.streams.parts import StreamParts
from sightline.runtime.streams.pipeline import Pipeline
from sightline.runtime.streams.record import StreamRecord
from sightline.runtime.streams.selection import AdaptiveSelection
from sightline.runtime.streams.stages import DetectObjects
from sightline.sources.pictures import ArrayPicture
from sightline.types import (
    Detections,
    Frame,
    Observation,
    RunState,
    SourceState,
    SourceStatus,
    StreamInfo,
    StreamStats,
)

PICTURE = np.full((48, 64, 3), 200, np.uint8)


class Camera:
    """Frames at 100 a second until it is closed, or until it breaks."""

    def __init__(self, name: str, breaks_at: int | None = None) -> None:
        self.name, self.breaks_at = name, breaks_at
        self.closed = threading.Event()
        self.handed = 0
        self.state = SourceState.CONNECTING

    def open(self) -> StreamInfo:
        if self.closed.is_set():
            raise SourceError("closed")
        self.state = SourceState.RUNNING
        return StreamInfo(self.name, 64, 48, fps=100, live=True)

    def __iter__(self) -> Iterator[Frame]:
        while not self.closed.wait(0.01):
            if self.handed == self.breaks_at:
                self.state = SourceState.FAILED
                raise SourceError(f"{self.name}: the cable is cut")
            self.handed += 1
            picture = ArrayPicture(PICTURE)
            yield Frame(self.name, self.handed - 1, self.handed / 100, time.monotonic(), picture)

    @property
    def status(self) -> SourceStatus:
        return SourceStatus(self.state, self.handed)

    def close(self) -> None:
        self.closed.set()
        if self.state is not SourceState.FAILED:
            self.state = SourceState.ENDED


class OneCar:
    """A detector that sees one car; it may be slow, or broken for some streams."""

    class_names = ("person", "bicycle", "car")

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(2)
        self.broken: set[str] = set()

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        return self.pool.submit(self._detect, frames)

    def _detect(self, frames: Sequence[Frame]) -> list[Detections]:
        if frames[0].stream in self.broken:
            raise InferenceError("engine broke")
        found = Detections(
            np.array([[8, 8, 40, 40]], np.float32), np.array([0.9], np.float32),
            np.array([2], np.int64), class_names=self.class_names,
        )  # fmt: skip
        return [found] * len(frames)

    def close(self) -> None:
        self.pool.shutdown()


class Kept:
    """A sink that keeps what it gets; it may fail."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.indices: list[int] = []
        self.fails_at = fails_at
        self.closed = 0

    def open(self, stream: StreamInfo) -> None: ...

    def write(self, observation: Observation) -> None:
        if len(self.indices) == self.fails_at:
            raise SinkError("disk is full")
        self.indices.append(observation.frame.index)

    def close(self) -> None:
        self.closed += 1


class House:
    """Makes the parts of streams, and keeps hold of them."""

    def __init__(self) -> None:
        self.detector = OneCar()
        self.kind = Camera
        self.cameras: dict[str, Camera] = {}
        self.sinks: dict[str, Kept] = {}
        self.breaks_at: dict[str, int] = {}
        self.ended: dict[str, RunState] = {}

    def make(self, name: str, options: StreamOptions, record: StreamRecord) -> StreamParts:
        if options.source == "nowhere":
            raise SourceError("nowhere is no source")
        camera = self.cameras[name] = self.kind(name, self.breaks_at.get(name))
        sink = self.sinks.setdefault(name, Kept())
        sinks: list[Sink] = [sink]
        chosen = AdaptiveSelection(options.adaptive, record, lambda: camera.status)
        pipeline = Pipeline([DetectObjects(self.detector)], chosen, record)

        def close(state: RunState) -> None:
            self.ended[name] = state
            sink.close()

        return StreamParts(camera, pipeline, sinks, "cam://", "default", close)


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.detector.close()


@pytest.fixture
def fleet(house: House) -> Iterator[Fleet]:
    made = Fleet(house.make, limit=5)
    yield made
    made.close()


ANY = StreamOptions(source="anything")


eventually = partial(wait_for, timeout_s=60)


def analyzed(fleet: Fleet, name: str, least: int) -> None:
    eventually(lambda: fleet.stats()[name].analyzed >= least)


def adds_up(stats: StreamStats) -> bool:
    return stats.read == stats.analyzed + sum(stats.dropped.values()) + stats.pending


def test_streams_run_side_by_side_and_add_up(fleet: Fleet) -> None:
    for name in ("a", "b", "c"):
        fleet.add(name, ANY)
    for name in ("a", "b", "c"):
        analyzed(fleet, name, 20)
        stats = fleet.stats()[name]
        assert stats.state == "running"
        assert adds_up(stats)
        assert stats.objects == stats.analyzed
    assert sorted(fleet.names()) == ["a", "b", "c"]


def test_a_stream_that_breaks_is_reported_and_alone(fleet: Fleet, house: House) -> None:
    house.breaks_at["bad"] = 10
    fleet.add("bad", ANY)
    fleet.add("good", ANY)
    eventually(lambda: fleet.stats()["bad"].state == "failed")
    bad = fleet.stats()["bad"]
    assert bad.error == "bad: the cable is cut"
    assert (bad.read, bad.pending) == (10, 0)
    assert adds_up(bad)
    eventually(lambda: house.sinks["bad"].closed == 1)
    fleet.remove("good")
    assert house.ended == {"bad": "failed", "good": "interrupted"}
    fleet.add("good", ANY)
    before = fleet.stats()["good"].analyzed
    analyzed(fleet, "good", before + 10)


def test_a_failing_engine_is_shown_and_survived(fleet: Fleet, house: House) -> None:
    fleet.add("cam", ANY)
    analyzed(fleet, "cam", 5)
    house.detector.broken.add("cam")
    eventually(lambda: fleet.stats()["cam"].dropped.get("failed", 0) >= 5)
    assert fleet.stats()["cam"].error == "engine broke"
    house.detector.broken.clear()
    analyzed(fleet, "cam", fleet.stats()["cam"].analyzed + 5)
    assert fleet.stats()["cam"].error is None
    assert adds_up(fleet.stats()["cam"])


def test_a_camera_goes_on_while_its_sink_fails(
    fleet: Fleet, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.runtime.streams.resilient_sink.RETRY_S", 0.05)
    sink = house.sinks["bad"] = Kept(fails_at=3)
    fleet.add("bad", ANY)
    fleet.add("good", ANY)
    eventually(lambda: fleet.stats()["bad"].lost >= 10)
    stats = fleet.stats()["bad"]
    assert (stats.state, stats.error) == ("degraded", "disk is full")
    assert adds_up(stats)
    sink.fails_at = None
    eventually(lambda: fleet.stats()["bad"].state == "running")
    stats = fleet.stats()["bad"]
    assert stats.error is None
    fleet.pause("bad")
    eventually(lambda: fleet.stats()["bad"].pending == 0)
    eventually(lambda: fleet.stats()["bad"].analyzed == len(sink.indices) + stats.lost)
    analyzed(fleet, "good", 10)
    assert fleet.stats()["good"].lost == 0


def test_the_limit_refuses_the_one(fleet: Fleet) -> None:
    for number in range(5):
        fleet.add(f"cam{number}", ANY)
    with pytest.raises(Overloaded, match="limit"):
        fleet.add("one-more", ANY)
    fleet.remove("cam0")
    fleet.add("one-more", ANY)
    analyzed(fleet, "one-more", 3)


def test_names_are_unique_and_free_again(fleet: Fleet) -> None:
    fleet.add("cam", ANY)
    with pytest.raises(Conflict):
        fleet.add("cam", ANY)
    fleet.remove("cam")
    with pytest.raises(NotFound):
        fleet.remove("cam")
    with pytest.raises(SourceError):
        fleet.add("cam", StreamOptions(source="nowhere"))
    fleet.add("cam", ANY)
    analyzed(fleet, "cam", 3)


def test_pause_keeps_the_source_and_resume_goes_on(fleet: Fleet) -> None:
    fleet.add("cam", ANY)
    analyzed(fleet, "cam", 3)
    fleet.pause("cam")
    eventually(lambda: fleet.stats()["cam"].dropped.get("paused", 0) >= 5)
    assert fleet.stats()["cam"].state == "paused"
    fleet.resume("cam")
    analyzed(fleet, "cam", fleet.stats()["cam"].analyzed + 5)
    assert fleet.stats()["cam"].state == "running"
    for name in ("pause", "resume", "version", "snapshot", "remove"):
        with pytest.raises(NotFound):
            getattr(fleet, name)("nobody")


def test_snapshots(fleet: Fleet) -> None:
    fleet.add("cam", ANY)
    analyzed(fleet, "cam", 3)

    def shown(*, annotated: bool) -> np.ndarray:
        return cv2.imdecode(np.frombuffer(fleet.snapshot("cam", annotated=annotated), np.uint8), 1)

    plain, drawn = shown(annotated=False), shown(annotated=True)
    assert plain.shape == drawn.shape == (48, 64, 3)
    assert np.abs(plain.astype(int) - 200).max() < 5
    assert np.abs(drawn.astype(int) - 200).max() > 50
    version = fleet.version("cam")
    eventually(lambda: fleet.version("cam") > version)


def test_a_slow_subscriber_loses_the_oldest_only(fleet: Fleet) -> None:
    fleet.add("cam", ANY)
    with fleet.subscribe() as quick, fleet.subscribe() as slow:
        for _ in range(FEED_DEPTH + 20):
            stream, line = quick.get(timeout=20)
            assert stream == "cam"
            assert json.loads(line)["objects"][0]["class"] == "car"
        eventually(slow.full)
        frames = [json.loads(slow.get(timeout=20).line)["frame"] for _ in range(FEED_DEPTH)]
        assert frames == sorted(frames)
        assert frames[0] > 0


def test_closing_ends_everything(house: House) -> None:
    fleet = Fleet(house.make)
    for number in range(10):
        fleet.add(f"cam{number}", ANY)
    analyzed(fleet, "cam9", 1)
    fleet.close()
    fleet.close()
    assert all(camera.closed.is_set() for camera in house.cameras.values())
    assert all(sink.closed == 1 for sink in house.sinks.values())
    assert not [t for t in threading.enumerate() if t.name.startswith("stream-cam")]
    eventually(lambda: not [t for t in threading.enumerate() if t.name.startswith("read-cam")])
    with pytest.raises(Overloaded):
        fleet.add("late", ANY)


class StuckCamera(Camera):
    """Its iteration ends when a test says so."""

    def __init__(self, name: str, breaks_at: int | None = None) -> None:
        super().__init__(name, breaks_at)
        self.stuck = threading.Event()
        self.freed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        yield from super().__iter__()
        self.stuck.set()
        assert self.freed.wait(60)


def test_a_source_that_does_not_end_keeps_no_output_open(fleet: Fleet, house: House) -> None:
    house.kind = StuckCamera
    fleet.add("cam", ANY)
    analyzed(fleet, "cam", 3)
    camera = house.cameras["cam"]
    assert isinstance(camera, StuckCamera)
    try:
        assert fleet.remove("cam")
        assert house.sinks["cam"].closed == 1
        assert camera.stuck.wait(20)  # only now it could have ended
    finally:
        camera.freed.set()


def test_cameras_that_close_slowly_do_so_at_the_same_time(fleet: Fleet, house: House) -> None:
    together = threading.Barrier(3)

    class Slow(Camera):
        def close(self) -> None:
            if threading.current_thread().name.startswith("stop-"):
                together.wait(20)
            super().close()

    house.kind = Slow
    for name in "abc":
        fleet.add(name, ANY)
        analyzed(fleet, name, 1)
    fleet.close()
    assert not together.broken
    assert all(sink.closed == 1 for sink in house.sinks.values())


def test_a_frame_that_waits_for_its_turn_does_not_hold_up_the_end(
    fleet: Fleet, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[Future[list[Detections]]] = []

    def submit(_: Sequence[Frame]) -> Future[list[Detections]]:
        waiting.append(Future())
        return waiting[-1]

    monkeypatch.setattr(house.detector, "submit", submit)
    fleet.add("file", ANY)
    eventually(lambda: len(waiting) > 1)
    assert fleet.remove("file")
    assert house.sinks["file"].closed == 1
    assert waiting[0].cancelled()


def test_an_output_that_cannot_be_closed_in_time_is_told_and_keeps_its_name(
    fleet: Fleet, house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free = threading.Event()
    monkeypatch.setattr(Kept, "close", lambda _: free.wait(60))
    fleet.add("cam", ANY)
    analyzed(fleet, "cam", 3)
    try:
        assert not fleet.remove("cam", timeout_s=0.05)
        assert "stream cam has not ended after 0.05 s: its outputs are not closed" in caplog.text
        assert fleet.ending() == ["cam"]
        assert fleet.names() == []
        assert "cam" in fleet.options()  # nobody may write to its files
        with pytest.raises(Conflict, match="being ended"):
            fleet.add("cam", ANY)
        with pytest.raises(NotFound):
            fleet.remove("cam")
    finally:
        free.set()
    eventually(lambda: not fleet.ending())
    assert not fleet.options()
    fleet.add("cam", ANY)
    analyzed(fleet, "cam", 3)
    assert fleet.remove("cam")


def test_adding_and_removing_at_once_leaves_nothing(house: House) -> None:
    fleet = Fleet(house.make)
    fleet.add("steady", ANY)
    analyzed(fleet, "steady", 5)
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    outcomes: list[str] = []

    def churn() -> None:
        for _ in range(20):
            for act in (lambda: fleet.add("cam", ANY), lambda: fleet.remove("cam")):
                try:
                    act()
                    outcomes.append("done")
                except (Conflict, NotFound) as exc:
                    outcomes.append(type(exc).__name__)

    churners = [threading.Thread(target=churn) for _ in range(4)]
    for thread in churners:
        thread.start()
    for thread in churners:
        thread.join(60)
    if "cam" in fleet.names():
        fleet.remove("cam")
    assert len(outcomes) == 160
    assert {"done", "Conflict", "NotFound"} >= set(outcomes)
    eventually(lambda: threading.active_count() <= threads)
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1  # noqa: PTH208
    analyzed(fleet, "steady", 5)
    fleet.close()
