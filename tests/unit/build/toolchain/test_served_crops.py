"""A picture and boxes in, names or vectors out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import pytest

from sightline.build import classifier, embedder
from sightline.build.toolchain.served_crops import ServedCropModel
from sightline.config import ModelOptions
from sightline.errors import InvalidRequest
from sightline.types import Floats, Frame, Pixels


@pytest.fixture(scope="module")
def names() -> Iterator[ServedCropModel]:
    with closing(ServedCropModel(classifier(ModelOptions(model="street-attributes")))) as served:
        yield served


@pytest.fixture
def frame(frame_of: Callable[[Pixels], Frame]) -> Frame:
    return frame_of(np.full((60, 100, 3), (40, 40, 200), np.uint8))


def test_names_of_the_whole_picture_and_of_boxes(names: ServedCropModel, frame: Frame) -> None:
    (whole,) = names.answer(frame).objects
    assert whole["box"] == [0, 0, 100, 60]
    answer = names.answer(frame, np.array([[0, 0, 50, 50], [5, 5, 40, 40]], np.float64))
    assert {name: one.shape for name, one in answer.arrays.items()} == {
        "type_probabilities": (2, 6),
        "colour_probabilities": (2, 9),
    }
    labels = answer.objects[1]["labels"]
    assert isinstance(labels, list)
    assert [one["attribute"] for one in labels] == ["type"] * 5 + ["colour"] * 5
    assert names.answer(frame, np.empty((0, 4), np.float32)).objects == []


def test_vectors(frame: Frame) -> None:
    with closing(ServedCropModel(embedder(ModelOptions(model="colours")))) as served:
        answer = served.answer(frame)
    assert answer.arrays["vectors"].shape == (1, 192)
    assert answer.objects[0]["vector"] == answer.arrays["vectors"][0].tolist()


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (np.zeros(4), "rows of x1 y1 x2 y2"),
        (np.zeros((2, 3)), "rows of x1 y1 x2 y2"),
        (np.full((1, 4), np.nan), "finite"),
    ],
)
def test_what_is_no_box(names: ServedCropModel, frame: Frame, boxes: Floats, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        names.answer(frame, boxes)
