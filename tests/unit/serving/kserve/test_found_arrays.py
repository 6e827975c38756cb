"""What a detector found, as the tensors of an answer."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from sightline.models.model_card import ModelCard
from sightline.serving.kserve.found_arrays import BOXES, found_outputs, found_specs
from sightline.serving.kserve.tensors import Output
from sightline.types import Detections


def card(task: str, **more: Any) -> ModelCard:
    return ModelCard(name="m", decoder="yolov8", task=task, size=(64, 64), fixed_size=True, **more)


def objects(count: int, **more: Any) -> Detections:
    boxes = np.arange(4 * count, dtype=np.float32).reshape(count, 4)
    return Detections(boxes, np.full(count, 0.5, np.float32), np.arange(count), **more)


def by_name(outputs: list[Output]) -> dict[str, np.ndarray]:
    return {output.name: output.array for output in outputs}


@pytest.mark.parametrize(
    ("made", "more"),
    [
        pytest.param(None, [], id="several models"),
        pytest.param(card("detect"), [], id="boxes"),
        pytest.param(card("segment"), [("masks", "BYTES", (-1,))], id="masks"),
        pytest.param(
            card("pose", keypoint_shape=(5, 2)), [("keypoints", "FP32", (-1, 5, 3))], id="keypoints"
        ),
        pytest.param(card("obb"), [("angles", "FP32", (-1,))], id="angles"),
    ],
)
def test_outputs_of_a_task(made: ModelCard | None, more: list[tuple[Any, ...]]) -> None:
    specs = found_specs(made)
    assert specs[: len(BOXES)] == BOXES
    assert [(s.name, s.datatype, s.shape) for s in specs[len(BOXES) :]] == more


def test_objects_of_all_pictures_one_after_another() -> None:
    found = by_name(found_outputs([objects(2), objects(0), objects(1)], BOXES))
    assert found["counts"].tolist() == [2, 0, 1]
    assert found["boxes"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3]]
    assert found["class_ids"].tolist() == [0, 1, 0]
    assert found["scores"].dtype == np.float32


def test_masks_are_texts() -> None:
    masks = np.zeros((2, 4, 5), np.bool_)
    masks[:, 1:3, 1:3] = True
    specs = found_specs(card("segment"))
    found = by_name(found_outputs([objects(0), objects(2, masks=masks)], specs))
    assert found["masks"].shape == (2,)
    assert json.loads(found["masks"][0])["size"] == [4, 5]
    assert by_name(found_outputs([objects(0)], specs))["masks"].shape == (0,)


@pytest.mark.parametrize(
    ("made", "field", "value", "empty"),
    [
        (card("obb"), "angles", np.array([0.5], np.float32), (0,)),
        (
            card("pose", keypoint_shape=(2, 3)),
            "keypoints",
            np.ones((1, 2, 3), np.float32),
            (0, 2, 3),
        ),
    ],
)
def test_pictures_of_nothing_have_the_shape_all_the_same(
    made: ModelCard, field: str, value: np.ndarray, empty: tuple[int, ...]
) -> None:
    specs = found_specs(made)
    pictures = [objects(0), objects(1, **{field: value})]
    assert by_name(found_outputs(pictures, specs))[field].tolist() == value.tolist()
    assert by_name(found_outputs([objects(0)], specs))[field].shape == empty
