"""What a stream's collector counts."""

from __future__ import annotations

import numpy as np

from sightline.monitoring.history.collecting import (
    CollectHistory,
    StreamCollector,
    StreamCollectors,
)
from sightline.monitoring.profiles.profiler import Profiler
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame, Observation


def seen(number: int, tracks: list[int] | None) -> Observation:
    picture = np.full((48, 64, 3), 40, np.uint8)
    frame = Frame("gate", number, float(number), 0.0, ArrayPicture(picture))
    count = 2 if tracks is None else len(tracks)
    boxes = np.tile(np.array([[2, 2, 20, 20]], np.float32), (count, 1))
    found = Detections(
        boxes, np.full(count, 0.9, np.float32), np.arange(count) % 2, class_names=("car", "bus"),
        track_ids=None if tracks is None else np.array(tracks),
    )  # fmt: skip
    return Observation(frame, found)


def test_each_track_is_counted_once_by_class() -> None:
    collector = StreamCollector()
    stage = CollectHistory(collector, Profiler(1.0))
    for number, tracks in enumerate([[1, 2], [1, 2], [2, 3]]):
        observation = seen(number, tracks)
        assert stage.settle(observation, None) is observation
    found = collector.take()
    # 1 is a car and 2 a bus at first; 3 comes in the second place.
    assert found.parts("arrived") == {"car": 1, "bus": 2}
    assert found.counts["samples"] == 3
    assert sum(found.histograms["brightness"].values()) == 3
    assert not collector.take()


def test_what_is_not_tracked_is_counted_in_samples() -> None:
    collector = StreamCollector()
    stage = CollectHistory(collector, Profiler(1.0))
    stage.settle(seen(0, None), None)
    found = collector.take()
    assert found.parts("arrived") == {}
    assert found.parts("classes") == {"car": 1, "bus": 1}


def test_ages_become_a_histogram() -> None:
    collector = StreamCollector()
    for age in (0.01, 0.01, 2.0):
        collector.analyzed(age)
    assert sorted(collector.take().histograms["latency"].values()) == [1, 2]


def test_collectors_go_with_the_streams_that_hold_them() -> None:
    collectors = StreamCollectors(1.0)
    gate, yard = collectors.of("gate"), collectors.of("yard")
    gate.analyzed(0.1)
    yard.analyzed(0.1)
    del gate
    assert not collectors.take("gate")
    assert collectors.take("yard")
