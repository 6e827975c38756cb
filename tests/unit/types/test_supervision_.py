"""Detections of the library Supervision, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import supervision as sv
from tests.unit.some_results import some
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


def test_names_survive_supervision() -> None:
    found = replace(some(), class_ids=np.array([2, 0, 2]))
    back = Detections.from_supervision(found.to_supervision())
    assert back.class_names == found.class_names
    assert back.to_dict() == found.to_dict()
    through = found.to_supervision()
    through = through[through.confidence > 0.5]
    assert Detections.from_supervision(through).class_names == found.class_names
    kept = found.to_supervision().with_nms(threshold=0.5, class_agnostic=True)
    assert Detections.from_supervision(kept).class_names == found.class_names
    merged = sv.Detections.merge([found.to_supervision(), some().to_supervision()])
    assert Detections.from_supervision(merged).class_names == found.class_names
    nothing = found.to_supervision()[np.zeros(3, bool)]
    assert Detections.from_supervision(nothing).class_names == found.class_names
    assert Detections.from_supervision(found.to_supervision(), ["a", "b", "c"]).class_names == ("a", "b", "c")  # fmt: skip


@pytest.mark.parametrize(
    ("class_ids", "names", "ids", "class_names"),
    [
        pytest.param([2, 0], ["car", "man"], [2, 0], ("man", "1", "car"), id="both, with a gap"),
        pytest.param(None, ["car", "man"], [0, 1], ("car", "man"), id="names only"),
        pytest.param([4, 1], None, [4, 1], (), id="ids only"),
        pytest.param(None, None, [0, 0], (), id="neither"),
        pytest.param([-1, 3], ["none", "x"], [-1, 3], (), id="a negative id"),
        pytest.param([10**9, 3], ["a", "x"], [10**9, 3], (), id="a wild id"),
        pytest.param([1, 1], ["x", "x"], [1, 1], ("0", "x"), id="one class twice"),
    ],
)
def test_names_that_others_put_beside_each_object(
    class_ids: Any, names: Any, ids: list[int], class_names: tuple[str, ...]
) -> None:
    others = sv.Detections(
        np.array([[0, 0, 5, 5], [1, 1, 9, 9]]),
        class_id=None if class_ids is None else np.array(class_ids),
        data={} if names is None else {"class_name": np.array(names)},
    )
    found = Detections.from_supervision(others)
    assert found.class_ids.tolist() == ids
    assert found.class_names == class_names
    if names is not None and class_names:
        assert [one.name for one in found] == names


def test_two_names_for_one_class_are_refused() -> None:
    others = sv.Detections(
        np.zeros((2, 4)), class_id=np.array([1, 1]), data={"class_name": np.array(["a", "b"])}
    )
    with pytest.raises(ValueError, match="class id 1 is called both 'a' and 'b'"):
        Detections.from_supervision(others)
