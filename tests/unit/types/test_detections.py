"""The vocabulary: lengths are checked once, indexing keeps everything together."""

from __future__ import annotations

import json
from dataclasses import replace
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
    assert picked.class_names is three.class_names


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
    }
    assert json.loads(json.dumps(objects)) == objects
    assert "track_id" not in replace(three, track_ids=None).to_dict()[0]


def test_supervision_and_back(three: Detections) -> None:
    pytest.importorskip("supervision")
    theirs = three.to_supervision()
    assert theirs.data["class_name"].tolist() == ["person", "car", "7"]
    again = Detections.from_supervision(theirs, NAMES)
    for field in ("boxes", "scores", "class_ids", "track_ids", "masks", "embeddings"):
        ours, other = getattr(three, field), getattr(again, field)
        assert (ours == other).all(), field
        assert ours.dtype == other.dtype, field
    assert again.class_names == NAMES


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
