"""Boxes, masks, keypoints and angles go from a model's input to the source picture together."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from sightline.geometry import place
from sightline.models.postprocess.placed import to_source
from sightline.types import Detections, Masks

SOURCE = (200, 100)
LETTERBOX = place(
    SOURCE, (100, 100), "letterbox"
)  # half as large, 25 pixels of border above and below
STRETCH = place(SOURCE, (100, 100), "stretch")


def found(*box: float) -> Detections:
    return Detections(
        np.array([box], np.float32),
        np.array([0.5], np.float32),
        np.array([3], np.int64),
        track_ids=np.array([7], np.int64),
        embeddings=np.ones((1, 4), np.float32),
    )


def test_whatever_is_known_comes_along() -> None:
    objects = to_source(found(10, 30, 20, 40), LETTERBOX, ("a", "b"))
    assert objects.boxes.tolist() == [[20, 10, 40, 30]]
    assert (objects.scores.tolist(), objects.class_ids.tolist()) == ([0.5], [3])
    assert objects.track_ids is not None
    assert objects.embeddings is not None
    assert objects.class_names == ("a", "b")


def test_keypoints_may_lie_beyond_the_picture() -> None:
    points = np.array([[[10, 30, 0.9], [0, 20, 0.1]]], np.float32)
    objects = to_source(replace(found(10, 30, 20, 40), keypoints=points), LETTERBOX, ())
    assert objects.keypoints is not None
    assert objects.keypoints[0] == pytest.approx(np.array([[20, 10, 0.9], [0, -10, 0.1]]))
    assert points[0, 0, 0] == 10, "the decoder's array is its own"


@pytest.mark.parametrize("spot", [LETTERBOX, STRETCH], ids=["letterbox", "stretch"])
@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2, -2.5])
def test_turned_boxes(spot, angle: float) -> None:
    """The centre and the direction of the first side are exact; a letterbox keeps the shape too."""
    before = replace(found(40, 40, 60, 50), angles=np.array([angle], np.float32))
    after = to_source(before, spot, ())
    assert after.angles is not None
    corners = (before.corners[0] - (spot.left, spot.top)) * spot.scale
    if spot is LETTERBOX:
        assert after.corners[0] == pytest.approx(corners, abs=1e-3)
    assert after.corners[0].mean(axis=0) == pytest.approx(corners.mean(axis=0), abs=1e-3)
    side, wanted = after.corners[0, 1] - after.corners[0, 0], corners[1] - corners[0]
    assert side == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("spot", [LETTERBOX, STRETCH], ids=["letterbox", "stretch"])
def test_masks_are_scaled_with_the_picture(spot) -> None:
    mask = np.zeros((100, 100), np.uint8)
    cv2.ellipse(mask, (50, 50), (40, 15), 30, 0, 360, 1, -1)
    objects = to_source(
        replace(found(10, 30, 90, 70), masks=Masks.of(mask[None].astype(bool))), spot, ()
    )
    assert objects.masks is not None
    inner = mask[spot.top : spot.top + spot.height, spot.left : spot.left + spot.width]
    wanted = cv2.resize(inner * 255, SOURCE, interpolation=cv2.INTER_LINEAR) > 127
    assert objects.masks.shape == (1, 100, 200)
    both, either = objects.masks[0] & wanted, objects.masks[0] | wanted
    assert both.sum() / either.sum() > 0.98


@pytest.mark.parametrize(
    ("rows", "columns", "area"),
    [
        (slice(0, 20), slice(None), 0),
        (slice(0, 100), slice(0, 100), 200 * 100),
        (slice(24, 26), slice(99, 100), 2 * 2),
        (slice(0, 0), slice(0, 0), 0),
    ],
    ids=["on the border only", "all of the canvas", "half on the border", "empty"],
)
def test_what_lies_on_the_border_is_cut_off(rows: slice, columns: slice, area: int) -> None:
    mask = np.zeros((1, 100, 100), bool)
    mask[0, rows, columns] = True
    objects = to_source(replace(found(0, 0, 99, 99), masks=mask), LETTERBOX, ())
    assert objects.masks is not None
    assert objects.masks.areas.tolist() == [area]


def test_a_pixel_is_never_lost_when_pictures_shrink() -> None:
    spot = place((20, 10), (100, 100), "letterbox")
    mask = np.zeros((1, 100, 100), bool)
    mask[0, 74, 99] = True
    objects = to_source(replace(found(0, 0, 99, 99), masks=mask), spot, ())
    assert objects.masks is not None
    assert objects.masks.shape == (1, 10, 20)
    assert objects.masks.areas.tolist() == [1]
