"""One frame in so many seconds is looked at, and nothing of the stream is changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.runtime.hard_frames.scenes import seen

from sightline.monitoring.profiles.profiler import Profiler
from sightline.runtime.hard_frames.collector import HardFrameCollector, RetentionLimits
from sightline.runtime.hard_frames.folder import HardFrameFolder
from sightline.runtime.hard_frames.stage import CollectHardFrames
from sightline.types import DriftStatus


@pytest.fixture
def collector(tmp_path: Path) -> HardFrameCollector:
    folder = HardFrameFolder(tmp_path, "street")
    return HardFrameCollector(RetentionLimits("gate", 100, 30, 10**8), folder, live=False)


def test_a_frame_a_second_is_looked_at(collector: HardFrameCollector) -> None:
    stage = CollectHardFrames(collector, Profiler(1.0), ("drifted",), lambda: DriftStatus("drift"))
    for index in range(20):  # five a second
        one = seen(index)
        assert stage.submit(one) is None
        assert stage.settle(one, None) is one
    assert collector.status().collected == {"drifted": 4}


def test_frames_of_a_camera_that_has_drifted_are_hard(collector: HardFrameCollector) -> None:
    status = DriftStatus("drift", anomaly=3.0)
    stage = CollectHardFrames(collector, Profiler(1.0), ("drifted", "anomalous"), lambda: status)
    stage.settle(seen(0), None)
    assert collector.status().collected == {"drifted": 1, "anomalous": 1}
