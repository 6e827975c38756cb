"""What a card says of keypoints, from the values that a model's outputs have."""

from __future__ import annotations

from typing import Any

import pytest

from sightline import coco
from sightline.errors import ModelError
from sightline.models.task_fields import check_task, with_keypoints
from sightline.types import Fit


def pose(values: int | None, *, scores: bool = True) -> Fit:
    return Fit((0,), task="pose", keypoint_values=values, class_scores=scores)


@pytest.mark.parametrize(
    ("fit", "told", "names", "shape", "classes"),
    [
        # 17 points of 3 values beside the classes, as COCO's poses have them.
        pytest.param(pose(52), {}, None, (17, 3), 1, id="COCO"),
        pytest.param(pose(53), {}, 2, (17, 3), 2, id="COCO, two classes"),
        pytest.param(pose(51, scores=False), {}, None, (17, 3), None, id="COCO after NMS"),
        pytest.param(pose(10), {}, None, (3, 3), 1, id="three of three"),
        pytest.param(pose(9), {}, None, (4, 2), 1, id="four of two"),
        pytest.param(pose(7), {"keypoint_shape": (3, 2)}, None, (3, 2), 1, id="told"),
        pytest.param(pose(7), {"keypoint_shape": (2, 3)}, None, (2, 3), 1, id="told otherwise"),
        pytest.param(pose(None), {}, None, (17, 3), None, id="nothing known"),
    ],
)
def test_shapes(
    fit: Fit, told: dict[str, Any], names: int | None, shape: tuple[int, int], classes: int | None
) -> None:
    found, fields = with_keypoints(fit, told, names, "m.yaml")
    assert fields["keypoint_shape"] == (shape, "card" if told else "output shapes")
    assert found.classes == classes
    named = fields.get("keypoint_names")
    assert named == ((coco.KEYPOINT_NAMES, "output shapes") if shape[0] == 17 else None)


@pytest.mark.parametrize(
    ("fit", "told", "said"),
    [
        pytest.param(
            pose(7), {}, r"two ways: write `keypoint_shape: \[2, 3\]` or .*\[3, 2\]", id="two ways"
        ),
        pytest.param(pose(8), {}, "7 values .*|no whole keypoints", id="none"),
        pytest.param(pose(1), {}, "no whole keypoints", id="a class alone"),
        pytest.param(
            pose(7), {"keypoint_shape": (4, 2)}, "4 × 2 keypoints are 8 values, but .* 7 for class scores",
            id="too many",
        ),
        pytest.param(
            pose(7), {"keypoint_shape": (7, 1)}, "are 7 values", id="no value is left for a class"
        ),
        pytest.param(
            pose(7, scores=False), {"keypoint_shape": (3, 2)}, "6 values, but .* 7 for keypoints",
            id="one too few",
        ),
        pytest.param(
            pose(10), {"keypoint_names": ("head", "tail")}, "2 keypoint_names, but .* 3 keypoints",
            id="names",
        ),
        pytest.param(
            Fit((0,)), {"keypoint_shape": (3, 2)}, "is for models with keypoints", id="no pose"
        ),
    ],
)  # fmt: skip
def test_what_does_not_go_together(fit: Fit, told: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=f"m.yaml: .*{said}"):
        with_keypoints(fit, told, None, "m.yaml")


def test_other_tasks_have_no_keypoints() -> None:
    assert with_keypoints(Fit((0,)), {}, 3, "m.yaml") == (Fit((0,)), {})


@pytest.mark.parametrize("task", ["segment", "pose", "obb"])
def test_a_task_that_the_outputs_do_not_tell(task: Any) -> None:
    check_task(Fit((0,), task=task), "yolov8", task, "m.yaml")
    check_task(Fit((0,), task=task), "yolov8", "detect", "m.yaml")  # boxes are there, too
    check_task(Fit((0,)), "yolov8", None, "m.yaml")
    with pytest.raises(ModelError, match=f"m.yaml: the model's task is {task}"):
        check_task(Fit((0,)), "yolov8", task, "m.yaml")
