"""Measuring: every stage of every frame is counted, preparation and the end of a file are not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from sightline.build import decoders, pipeline
from sightline.config import ByteTrackOptions
from sightline.errors import SourceError
from sightline.models.detector import EngineDetector
from sightline.models.model_card import ModelCard
from sightline.runtime.measure import (
    STAGES,
    Stages,
    TimedEngine,
    measure_engine,
    measure_stages,
    measure_stream,
)
from sightline.tracking.bytetrack import ByteTrack
from sightline.types import Frame, SourceState, SourceStatus, StreamInfo


class FakeSource:
    def __init__(self, frames: Sequence[Frame], error: SourceError | None = None) -> None:
        self.frames, self.error, self.closed = frames, error, False

    def open(self) -> StreamInfo:
        return StreamInfo("fake", 64, 64)

    def __iter__(self) -> Iterator[Frame]:
        yield from self.frames
        if self.error is not None:
            raise self.error

    @property
    def status(self) -> SourceStatus:
        return SourceStatus(SourceState.RUNNING)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def make_frames(frame_of: Callable[..., Frame]) -> Callable[[int], list[Frame]]:
    return lambda count: [frame_of(np.zeros((64, 64, 3), np.uint8), i) for i in range(count)]


@pytest.fixture
def stages() -> Stages:
    return Stages()


@pytest.fixture
def timed(recording_engine: Any, stages: Stages) -> EngineDetector:
    """A detector around a timed engine whose inference takes 5 ms."""

    def answer(batch: object) -> list[Any]:
        time.sleep(0.005)
        return [np.zeros((1, 10, 6), np.float32)]

    card = ModelCard(name="fake", decoder="end-to-end", size=(64, 64), fixed_size=False)
    engine = TimedEngine(recording_engine(answer), stages)
    return EngineDetector(engine, card, decoders()["end-to-end"])


@pytest.mark.parametrize(
    ("count", "wanted", "measured"),
    [
        pytest.param(10, 5, 5, id="as many as asked for"),
        pytest.param(4, 5, 3, id="a short file"),
        pytest.param(1, 5, 0, id="one frame, for the preparation"),
    ],
)
def test_every_stage_of_every_frame_is_timed(
    timed: EngineDetector,
    stages: Stages,
    make_frames: Callable[[int], list[Frame]],
    count: int,
    wanted: int,
    measured: int,
) -> None:
    source = FakeSource(make_frames(count))
    measure_stages(source, timed, ByteTrack(), stages, wanted)
    assert {stage: len(stages.ms[stage]) for stage in STAGES} == dict.fromkeys(STAGES, measured)
    assert source.closed
    if measured:
        assert 5 <= stages.percentile("infer", 50) < 1000
        assert stages.share("infer") > 0.2
        assert sum(stages.share(stage) for stage in STAGES) == pytest.approx(1)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(None, "fake has no frames", id="empty"),
        pytest.param(SourceError("breaks off"), "breaks off", id="broken"),
    ],
)
def test_a_source_without_frames_is_a_source_error(
    timed: EngineDetector, stages: Stages, error: SourceError | None, message: str
) -> None:
    source = FakeSource([], error)
    with pytest.raises(SourceError, match=message):
        measure_stages(source, timed, ByteTrack(), stages, 5)
    assert source.closed


def test_stages_that_did_not_run_count_nothing(stages: Stages) -> None:
    assert stages.percentile("infer", 50) == 0
    assert stages.share("infer") == 0


def test_the_rate_of_an_engine(recording_engine: Any) -> None:
    class Slow:
        """Two requests of 10 ms side by side: 200 inferences a second."""

        def __init__(self) -> None:
            self.room = threading.Semaphore(2)
            self.count = 0

        def submit(self, shape: tuple[int, int, int], fill: Any, read: Any) -> Future[Any]:
            self.room.acquire()
            self.count += 1
            assert shape == (1, 32, 64)
            future: Future[Any] = Future()

            def finish() -> None:
                future.set_result(read([]))
                self.room.release()

            threading.Timer(0.01, finish).start()
            return future

    engine = Slow()
    rate = measure_engine(engine, (1, 32, 64), 0.4)  # type: ignore[arg-type]
    assert 20 < rate <= 205
    assert engine.count > 0.4 * rate  # the preparation is not in the rate


def test_what_is_in_flight_at_the_end_counts() -> None:
    class Late:
        """Every answer comes after the measurement."""

        def submit(self, shape: tuple[int, int, int], fill: Any, read: Any) -> Future[Any]:
            time.sleep(0.002)
            future: Future[Any] = Future()
            threading.Timer(0.1, lambda: future.set_result(read([]))).start()
            return future

    assert measure_engine(Late(), (1, 32, 64), 0.02) > 0  # type: ignore[arg-type]


def test_the_rate_of_a_stream(
    timed: EngineDetector, make_frames: Callable[[int], list[Frame]]
) -> None:
    assert (
        2 < measure_stream(FakeSource(make_frames(20)), pipeline(timed, ByteTrackOptions())) < 205
    )
    with pytest.raises(SourceError, match="breaks off"):
        measure_stream(FakeSource([], SourceError("breaks off")), pipeline(timed))


def test_a_timed_engine_is_the_engine(timed: EngineDetector) -> None:
    assert timed.engine.info.backend == "recording"
    timed.close()
    assert timed.engine.engine.closed
