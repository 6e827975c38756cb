"""Masks and keypoints of results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sightline.evaluation.pictures.found_shapes import FoundShape, fields_of, read_shape
from sightline.types import Masks

WHOLE = np.zeros((4, 5), np.bool_)
WHOLE[1:3, 1], WHOLE[1, 2] = True, True
RUNS: dict[str, Any] = {"size": [4, 5], "counts": [5, 2, 2, 1, 10]}
PACKED = Masks.of(WHOLE[None]).to_coco(0)


@pytest.mark.parametrize(
    "item",
    [{"segmentation": RUNS}, {"segmentation": PACKED}, {"mask": PACKED}, {"mask": RUNS}],
    ids=["runs", "packed", "of JSON lines", "of JSON lines, not packed"],
)
def test_masks(item: dict[str, Any]) -> None:
    shape = read_shape(item)
    assert shape.size == (5, 4)
    masks = fields_of([shape])["masks"]
    assert (masks[0] == WHOLE).all()


@pytest.mark.parametrize(
    "told",
    [
        [[1, 2, 3, 4, 5, 6]],
        {"size": [4, 5]},
        {"size": [4, "5"], "counts": [20]},
        RUNS | {"counts": [5, 2]},
        RUNS | {"counts": [5, 2.5, 12.5]},
        RUNS | {"counts": []},
        RUNS | {"counts": "\x00"},
        None,
    ],
)
def test_what_is_no_mask_is_as_if_it_were_not_there(told: object) -> None:
    assert read_shape({"segmentation": told}) == FoundShape()


@pytest.mark.parametrize("told", [[1, 2, 0.5, 3, 4, 0.75], [[1, 2, 0.5], [3, 4, 0.75]]])
def test_keypoints_flat_or_by_point(told: object) -> None:
    assert read_shape({"keypoints": told}).keypoints == [1, 2, 0.5, 3, 4, 0.75]


def test_objects_of_a_picture() -> None:
    with_mask = read_shape({"mask": RUNS, "keypoints": [1, 2, 0.5]})
    other_size = read_shape({"mask": {"size": [2, 2], "counts": [0, 4]}})
    fields = fields_of([FoundShape(), with_mask, other_size])
    masks = fields["masks"]
    assert isinstance(masks, Masks)
    assert (masks.size, masks.areas.tolist()) == ((5, 4), [0, 3, 0])
    assert fields["keypoints"][:, 0].tolist() == [[0, 0, 0], [1, 2, 0.5], [0, 0, 0]]
    assert fields_of([FoundShape()]) == {}
