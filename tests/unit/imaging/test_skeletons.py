"""Skeletons: lines between keypoints that are seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sightline.imaging.drawing import annotate
from sightline.types import Detections


def test_skeletons_are_drawn_between_points_that_are_seen() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    points = np.zeros((1, 17, 3), np.float32)
    points[0, 5], points[0, 6] = (30, 60, 0.9), (70, 60, 0.9)  # shoulders, which a line joins
    points[0, 0] = (50, 90, 0.2)  # not seen
    found = Detections(
        np.array([[20, 20, 80, 95]], np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
        keypoints=points,
    )
    plain = annotate(picture, replace(found, keypoints=None))
    drawn = (annotate(picture, found) != plain).any(axis=2)
    assert drawn[60, 50]
    assert drawn[60, 30]
    assert drawn[60, 70]
    assert not drawn[85:94].any()
    two = replace(found, keypoints=points[:, 5:7])
    apart = (annotate(picture, two) != plain).any(axis=2)
    assert apart[60, 30]
    assert not apart[60, 50], "nothing tells that these two belong together"
    wild = replace(found, keypoints=np.full((1, 17, 3), np.nan, np.float32))
    assert (annotate(picture, wild) == plain).all()
    far = points.copy()
    far[0, 5] = (1e30, -1e30, 1)
    annotate(picture, replace(found, keypoints=far))
