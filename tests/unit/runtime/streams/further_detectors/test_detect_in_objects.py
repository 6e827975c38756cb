"""Stages whose model is a detector: which crops it sees, and what becomes of what it finds in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.runtime.streams.further_detectors.bright_detector import (
    CAR,
    HEIGHT,
    NAMES,
    OTHER,
    WIDTH,
    Bright,
    detecting,
    picture,
    run,
    seen,
    segmenting,
)

from sightline.config import DetectOptions
from sightline.errors import ModelError, Overloaded
from sightline.runtime.streams.further_detectors.detect_in_objects import DetectInObjects


@pytest.mark.parametrize("crops", [True, False], ids=["crops", "the whole picture"])
def test_a_part_is_an_object_of_the_frame_that_knows_its_parent(crops: bool) -> None:
    plates = (133, 91, 152, 97), (251, 103, 270, 109)
    found = run(detecting(Bright(), crops=crops, margin=0.1), seen(picture(*plates), CAR, OTHER))
    assert found.boxes[2:].tolist() == [list(map(float, plate)) for plate in plates]
    assert found.class_names == ("person", "car", "plate")
    assert found.class_ids.tolist() == [1, 1, 2, 2]
    assert found.track_ids is not None
    assert found.track_ids.tolist() == [11, 12, -1, -1]
    assert found.parent_ids is not None
    assert found.parent_ids.tolist() == [-1, -1, 11, 12]
    assert found.masks is not None
    assert found.masks.areas.tolist() == [0, 0, 19 * 6, 19 * 6]
    assert found.masks[2][91:97, 133:152].all()


@given(
    st.tuples(st.floats(-20, 300), st.floats(-20, 180), st.floats(9, 200), st.floats(9, 150)),
    st.floats(0, 1),
    st.data(),
)
def test_crops_lead_back_to_the_very_pixels(
    box: tuple[float, float, float, float], margin: float, data: st.DataObject
) -> None:
    x0, y0, x1, y1 = box[0], box[1], box[0] + box[2], box[1] + box[3]
    left, top = max(0, int(np.ceil(x0))), max(0, int(np.ceil(y0)))
    right, bottom = min(WIDTH, int(x1)), min(HEIGHT, int(y1))
    if right - left < 3 or bottom - top < 3:
        return
    x, y = data.draw(st.integers(left, right - 2)), data.draw(st.integers(top, bottom - 2))
    stage = detecting(Bright("spot"), min_size=1, margin=margin)
    found = run(stage, seen(picture((x, y, x + 2, y + 2)), (x0, y0, x1, y1)))
    assert found.boxes[1:].tolist() == [[x, y, x + 2, y + 2]]


@pytest.mark.parametrize(
    ("options", "objects", "shown"),
    [
        pytest.param({}, (CAR, OTHER), 2, id="all"),
        pytest.param({"max_objects": 1}, (OTHER, CAR), 1, id="the largest"),
        pytest.param({"min_size": 75}, (CAR, OTHER), 0, id="none is large enough"),
        pytest.param({"only_in": ((0, 0), (0.5, 0), (0.5, 1), (0, 1))}, (CAR, OTHER), 1, id="in"),
        pytest.param({}, ((-80, 10, -10, 60), (330, 0, 400, 80)), 0, id="outside of the picture"),
        pytest.param({}, ((50, 10, 50, 60), (90, 80, 40, 20)), 0, id="boxes without area"),
        pytest.param({}, ((np.nan, 0, 50, 50), (0, 0, np.inf, 60)), 1, id="not finite"),
        pytest.param({"ids": [0]}, (CAR,), 0, id="of another class"),
    ],
)
def test_which_crops_a_detector_sees(
    options: dict[str, Any], objects: tuple[tuple[float, ...], ...], shown: int
) -> None:
    detector = Bright()
    before = seen(picture(), *objects)  # type: ignore[arg-type]
    after = run(detecting(detector, **options), before)
    assert len(detector.seen) == shown
    assert len(after) == len(objects)
    if options == {"max_objects": 1}:
        assert detector.seen == [(120, 86)], "the box with a tenth around it, from even pixels on"


def test_each_so_many_th_analysed_frame_is_looked_at_and_a_refused_one_comes_again() -> None:
    detector = Bright()
    stage = detecting(detector, every=3)
    looked = []
    for index in range(8):
        one = seen(picture(), CAR, index=index)
        if index == 1:
            one = one.without("detect", "skipped")
        if index == 4:
            detector.refusals.append(Overloaded("busy"))
            with pytest.raises(Overloaded):
                stage.submit(one)
        looked.append(stage.submit(one) is not None)
    assert looked == [True, False, False, False, True, False, False, True]


def test_names_stand_there_from_the_first_frame_on_and_same_names_are_one_class() -> None:
    stage = detecting(Bright("car", "plate"))
    assert run(stage, seen(picture())).class_names == ("person", "car", "plate")
    found = run(stage, seen(picture((120, 60, 130, 70)), CAR))
    assert found.class_ids.tolist() == [1, 1]


def test_what_is_the_object_itself_is_no_part_of_it() -> None:
    stage = detecting(Bright("car"))
    assert len(run(stage, seen(picture(CAR), CAR))) == 1
    assert len(run(detecting(Bright("plate")), seen(picture(CAR), CAR))) == 2


def test_a_part_that_lies_in_the_margin_belongs_to_something_else() -> None:
    assert len(run(detecting(Bright(), margin=0.5), seen(picture((80, 60, 90, 70)), CAR))) == 1


def test_a_part_in_two_overlapping_objects_is_one() -> None:
    near = (110, 50, 210, 120)
    found = run(detecting(Bright()), seen(picture((140, 80, 160, 90)), CAR, near))
    assert len(found) == 3


def test_other_fields_stay_with_objects_that_get_parts() -> None:
    keypoints = np.ones((1, 3, 3), np.float32)
    embeddings = np.eye(1, 4, dtype=np.float32)
    one = seen(picture((140, 80, 160, 90)), CAR, keypoints=keypoints, embeddings=embeddings)
    found = run(detecting(Bright(masks=False)), one)
    assert found.keypoints is not None
    assert found.keypoints[:, 0, 2].tolist() == [1, 0]
    assert found.embeddings is not None
    assert found.embeddings.sum(axis=1).tolist() == [1, 0]
    assert found.masks is None


def test_without_tracks_nobody_tells_the_parent() -> None:
    found = run(detecting(Bright()), seen(picture((140, 80, 160, 90)), CAR, track_ids=None))
    assert (len(found), found.track_ids, found.parent_ids) == (2, None, None)


def test_nothing_found_and_nothing_there_leave_the_objects_as_they_were() -> None:
    one = seen(picture(), CAR)
    assert run(segmenting(Bright("car")), one) is one.detections
    assert len(run(detecting(Bright()), one)) == 1


def test_a_name_that_stands_there_twice_moves_no_other() -> None:
    """As DETR's exports have "N/A" for each number that COCO leaves out."""
    names = ("person", "N/A", "car", "N/A", "bus")
    stage = DetectInObjects(Bright("plate"), DetectOptions(model="m"), names)
    one = seen(picture((133, 91, 152, 97)), CAR, class_ids=np.array([4]), class_names=names)
    found = run(stage, one)
    assert [part.name for part in found] == ["bus", "plate"]


@pytest.mark.parametrize(
    ("names", "own", "said"),
    [
        pytest.param((), ("plate",), "stage parts: the detector of the stream", id="the stream's"),
        pytest.param(NAMES, (), "stage parts: its detector has no class names", id="its own"),
    ],
)
def test_detectors_without_names_are_refused(
    names: tuple[str, ...], own: tuple[str, ...], said: str
) -> None:
    detector = Bright()
    detector.class_names = own
    with pytest.raises(ModelError, match=rf"{said}.*write `class_names`"):
        DetectInObjects(detector, DetectOptions(model="m"), names, name="parts")
