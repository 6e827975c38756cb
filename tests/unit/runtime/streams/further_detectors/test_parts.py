"""Names of two detectors beside one another, and fields that only one of them tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.runtime.streams.further_detectors.parts import class_map, joined_names, with_parts
from sightline.types import Detections

SIZE = (40, 30)
WORDS = st.lists(st.sampled_from(["car", "bus", "plate", "N/A", "person"]), max_size=6)


@settings(max_examples=50)
@given(WORDS, WORDS)
def test_ids_of_both_keep_their_names(names: Sequence[str], further: Sequence[str]) -> None:
    joined = joined_names(names, further)
    assert joined[: len(names)] == tuple(names)
    assert [joined[i] for i in class_map(joined, further)] == list(further)
    behind = joined[len(names) :]
    assert len(set(behind)) == len(behind)
    assert not set(behind) & set(names)


def objects(count: int, **fields: Any) -> Detections:
    boxes = np.arange(4 * count, dtype=np.float32).reshape(count, 4)
    scores = np.full(count, 0.5, np.float32)
    return Detections(boxes, scores, np.arange(count), class_names=("a", "b", "c"), **fields)


def some_keypoints(count: int, points: int) -> Any:
    return np.ones((count, points, 3), np.float32)


@pytest.mark.parametrize(
    ("ours", "theirs", "visible", "names"),
    [
        pytest.param(None, None, None, (), id="neither"),
        pytest.param(2, None, [1, 1, 0], ("x", "y"), id="the objects"),
        pytest.param(None, 2, [0, 0, 1], ("p", "q"), id="the parts"),
        pytest.param(2, 2, [1, 1, 1], ("x", "y"), id="both"),
        pytest.param(2, 5, [1, 1, 0], ("x", "y"), id="both, with other numbers"),
    ],
)
def test_keypoints(
    ours: int | None, theirs: int | None, visible: list[int] | None, names: tuple[str, ...]
) -> None:
    first = (
        {} if ours is None else {"keypoints": some_keypoints(2, ours), "keypoint_names": ("x", "y")}
    )
    second = (
        {}
        if theirs is None
        else {"keypoints": some_keypoints(1, theirs), "keypoint_names": ("p", "q")}
    )
    both = with_parts(objects(2, **first), objects(1, **second), np.array([1]), SIZE)
    if visible is None:
        assert both.keypoints is None
    else:
        assert both.keypoints is not None
        assert both.keypoints[:, 0, 2].tolist() == visible
        assert both.keypoints.shape[1] == (ours or theirs)
    assert both.keypoint_names == names


def test_parents_are_tracks_and_parts_have_none() -> None:
    tracked = objects(3, track_ids=np.array([7, -1, 9]), parent_ids=np.array([-1, 7, -1]))
    both = with_parts(tracked, objects(2), np.array([2, 1]), SIZE)
    assert both.track_ids is not None
    assert both.track_ids.tolist() == [7, -1, 9, -1, -1]
    assert both.parent_ids is not None
    assert both.parent_ids.tolist() == [-1, 7, -1, 9, -1]
    untracked = with_parts(objects(1), objects(2), np.array([0, 0]), SIZE)
    assert (untracked.track_ids, untracked.parent_ids) == (None, None)


def test_angles_and_masks_of_one_side() -> None:
    masks = np.zeros((1, 30, 40), np.bool_)
    masks[0, 2:5, 3:9] = True
    parts = objects(1, masks=masks, angles=np.array([0.5], np.float32))
    both = with_parts(objects(2), parts, np.array([0]), SIZE)
    assert both.angles is not None
    assert both.angles.tolist() == [0, 0, 0.5]
    assert both.masks is not None
    assert both.masks.areas.tolist() == [0, 0, 18]
    assert np.asarray(both.masks)[2].tolist() == masks[0].tolist()


def test_no_parts_change_nothing() -> None:
    one = objects(2)
    assert with_parts(one, objects(0), np.empty(0, np.int64), SIZE) is one
