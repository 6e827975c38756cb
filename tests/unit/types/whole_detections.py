"""All fields of Detections, and whether they are equal."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from sightline.types import Detections

NAMES = ("person", "bicycle", "car")


ARRAYS = (
    "boxes", "scores", "class_ids", "track_ids", "masks", "embeddings", "keypoints", "angles",
    "parent_ids",
)  # fmt: skip


def same(one: Detections, other: Detections) -> None:
    """All arrays and names are equal."""
    assert {f.name for f in fields(Detections)} == {
        *ARRAYS,
        "class_names",
        "frame_ref",
        "keypoint_names",
    }
    for name in ARRAYS:
        ours, theirs = getattr(one, name), getattr(other, name)
        assert (ours is None) == (theirs is None), name
        assert ours is None or np.array_equal(ours, theirs), name
        assert ours is None or ours.dtype == theirs.dtype, name
    assert one.class_names == other.class_names
    assert one.keypoint_names == other.keypoint_names
