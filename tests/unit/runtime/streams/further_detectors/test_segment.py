"""Stages whose model tells masks: which object gets which."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.runtime.streams.further_detectors.bright_detector import (
    CAR,
    HEIGHT,
    OTHER,
    WIDTH,
    Bright,
    picture,
    run,
    seen,
    segmenting,
)

from sightline.errors import ModelError
from sightline.types import Masks


@pytest.mark.parametrize("crops", [True, False], ids=["crops", "the whole picture"])
def test_masks_go_to_the_objects_that_they_overlap(crops: bool) -> None:
    car, other = (102, 53, 198, 118), (211, 60, 300, 128)
    stage = segmenting(Bright("car"), crops=crops)
    found = run(stage, seen(picture(car, other, (5, 5, 30, 30)), OTHER, (10, 100, 60, 180), CAR))
    assert found.masks is not None
    assert found.masks.areas.tolist() == [89 * 68, 0, 96 * 65]
    assert found.masks.corners[2].tolist() == [102, 53]
    assert found.track_ids is not None
    assert found.track_ids.tolist() == [11, 12, 13]


def test_an_object_gets_a_mask_of_its_own_class_where_the_model_knows_it() -> None:
    image = picture(CAR)
    for names, area in ((("person", "car"), 0), (("vehicle",), 7000), (("car",), 7000)):
        masks = run(segmenting(Bright(*names)), seen(image, CAR)).masks
        assert masks is not None
        assert masks.areas.tolist() == [area]


def test_masks_that_there_were_stay_where_no_better_ones_come() -> None:
    before = Masks.of(np.ones((2, HEIGHT, WIDTH), np.bool_))
    found = run(segmenting(Bright("car")), seen(picture(CAR), CAR, OTHER, masks=before))
    assert found.masks is not None
    assert found.masks.areas.tolist() == [7000, WIDTH * HEIGHT]


def test_a_model_without_masks_is_told() -> None:
    with pytest.raises(ModelError, match="tells no masks"):
        run(segmenting(Bright("car", masks=False)), seen(picture(CAR), CAR))
