"""Masks are kept as crops and look like whole ones."""

from __future__ import annotations

import copy
import pickle

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sightline.types import Masks

SQUARE, CORNER, NOTHING, RING = range(4)


@pytest.fixture
def whole() -> np.ndarray:
    masks = np.zeros((4, 60, 80), bool)
    masks[SQUARE, 10:20, 30:50] = True
    masks[CORNER, 55:, 70:] = True
    masks[RING, 0:21, 0:21] = True
    masks[RING, 5:16, 5:16] = False
    return masks


@pytest.fixture
def masks(whole: np.ndarray) -> Masks:
    return Masks.of(whole)


def test_crops_hold_the_pixels_and_no_more(masks: Masks) -> None:
    assert [crop.shape for crop in masks.crops] == [(10, 20), (5, 10), (0, 0), (21, 21)]
    assert masks.corners.tolist() == [[30, 10], [70, 55], [0, 0], [0, 0]]
    assert masks.areas.tolist() == [200, 50, 0, 21 * 21 - 11 * 11]
    assert masks.nbytes == 200 + 50 + 441


def test_crops_do_not_keep_the_whole_array(masks: Masks) -> None:
    assert all(crop.base is None for crop in masks.crops)


@given(arrays(np.bool_, st.tuples(*[st.integers(0, 9)] * 3)))
def test_whole_masks_come_back(whole: np.ndarray) -> None:
    masks = Masks.of(whole)
    assert masks.shape == whole.shape
    assert np.array_equal(np.asarray(masks), whole)


def test_they_look_like_the_array(masks: Masks, whole: np.ndarray) -> None:
    assert (masks.shape, masks.ndim, masks.dtype, len(masks)) == ((4, 60, 80), 3, bool, 4)
    assert np.array_equal(masks[RING], whole[RING])
    assert np.array_equal(masks[-1], whole[-1])
    assert np.array_equal(masks[np.int64(1)], whole[1])
    assert [int(mask.sum()) for mask in masks] == masks.areas.tolist()
    assert np.array_equal(masks[:, 15, 35], whole[:, 15, 35])
    assert np.array_equal(masks[..., 0], whole[..., 0])
    assert (masks == whole).all()
    assert np.array_equal(masks & whole, whole)
    assert np.array_equal(~masks, ~whole)
    assert np.array_equal(np.logical_or(whole, masks), whole)
    assert masks.any(axis=(1, 2)).tolist() == [True, True, False, True]
    assert masks.astype(np.uint8).sum() == whole.sum()
    assert np.concatenate([masks, whole]).shape == (8, 60, 80)
    assert np.asarray(masks, np.float32).dtype == np.float32
    changed: object = masks
    changed &= whole  # type: ignore[operator]
    assert np.array_equal(changed, whole)  # type: ignore[arg-type]
    with pytest.raises(IndexError):
        masks[4]
    with pytest.raises(AttributeError, match="nonsense"):
        masks.nonsense  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ValueError, match="made anew"):
        np.asarray(masks, copy=False)


@pytest.mark.parametrize(
    "index",
    [
        slice(1, None),
        slice(None, None, -1),
        np.array([3, 0]),
        [0, -1],
        [],
        np.array([True, False, True, False]),
        [False, False, True, True],
    ],
    ids=str,
)
def test_rows_stay_crops(masks: Masks, whole: np.ndarray, index: object) -> None:
    some = masks[index]  # type: ignore[call-overload]
    assert isinstance(some, Masks)
    rows = np.arange(4)[
        np.asarray(index, None if index else int) if isinstance(index, list) else index
    ]  # type: ignore[index]
    assert np.array_equal(np.asarray(some), whole[rows])


def test_wrong_rows_are_refused(masks: Masks) -> None:
    with pytest.raises(IndexError):
        masks[np.array([True, False])]
    with pytest.raises(IndexError):
        masks[np.array([4])]


@pytest.mark.parametrize(
    "change", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies(masks: Masks, whole: np.ndarray, change) -> None:
    other = change(masks)
    assert isinstance(other, Masks)
    assert np.array_equal(np.asarray(other), whole)


def test_outlines_are_in_pixels_of_the_picture(masks: Masks, whole: np.ndarray) -> None:
    (square,) = masks.polygons(SQUARE)
    assert sorted(map(tuple, square.tolist())) == [(30, 10), (30, 19), (49, 10), (49, 19)]
    assert masks.polygons(NOTHING) == []
    for number in (SQUARE, CORNER):
        again = np.zeros(whole.shape[1:], np.uint8)
        cv2.fillPoly(again, [p.astype(np.int32) for p in masks.polygons(number)], 1)
        assert np.array_equal(again.astype(bool), whole[number])
    assert len(masks.polygons(RING)) == 1  # its hole is left out


def test_parts_of_one_object_are_outlines_of_their_own() -> None:
    whole = np.zeros((1, 9, 9), bool)
    whole[0, 1, 1] = whole[0, 5:8, 5:8] = True
    assert sorted(len(p) for p in Masks.of(whole).polygons(0)) == [1, 4]


def test_pasting_writes_the_object_only(masks: Masks, whole: np.ndarray) -> None:
    picture = np.zeros((60, 80, 3), np.uint8)
    masks.paste(SQUARE, picture, (1, 2, 3))
    assert np.array_equal(picture.any(axis=2), whole[SQUARE])
    assert picture[15, 35].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("crops", "corners", "message"),
    [
        ([np.ones((2, 2), bool)], [[79, 0]], "beyond the picture of 80×60"),
        ([np.ones((2, 2), bool)], [[0, 59]], "beyond"),
        ([np.ones((2, 2), bool)], [[-1, 0]], "beyond"),
        ([np.ones((2, 2), np.uint8)], [[0, 0]], "bool"),
        ([np.ones(4, bool)], [[0, 0]], "height, width"),
        ([np.ones((2, 2), bool)], [[0, 0], [1, 1]], "corners"),
    ],
)
def test_crops_that_do_not_fit_are_refused(crops, corners, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Masks(tuple(crops), np.array(corners, np.int64), (80, 60))


def test_four_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="N, height, width"):
        Masks.of(np.zeros((1, 2, 3, 4), bool))
