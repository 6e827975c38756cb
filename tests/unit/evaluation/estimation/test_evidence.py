"""Evidence of single frames, and of parts that belong to different times."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.evaluation.estimation.simulated import NAMES, footage

from sightline.evaluation.estimation.evidence import (
    DetectionEvidence,
    SeenFrame,
    evidence,
    evidence_with_reference,
    frame_evidence,
    joined_evidence,
)
from sightline.types import Detections

SEEN = footage(5, skill=0.6, frames=7).seen
ARRAYS = ("classes", "scores", "features", "missed_classes", "missed_features")


def same(one: DetectionEvidence, other: DetectionEvidence) -> None:
    assert one.frames == other.frames
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("kept", "missed"):
        assert [mask.tolist() for mask in getattr(one, name)] == [
            mask.tolist() for mask in getattr(other, name)
        ]


def thing(score: float, left: float = 10) -> Detections:
    box = np.array([[left, 10, left + 50, 60]], np.float32)
    return Detections(box, np.array([score], np.float32), np.array([0]), class_names=NAMES)


def test_parts_of_a_film_come_to_what_the_whole_does() -> None:
    each = [
        frame_evidence(
            frame,
            SEEN[number - 1].found if number else None,
            SEEN[number + 1].found if number + 1 < len(SEEN) else None,
        )
        for number, frame in enumerate(SEEN)
    ]
    same(joined_evidence(each, referred=True), evidence_with_reference(SEEN))
    assert evidence(SEEN).features.shape[1] < each[0].features.shape[1]


def test_moments_of_different_times_are_no_neighbours() -> None:
    """The same object at two moments of one frame each is seen in none of the frames around them."""
    alone = frame_evidence(SeenFrame(thing(0.6)))
    two = joined_evidence([alone, alone])
    assert two.features[:, 4:].max() == 0
    same(two, evidence([SeenFrame(thing(0.6))] * 2, still=True))
    between = frame_evidence(SeenFrame(thing(0.6)), thing(0.3), thing(0.005))
    assert between.features[0, 4] == pytest.approx(0.3)
    assert between.features[0, 5] == 0  # hardly anybody has seen it afterwards


def test_nothing_is_evidence_of_the_right_shape() -> None:
    nothing = frame_evidence(SeenFrame(Detections.empty(NAMES), Detections.empty(NAMES)))
    assert nothing.frames == 1
    for parts, referred, columns in (((), False, 7), ((), True, 10), ((nothing,), True, 10)):
        found = joined_evidence(parts, referred=referred)
        assert found.features.shape == (0, columns)
        assert found.missed_features.shape == (0, 3)
        assert found.frames == len(parts)
