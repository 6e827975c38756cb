"""A detector behind the scheduler: one with several engines is served as one with a single engine is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sightline import build
from sightline.cli import bench
from sightline.config import (
    ByteTrackOptions,
    EngineOptions,
    FusionOptions,
    ModelOptions,
    SchedulerOptions,
)
from sightline.models.composites.ensemble import EnsembleDetector, EnsembleMember
from sightline.models.composites.parts import conf_of
from sightline.protocols import Detector, SharedDetector, TrackableDetector
from sightline.runtime.repository.served_model import ExpectedUse, SharedModel
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledDetector
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.runtime.service import ModelService
from sightline.tracking.bytetrack import ByteTrack
from sightline.types import Frame, Pixels

FrameOf = Callable[..., Frame]
PATIENT = SchedulerOptions(urgent_ms=1e4, normal_ms=1e4, batch_ms=1e4)


@pytest.fixture
def pair(constant_model: Callable[..., Path]) -> Iterator[EnsembleDetector]:
    """Two models with inputs of different sizes: the first finds a person, the second a car."""

    def member(class_id: int, size: int) -> SharedDetector:
        rows = np.zeros((1, 25, 6), np.float32)
        rows[0, 0] = (8, 16, 32, 48, 0.9 - class_id / 10, class_id)
        path = constant_model(
            [rows], name=f"model{class_id}", batch="batch", size=(size, size),
            metadata={"names": "['person', 'car']"},
        )  # fmt: skip
        engine = EngineOptions(requests=1, threads=1)
        made = build.detector(ModelOptions(model=str(path), backend="onnxruntime", engine=engine))
        assert isinstance(made, SharedDetector)
        return made

    members = [EnsembleMember(member(0, 64)), EnsembleMember(member(1, 128))]
    made = EnsembleDetector(members, FusionOptions(fusion="nms", conf=0.5))
    yield made
    made.close()


@pytest.fixture
def picture() -> Pixels:
    return np.random.default_rng(1).integers(0, 255, (96, 128, 3), np.uint8)


def test_a_service_runs_every_engine_of_a_detector(pair: EnsembleDetector, picture: Pixels) -> None:
    with ModelService(pair, PATIENT) as service:
        found = service.predict_sync(picture)
        assert found.class_ids.tolist() == [0, 1]
        assert service.predict_sync(picture, classes="car").class_ids.tolist() == [1]
        ran = {
            name: model.outcomes["done"] for name, model in service.scheduler.stats().models.items()
        }
    assert ran == {"model": 2, "model:2": 2}


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(None, id="clients"),
        pytest.param(ExpectedUse(1, live=True), id="one camera"),
        pytest.param(ExpectedUse(3), id="three recordings"),
    ],
)
def test_each_engine_is_warmed_up_at_its_own_size(
    pair: EnsembleDetector, expected: ExpectedUse | None
) -> None:
    run: dict[int, set[tuple[int, int, int]]] = {}

    class Noting:
        def __init__(self, place: int) -> None:
            self.engine = pair.engines[place]
            self.info, self.close = self.engine.info, self.engine.close
            self.shapes = run.setdefault(place, set())

        def submit(self, shape, fill, read):  # type: ignore[no-untyped-def]
            self.shapes.add(shape)
            return self.engine.submit(shape, fill, read)

    places = iter(range(2))
    noting = pair.with_engines(lambda _: Noting(next(places)))  # type: ignore[arg-type, return-value]
    scheduler = Scheduler(PATIENT)
    try:
        model = SharedModel("pair", noting, scheduler)
        model.add()
        model.warm_up(expected)
    finally:
        scheduler.close()
    assert [{shape[1:] for shape in run[place]} for place in run] == [{(64, 64)}, {(128, 128)}]


def test_a_stream_s_detector_runs_every_engine(
    pair: EnsembleDetector, frame_of: FrameOf, picture: Pixels
) -> None:
    scheduler = Scheduler(PATIENT)
    try:
        SharedModel("pair", pair, scheduler).add()
        detector: Detector = ScheduledDetector(scheduler, "pair", pair, Terms("camera"))
        (found,) = detector.submit([frame_of(picture)]).result(timeout=60)
    finally:
        scheduler.close()
    assert found.class_ids.tolist() == [0, 1]


def test_its_thresholds_suit_a_tracker(
    pair: EnsembleDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(pair, TrackableDetector)
    suited, make = build.for_tracking(pair, ByteTrackOptions())
    tracker = make()
    assert isinstance(tracker, ByteTrack)
    assert (suited.conf, tracker.low_threshold, tracker.high_threshold) == (0.1, 0.1, 0.5)
    assert isinstance(suited, EnsembleDetector)
    assert {conf_of(member.detector) for member in suited.members} == {0.1}
    own = {"high_threshold": 0.7, "low_threshold": 0.2, "new_track_threshold": 0.8}
    monkeypatch.setattr(EnsembleDetector, "tracker_options", own)
    suited, make = build.for_tracking(pair)
    tracker = make()
    assert isinstance(tracker, ByteTrack)
    assert (suited.conf, tracker.high_threshold, tracker.new_track_threshold) == (0.2, 0.7, 0.8)


def test_it_can_be_measured(pair: EnsembleDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "detector", lambda _: pair)
    street = "street://?width=128&height=96&duration=1"
    options = ["--model", "street", "--frames", "10", "--rounds", "1", "--json"]
    result = CliRunner().invoke(bench.app, ["video", street, *options])
    assert result.exit_code == 0, result.output
    assert '"input": [64, 64]' in result.output
