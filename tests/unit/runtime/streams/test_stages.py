"""What the stage that tracks hands to trackers: frames to those that look at them, times to others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sightline.runtime.streams.stages import Track
from sightline.sources.pictures import ArrayPicture
from sightline.tracking.bytetrack import ByteTrack
from sightline.types import Detections, Frame, Observation


class Noting:
    """A tracker that notes what it is handed."""

    def __init__(self) -> None:
        self.handed: list[Any] = []

    def update(self, detections: Detections, time: Any = None) -> Detections:
        self.handed.append(time)
        return detections

    def predict(self, time: Any = None) -> Detections:
        self.handed.append(time)
        return Detections.empty()

    def reset(self) -> None: ...


class Looking(Noting):
    takes_frames = True


class NotNow(Noting):
    takes_frames = False


@pytest.mark.parametrize(
    ("kind", "frames"),
    [
        pytest.param(Noting, False, id="of times"),
        pytest.param(Looking, True, id="of frames"),
        pytest.param(NotNow, False, id="that could, and does not want to"),
    ],
)
def test_a_tracker_is_handed_what_it_takes(kind: type[Noting], frames: bool) -> None:
    tracker = kind()
    frame = Frame("s", 3, 0.12, 0.0, ArrayPicture(np.zeros((8, 8, 3), np.uint8)))
    Track(tracker).settle(Observation(frame, Detections.empty()), None)
    assert tracker.handed == [frame if frames else 0.12]


def test_a_tracker_of_the_program_sees_the_frames() -> None:
    """With `camera_motion` it would refuse a time."""
    frame = Frame("s", 0, 0.0, 0.0, ArrayPicture(np.zeros((64, 64, 3), np.uint8)))
    stage = Track(ByteTrack(camera_motion="affine"))
    seen = stage.settle(Observation(frame, Detections.empty()), None)
    assert len(seen.detections) == 0
