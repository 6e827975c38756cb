"""What every stage must do: frames in order, in both methods, and one part added to each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from tests.fixed_detector import FixedDetector

from sightline.config import ClassifyOptions, DetectOptions, EmbedOptions, SegmentOptions
from sightline.protocols import Stage
from sightline.runtime.streams.classify import ClassifyTracks
from sightline.runtime.streams.embed import EmbedTracks
from sightline.runtime.streams.further_detectors.detect_in_objects import DetectInObjects
from sightline.runtime.streams.further_detectors.segment import SegmentObjects
from sightline.runtime.streams.stages import DetectAtLevel, DetectObjects, Track
from sightline.sources.stills import still_frame
from sightline.tracking.bytetrack import ByteTrack
from sightline.types import Detections, EmbedderInfo, Floats, Frame, Label, Observation

FOUND = Detections(
    np.array([[10, 10, 60, 90], [100, 20, 160, 80]], np.float32),
    np.array([0.9, 0.8], np.float32),
    np.array([0, 1], np.int64),
    class_names=("person", "car"),
    keypoints=np.ones((2, 4, 3), np.float32),
)
MASKED = replace(FOUND, masks=np.ones((2, 120, 200), np.bool_))


class FixedClassifier:
    """Says of everything that it is red."""

    attributes: ClassVar = {"colour": ("red", "blue")}

    def scores(self, frame: Frame, boxes: Floats) -> Future[list[Floats]]:
        future: Future[list[Floats]] = Future()
        future.set_result([np.tile(np.array([[0.9, 0.1]], np.float32), (len(boxes), 1))])
        return future

    def labels(self, scores: list[Floats]) -> list[tuple[Label, ...]]:
        return [(Label("colour", "red", float(row[0])),) for row in scores[0]]


class FixedEmbedder:
    """Sees the same in everything."""

    dimensions = 4
    info = EmbedderInfo("fixed", "0" * 64, 4)

    def submit(self, frame: Frame, boxes: Floats) -> Future[Floats]:
        future: Future[Floats] = Future()
        future.set_result(np.tile(np.array([[1, 0, 0, 0]], np.float32), (len(boxes), 1)))
        return future


EVERY: dict[str, Callable[[], Stage[Any]]] = {
    "detect": lambda: DetectObjects(FixedDetector(FOUND)),
    "detect at a level": lambda: DetectAtLevel([FixedDetector(FOUND)] * 2, lambda: 1),
    "track": lambda: Track(ByteTrack()),
    "classify": lambda: ClassifyTracks(FixedClassifier(), ClassifyOptions(model="m")),  # type: ignore[arg-type]
    "embed": lambda: EmbedTracks(FixedEmbedder(), EmbedOptions(model="m")),  # type: ignore[arg-type]
    "segment": lambda: SegmentObjects(
        FixedDetector(MASKED), SegmentOptions(model="m"), ("person", "car")
    ),
    "detect parts": lambda: DetectInObjects(
        FixedDetector(), DetectOptions(model="m"), ("person", "car")
    ),
}

PLACE = {"detect": 0, "track": 1, "classify": 2, "embed": 2, "segment": 2, "detect parts": 2}
"""What a stage of a name finds in an observation: that of those before it."""


@pytest.fixture(params=EVERY.values(), ids=EVERY.keys())
def stage(request: pytest.FixtureRequest) -> Stage[Any]:
    made: Stage[Any] = request.param()
    return made


def observation(stage: Stage[Any], index: int, *, skipped: str = "") -> Observation:
    """What the stages before this one have handed on."""
    frame = replace(still_frame(np.zeros((120, 200, 3), np.uint8)), index=index, time=index / 25)
    found = Detections.empty() if skipped or PLACE[stage.name] == 0 else FOUND
    if PLACE[stage.name] > 1:
        found = replace(found, track_ids=np.arange(len(found), dtype=np.int64) + 1)
    seen = Observation(frame, found)
    return seen.without("detect", skipped) if skipped else seen


def run(stage: Stage[Any], seen: Observation) -> Observation:
    begun = stage.submit(seen)
    return stage.settle(seen, None if begun is None else begun.result(10))


def test_it_is_a_stage_with_a_name(stage: Stage[Any]) -> None:
    assert isinstance(stage, Stage)
    assert stage.name in PLACE


def test_the_frame_goes_on_and_the_objects_keep_their_fields(stage: Stage[Any]) -> None:
    for index in range(4):
        before = observation(stage, index)
        after = run(stage, before)
        assert after.frame is before.frame
        assert after.missing == before.missing
        assert len(after.detections) == 2
        assert after.detections.keypoints is not None
        assert before.detections.boxes.shape in {(0, 4), (2, 4)}, "what came in is as it was"


def test_several_frames_may_be_begun_before_the_first_is_settled(stage: Stage[Any]) -> None:
    seen = [observation(stage, index) for index in range(5)]
    begun = [stage.submit(one) for one in seen]
    for one, future in zip(seen, begun, strict=True):
        after = stage.settle(one, None if future is None else future.result(10))
        assert after.frame is one.frame


def test_nothing_was_begun(stage: Stage[Any]) -> None:
    """A part that is missing leaves the rest as it was."""
    run(stage, observation(stage, 0))
    before = observation(stage, 1, skipped="skipped")
    after = stage.settle(before, None)
    assert after.frame is before.frame
    assert after.missing == {"detect": "skipped"}


def test_instances_know_nothing_of_one_another() -> None:
    for make in EVERY.values():
        one, other = make(), make()
        for index in range(3):
            first = run(one, observation(one, index))
        again = run(other, observation(other, 0))
        again = run(other, observation(other, 1))
        again = run(other, observation(other, 2))
        ids, others = first.detections.track_ids, again.detections.track_ids
        assert (ids is None) == (others is None)
        assert ids is None or np.array_equal(ids, others)  # type: ignore[arg-type]
        assert first.labels == again.labels
