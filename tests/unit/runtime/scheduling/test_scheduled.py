"""Detectors and engines that go through the scheduler."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.runtime.scheduling.stand_in_engine import LANE, LONG_S, TERMS, Gate, put, result

from sightline.config import SchedulerOptions
from sightline.errors import (
    DeadlineExceeded,
    Overloaded,
)
from sightline.protocols import Engine
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledDetector, ScheduledEngine
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Detections, Floats, Frame, Pixels


def test_the_engine_keeps_its_face(make: Any) -> None:
    scheduler, engine = make()
    facade: Engine = ScheduledEngine(scheduler, "m", TERMS)
    assert facade.info == engine.info
    facade.close()
    assert not engine.closed
    assert result(put(scheduler, 1)) == [1]


# Detectors.


class OnePerFrame:
    """A detector that finds one object, scored by the picture's first byte."""

    class_names = ("thing",)

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> OnePerFrame:
        return OnePerFrame(wrap(self.engine))

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        def fill(x: Pixels) -> None:
            for frame, out in zip(frames, x, strict=True):
                out[...] = frame.index

        def read(outputs: Sequence[Floats]) -> list[Detections]:
            return [
                Detections(np.zeros((1, 4), np.float32), row.copy(), np.zeros(1, np.int64))
                for row in outputs[0]
            ]

        return self.engine.submit((len(frames), *LANE), fill, read)

    def close(self) -> None:
        raise AssertionError("it is not the scheduler's to close")


def frame(index: int, captured_at: float | None = None) -> Frame:
    at = time.monotonic() if captured_at is None else captured_at
    return Frame("s", index, 0.0, at, picture=None)  # type: ignore[arg-type]


def test_a_scheduled_detector_detects_like_the_detector(make: Any) -> None:
    scheduler, engine = make()
    detector = ScheduledDetector(scheduler, "m", OnePerFrame(engine), TERMS)
    assert detector.class_names == ("thing",)
    for count in (0, 1, 3):
        found = result(detector.submit([frame(i) for i in range(count)]))
        assert [float(d.scores[0]) for d in found] == list(range(count))
    detector.close()


def test_frames_age_from_when_they_were_captured(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate)
    first = put(scheduler, 1)
    gate.wait_until_entered()
    detector = ScheduledDetector(scheduler, "m", OnePerFrame(engine), Terms("s", max_age_s=5.0))
    new, old = (detector.submit([frame(i, time.monotonic() - age)]) for i, age in ((2, 0), (3, 9)))
    with pytest.raises(DeadlineExceeded, match="older than its maximum age"):
        result(old)
    gate.open.set()
    assert float(result(new)[0].scores[0]) == 2
    assert result(first) == [1]


def test_frames_before_a_refused_one_are_given_up(make: Any) -> None:
    gate = Gate()
    scheduler, engine = make(gate, queue=2)
    first = put(scheduler, 1)
    gate.wait_until_entered()
    detector = ScheduledDetector(scheduler, "m", OnePerFrame(engine), TERMS)
    with pytest.raises(Overloaded):
        detector.submit([frame(i) for i in range(3)])
    gate.open.set()
    assert result(first) == [1]
    assert scheduler.drain(LONG_S)
    assert scheduler.stats().outcomes["cancelled"] == 2


# The real thing.


class Watched:
    """An engine that notes the sizes of its batches."""

    def __init__(self, engine: Engine) -> None:
        self.info = engine.info
        self.sizes: list[int] = []
        self._engine = engine

    def submit(self, shape: Any, fill: Any, read: Any) -> Future[Any]:
        self.sizes.append(shape[0])
        return self._engine.submit(shape, fill, read)

    def close(self) -> None:
        raise AssertionError("it is not the scheduler's to close")


def test_a_real_detector_finds_the_same_through_the_scheduler(
    data: Path, bus: Pixels, frame_of: Callable[[Pixels], Frame]
) -> None:
    from sightline import build
    from sightline.config import ModelOptions
    from sightline.models.detector import EngineDetector

    detector = build.detector(
        ModelOptions(model=str(data / "models" / "yolox_nano.onnx"), backend="openvino")
    )
    assert isinstance(detector, EngineDetector)
    frames = [frame_of(bus)] * 6
    thresholds = (0.1, 0.25, 0.4, 0.55, 0.7, 0.25)
    scheduler = Scheduler(SchedulerOptions(refuse_after=1000))
    engine = Watched(detector.engine)
    scheduler.add("yolox", engine, (1, 2, 4))
    width, height = detector.canvas((frames[0].width, frames[0].height))
    scheduler.warm_up("yolox", (width, height))
    expected = [
        detector.replaced(conf=conf).submit([f]).result()[0]
        for f, conf in zip(frames, thresholds, strict=True)
    ]
    assert len({len(found) for found in expected}) > 2  # or the test would show nothing
    futures = [
        detector.replaced(conf=conf)
        .with_engines(lambda _, i=i: ScheduledEngine(scheduler, "yolox", Terms(f"{i}")))  # type: ignore[misc]
        .submit([f])
        for i, (f, conf) in enumerate(zip(frames * 5, thresholds * 5, strict=True))
    ]
    for future, alone in zip(futures, expected * 5, strict=True):
        (found,) = result(future)
        assert found.class_ids.tolist() == alone.class_ids.tolist()
        np.testing.assert_allclose(found.boxes, alone.boxes, atol=0.5)
        np.testing.assert_allclose(found.scores, alone.scores, atol=0.01)
    assert 4 in engine.sizes[-10:]  # they were joined
    scheduler.close()
    detector.close()
