"""Objects as they stand in a JSON line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from sightline.types import Detections
from sightline.types.json_form import has_shapes, json_objects


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


SQUARE = np.zeros((1, 6, 8), np.bool_)
SQUARE[0, 1:4, 2:6] = True


def test_polygons_instead_of_masks() -> None:
    found = Detections(
        np.array([[2, 1, 6, 4]], np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
        masks=SQUARE,
    )
    (item,) = json_objects(found, polygons=True)
    assert "mask" not in item
    (outline,) = item["polygons"]
    assert {tuple(point) for point in outline} >= {(2, 1), (5, 3)}
    assert "polygons" not in json_objects(found)[0]


def test_ids_that_objects_have_not_are_left_out() -> None:
    found = Detections(
        np.zeros((2, 4), np.float32), np.ones(2, np.float32), np.zeros(2, np.int64),
        np.array([-1, 5]), parent_ids=np.array([3, -1]),
    )  # fmt: skip
    first, second = json_objects(found)
    assert (first.get("track_id"), first.get("parent_id")) == (None, 3)
    assert (second.get("track_id"), second.get("parent_id")) == (5, None)
    assert not has_shapes(found)
