"""The vocabulary: lengths are checked once, indexing keeps everything together."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from sightline.types import ChannelOrder, Detections, Frame, Pixels

NAMES = ("person", "bicycle", "car")


@pytest.fixture
def three() -> Detections:
    return Detections(
        np.array([[0, 0, 10, 10], [5, 5, 20, 20], [1.234, 2.345, 3.456, 4.567]], np.float32),
        np.array([0.9, 0.5, 0.123456], np.float32),
        np.array([0, 2, 7], np.int64),
        np.array([4, 5, 6], np.int64),
        np.arange(3 * 4 * 5).reshape(3, 4, 5) % 2 == 0,
        NAMES,
        embeddings=np.eye(3, 2, dtype=np.float32),
        keypoints=np.arange(3 * 2 * 3, dtype=np.float32).reshape(3, 2, 3),
        angles=np.array([0, 0.5, -1], np.float32),
        parent_ids=np.array([-1, 4, -1], np.int64),
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        pytest.param("boxes", np.zeros((3, 5), np.float32), "boxes", id="five columns"),
        pytest.param("boxes", np.zeros(4, np.float32), "boxes", id="one row, flat"),
        pytest.param("scores", np.zeros(2, np.float32), "scores", id="a score too few"),
        pytest.param("scores", np.zeros((3, 1), np.float32), "scores", id="scores as a column"),
        pytest.param("class_ids", np.zeros(4, np.int64), "class_ids", id="a class too many"),
        pytest.param("track_ids", np.zeros(1, np.int64), "track_ids", id="track ids too few"),
        pytest.param("masks", np.zeros((2, 4, 5), np.bool_), "masks", id="a mask too few"),
        pytest.param("masks", np.zeros((3, 20), np.bool_), "masks", id="flat masks"),
        pytest.param(
            "embeddings", np.eye(2, dtype=np.float32), "embeddings", id="a vector too few"
        ),
        pytest.param("embeddings", np.zeros(3, np.float32), "embeddings", id="flat vectors"),
        pytest.param("keypoints", np.zeros((2, 5, 3)), "keypoints", id="keypoints too few"),
        pytest.param("keypoints", np.zeros((3, 5, 2)), "keypoints", id="keypoints without scores"),
        pytest.param("keypoints", np.zeros((3, 15)), "keypoints", id="flat keypoints"),
        pytest.param("angles", np.zeros(2), "angles", id="an angle too few"),
        pytest.param("angles", np.zeros((3, 1)), "angles", id="angles as a column"),
        pytest.param("parent_ids", np.zeros(2, np.int64), "parent_ids", id="a parent too few"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    three: Detections, field: str, value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(three, **{field: value})


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masks": None}, "masks are known in 1 of 2 parts only"),
        ({"track_ids": None}, "track_ids are known in 1 of 2"),
        ({"angles": None}, "angles are known in 1 of 2"),
        ({"class_names": ("cat",)}, "different class names"),
        ({"masks": np.zeros((3, 9, 9), bool)}, "5×4 and 9×9 cannot be put together"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_go_together(three: Detections, change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Detections.concatenate([three, replace(three, **change)])


def test_nothing_put_together_is_nothing(three: Detections) -> None:
    same(Detections.concatenate([]), Detections.empty())
    nothing = Detections.concatenate([three[:0], three[:0]])
    assert (len(nothing), nothing.class_names) == (0, NAMES)
    assert nothing.track_ids is not None


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


def test_to_dict_is_what_a_json_line_says(three: Detections) -> None:
    objects = three.to_dict()
    assert objects[2] == {
        "box": [1.23, 2.35, 3.46, 4.57],
        "score": 0.1235,
        "class_id": 7,
        "class": "7",
        "track_id": 6,
        "angle": -1.0,
        "keypoints": [[12.0, 13.0, 14.0], [15.0, 16.0, 17.0]],
        "mask": {"size": [4, 5], "counts": "011010O10O10O10O0"},
    }
    boxes_only = replace(three, masks=None, keypoints=None, angles=None, embeddings=None)
    assert set(boxes_only.to_dict()[2]) == {"box", "score", "class_id", "class", "track_id"}
    assert json.loads(json.dumps(objects)) == objects
    assert "track_id" not in replace(three, track_ids=None).to_dict()[0]


def test_supervision_and_back(three: Detections) -> None:
    pytest.importorskip("supervision")
    theirs = three.to_supervision()
    assert theirs.data["class_name"].tolist() == ["person", "car", "7"]
    again = Detections.from_supervision(theirs, NAMES)
    assert again.boxes == pytest.approx(three.boxes, abs=1e-4)
    assert again.angles == pytest.approx(three.angles, abs=1e-4)
    same(replace(again, boxes=three.boxes, angles=three.angles), three)
    upright = replace(three, angles=None)
    same(Detections.from_supervision(upright.to_supervision(), NAMES), upright)


def test_supervision_gets_upright_boxes_and_corners(three: Detections) -> None:
    pytest.importorskip("supervision")
    theirs = three.to_supervision()
    assert theirs.xyxy == pytest.approx(three.extents)
    assert theirs.data["xyxyxyxy"] == pytest.approx(three.corners)
    assert theirs[1:].data["keypoints"].tolist() == three.keypoints[1:].tolist()  # type: ignore[index]
    assert isinstance(theirs.mask, np.ndarray)


def test_crops_of_supervision_stay_crops(three: Detections) -> None:
    supervision = pytest.importorskip("supervision")
    theirs = three.to_supervision()
    boxes = np.array([[0, 0, 5, 4]] * 3)
    theirs.mask = supervision.CompactMask.from_dense(theirs.mask, boxes, (4, 5))
    again = Detections.from_supervision(theirs, NAMES)
    assert again.masks is not None
    assert (again.masks == three.masks).all()


def test_what_supervision_leaves_out_gets_a_default() -> None:
    supervision = pytest.importorskip("supervision")
    again = Detections.from_supervision(supervision.Detections(xyxy=np.array([[1, 2, 3, 4.0]])))
    assert again.scores.tolist() == [1]
    assert again.class_ids.tolist() == [0]
    assert again.track_ids is None
    assert again.boxes.dtype == np.float32
    assert len(Detections.from_supervision(supervision.Detections.empty())) == 0
    assert len(Detections.from_supervision(Detections.empty().to_supervision())) == 0


class CountingPicture:
    """A grey picture that counts how often pixels were made of it."""

    width, height = 6, 4

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, ChannelOrder]] = []

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        self.calls.append((width, height, order))
        out = np.empty((height, width, 3), np.uint8) if out is None else out
        out[:] = 9
        return out


def test_a_frame_makes_pixels_only_when_asked_and_keeps_the_full_picture() -> None:
    picture = CountingPicture()
    frame = Frame("street", 0, 0.0, 0.0, picture)
    assert (frame.width, frame.height) == (6, 4)
    assert "picture" not in repr(frame)
    assert picture.calls == []
    assert frame.image is frame.image
    assert picture.calls == [(6, 4, "bgr")]
    out = np.zeros((2, 3, 3), np.uint8)
    assert frame.scaled(3, 2, "rgb", out) is out
    assert picture.calls[1:] == [(3, 2, "rgb")]
