"""What the stage that tracks hands to trackers: frames to those that look at them, times to others."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from sightline.runtime.streams.stages import EmbedDetections, Track
from sightline.sources.pictures import ArrayPicture
from sightline.tracking.bytetrack import ByteTrack
from sightline.types import Detections, Floats, Frame, Observation


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


class Vectors:
    """An embedder whose vectors are the boxes' left edges."""

    dimensions = 1

    def submit(self, frame: Frame, boxes: Floats) -> Future[Floats]:
        done: Future[Floats] = Future()
        done.set_result(boxes[:, :1].copy())
        return done

    def with_engines(self, wrap: Any) -> Vectors:
        return self

    def close(self) -> None: ...


def test_vectors_are_made_of_sure_detections_with_a_box_and_stand_in_their_rows() -> None:
    boxes = [[3, 0, 9, 9], [5, 0, 9, 9], [7, 7, 7, 7], [float("nan")] * 4, [8, 0, 9, 9]]
    found = Detections(
        np.array(boxes, np.float32), np.array([0.9, 0.2, 0.9, 0.9, 0.5], np.float32),
        np.zeros(5, np.int64),
    )  # fmt: skip
    frame = Frame("s", 0, 0.0, 0.0, ArrayPicture(np.zeros((16, 16, 3), np.uint8)))
    seen, stage = Observation(frame, found), EmbedDetections(Vectors(), 0.5)
    begun = stage.submit(seen)
    assert begun is not None
    carried = stage.settle(seen, begun.result()).detections.embeddings
    assert carried is not None
    assert carried.tolist() == [[3], [0], [0], [0], [8]]
    assert stage.settle(seen, None).detections.embeddings is None  # it was late


@pytest.mark.parametrize("why", ["nothing found", "skipped"])
def test_nothing_is_embedded_where_nothing_was_found(why: str) -> None:
    frame = Frame("s", 0, 0.0, 0.0, ArrayPicture(np.zeros((16, 16, 3), np.uint8)))
    seen = Observation(frame, Detections.empty())
    assert (
        EmbedDetections(Vectors(), 0.5).submit(
            seen if why == "nothing found" else seen.without("detect", why)
        )
        is None
    )
