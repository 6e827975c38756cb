"""How much alike the shapes of the same objects are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.evaluation.agreement import score_agreement
from sightline.evaluation.requirements import named_scores
from sightline.evaluation.shape_agreement import shape_likeness
from sightline.types import Detections, Masks

BOX = np.array([[10, 10, 50, 30]], np.float32)


def one(**fields: Any) -> Detections:
    return Detections(BOX, np.array([0.9], np.float32), np.zeros(1, np.int64), **fields)


def mask(x0: int, y0: int, x1: int, y1: int) -> Masks:
    whole = np.zeros((1, 60, 80), np.bool_)
    whole[0, y0:y1, x0:x1] = True
    return Masks.of(whole)


@pytest.mark.parametrize(
    ("other", "iou"),
    [
        pytest.param((10, 10, 50, 30), 1, id="the same"),
        pytest.param((10, 10, 30, 30), 0.5, id="its left half"),
        pytest.param((30, 20, 70, 40), 200 / 1400, id="a quarter shared"),
        pytest.param((50, 30, 60, 40), 0, id="beside it"),
        pytest.param((0, 0, 0, 0), 0, id="no pixel"),
    ],
)
def test_masks(other: tuple[int, int, int, int], iou: float) -> None:
    likeness = shape_likeness(one(masks=mask(10, 10, 50, 30)), one(masks=mask(*other)))
    assert likeness["mask_iou"] == pytest.approx([iou])
    assert np.isnan(likeness["keypoint_oks"]).all()
    assert np.isnan(likeness["turned_iou"]).all()


def test_two_masks_without_a_pixel_are_alike() -> None:
    nothing = one(masks=mask(0, 0, 0, 0))
    assert shape_likeness(nothing, nothing)["mask_iou"] == [1]


@pytest.mark.parametrize(
    ("angle", "iou"), [(0.3, 1.0), (0.3 + math.pi, 1.0), (0.3 + math.pi / 2, 400 / 1200)]
)
def test_turned_boxes(angle: float, iou: float) -> None:
    first, second = (one(angles=np.array([a], np.float32)) for a in (0.3, angle))
    assert shape_likeness(first, second)["turned_iou"] == pytest.approx([iou], abs=1e-4)


def points(*rows: tuple[float, float, float]) -> Detections:
    return one(keypoints=np.array([rows], np.float32))


def test_keypoints() -> None:
    """Of three, two of which the reference is sure; one of them is 10 pixels off."""
    reference = points((20, 20, 0.9), (40, 20, 0.8), (30, 25, 0.1))
    found = points((20, 20, 0.2), (50, 20, 0.9), (0, 0, 0.9))
    apart = math.exp(-100 / (2 / 3) ** 2 / (0.53 * 800) / 2)
    assert shape_likeness(reference, found)["keypoint_oks"] == pytest.approx([(1 + apart) / 2])
    unsure = points((20, 20, 0.1), (40, 20, 0.2), (30, 25, 0.1))
    assert np.isnan(shape_likeness(unsure, found)["keypoint_oks"]).all()
    with pytest.raises(ConfigError, match="3 keypoints, the model 2"):
        shape_likeness(reference, points((0, 0, 1), (0, 0, 1)))


def test_agreement_tells_the_shapes_of_what_both_found() -> None:
    """In one picture the mask is the same, in one it is half of it, and in one the object is not found."""
    reference = [one(masks=mask(10, 10, 50, 30))] * 3
    found = (d for d in (reference[0], one(masks=mask(10, 10, 30, 30)), Detections.empty()))
    scores = score_agreement(found, reference, ("thing", "other"))
    assert scores.recall == pytest.approx(2 / 3)
    assert scores.shapes == {"mask_iou": pytest.approx(0.75)}
    assert named_scores(scores)["thing.mask_iou"] == pytest.approx(0.75)
    assert math.isnan(scores.per_class["other"].mask_iou)


def test_classes_without_a_name_are_called_by_their_number() -> None:
    thing = one(masks=mask(10, 10, 50, 30))
    assert list(score_agreement([thing], [thing], ()).per_class) == ["0"]
