"""The vocabulary: lengths are checked once, indexing keeps everything together."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.unit.types.whole_detections import NAMES, same

from sightline.types import Detections


@pytest.mark.parametrize(
    "index",
    [
        pytest.param(np.array([True, False, True]), id="mask"),
        pytest.param(slice(0, 3, 2), id="slice"),
        pytest.param(np.array([0, 2]), id="indices"),
    ],
)
def test_indexing_keeps_all_arrays_together(three: Detections, index: Any) -> None:
    picked = three[index]
    assert len(picked) == 2
    assert picked.scores.tolist() == three.scores[[0, 2]].tolist()
    assert (picked.boxes == three.boxes[[0, 2]]).all()
    assert picked.class_ids.tolist() == [0, 7]
    assert picked.track_ids is not None
    assert picked.track_ids.tolist() == [4, 6]
    assert picked.masks is not None
    assert three.masks is not None
    assert (picked.masks == three.masks[[0, 2]]).all()
    assert picked.embeddings is not None
    assert picked.embeddings.tolist() == [[1, 0], [0, 0]]
    assert picked.keypoints is not None
    assert picked.keypoints[1].tolist() == [[12, 13, 14], [15, 16, 17]]
    assert picked.angles is not None
    assert picked.angles.tolist() == [0, -1]
    assert picked.class_names is three.class_names


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda d: pickle.loads(pickle.dumps(d)), id="pickling"),
        pytest.param(copy.deepcopy, id="copying"),
        pytest.param(lambda d: replace(d, scores=d.scores), id="replacing a field"),
        pytest.param(lambda d: Detections.concatenate([d[:1], d[1:]]), id="concatenation"),
        pytest.param(
            lambda d: Detections.concatenate([Detections.empty(NAMES), d, Detections.empty()]),
            id="concatenation with nothing",
        ),
        pytest.param(lambda d: Detections.concatenate(one for one in d), id="single objects"),
        pytest.param(lambda d: d[::-1][::-1], id="slicing"),
        pytest.param(lambda d: d[[0, 1, 2]], id="a list"),
    ],
)
def test_no_field_is_lost(three: Detections, change: Callable[[Detections], Detections]) -> None:
    same(change(three), three)
    plain = replace(three, masks=None, embeddings=None, keypoints=None, angles=None)
    same(change(plain), plain)


def test_pictures_are_known_where_all_parts_are_of_the_same(three: Detections) -> None:
    def first() -> None: ...
    def second() -> None: ...

    one, other = replace(three, frame_ref=first), replace(three, frame_ref=second)
    assert Detections.concatenate([one, one]).frame_ref is first
    assert Detections.concatenate([one, other]).frame_ref is None


def test_whole_masks_are_kept_as_crops() -> None:
    """Ten objects of a 4K picture: 83 MB as whole masks."""
    whole = np.zeros((10, 2160, 3840), np.bool_)
    whole[:, 100:200, 300:350] = True
    found = Detections(
        np.tile(np.array([[300, 100, 350, 200]], np.float32), (10, 1)),
        np.ones(10, np.float32),
        np.zeros(10, np.int64),
        masks=whole,
    )
    assert found.masks is not None
    assert found.masks.nbytes == 10 * 100 * 50
    assert len(pickle.dumps(found)) < 60_000
    assert (found.masks == whole).all()


def test_one_object_has_its_own_mask_and_angle(three: Detections) -> None:
    assert three.masks is not None
    mask = three[1].mask
    assert mask is not None
    assert (mask == three.masks[1]).all()
    assert three[2].angle == -1
    assert replace(three, angles=None, masks=None)[0].angle is None


def test_indices_may_reorder(three: Detections) -> None:
    assert three[np.array([2, 0])].class_ids.tolist() == [7, 0]


def test_empty_has_the_right_shapes() -> None:
    empty = Detections.empty(NAMES)
    assert len(empty) == 0
    assert empty.boxes.shape == (0, 4)
    assert (empty.boxes.dtype, empty.scores.dtype) == (np.float32, np.float32)
    assert empty.class_ids.dtype == np.int64
    assert empty.track_ids is None
    assert empty.class_names == NAMES
    assert empty.to_dict() == []


@pytest.mark.parametrize(
    ("class_id", "name"),
    [
        pytest.param(2, "car", id="known"),
        pytest.param(3, "3", id="too high"),
        pytest.param(-1, "-1", id="negative is no index from the end"),
    ],
)
def test_class_name(three: Detections, class_id: int, name: str) -> None:
    assert three.class_name(class_id) == name
