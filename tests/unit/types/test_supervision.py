"""Detections of the library Supervision, and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.types.whole_detections import NAMES, same

from sightline.types import Detections


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
