"""Numbers that are none: which objects go, and how often outputs are looked at."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.models.finite import FiniteObjects
from sightline.types import Detections


def objects(**parts: object) -> Detections:
    boxes = np.tile(np.array([1, 2, 3, 4], np.float32), (3, 1))
    return Detections(boxes, np.full(3, 0.5, np.float32), np.zeros(3, np.int64), **parts)  # type: ignore[arg-type]


def test_whole_objects_are_handed_on_as_they_are() -> None:
    found = objects()
    assert FiniteObjects("m").kept(found) is found


def test_a_keypoint_or_an_angle_that_is_no_number() -> None:
    points = np.zeros((3, 2, 3), np.float32)
    points[1, 0, 0] = np.nan
    assert len(FiniteObjects("m").kept(objects(keypoints=points))) == 2
    angles = np.array([0, np.inf, np.nan], np.float32)
    assert len(FiniteObjects("m").kept(objects(angles=angles))) == 1


@pytest.mark.parametrize("part", ["keypoints", "angles"])
def test_a_picture_without_objects(part: str) -> None:
    shape = {"keypoints": (0, 17, 3), "angles": (0,)}[part]
    none = objects(**{part: np.zeros((3, *shape[1:]), np.float32)})[np.zeros(0, np.int64)]
    assert FiniteObjects("m").kept(none) is none


def test_outputs_are_looked_at_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    finite, now = FiniteObjects("m"), 0
    real = np.isnan
    monkeypatch.setattr(np, "isnan", lambda array: (looked.append(now), real(array))[1])
    for now in range(1, 20):  # noqa: B007 - the lambda reads it
        finite.look([[], []], [np.zeros(3, np.float32)])
        finite.look([[], [1]], [])
    assert looked == [1, 2, 4, 8, 16]
