"""A mask for each object of a list."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.models.decoders.object_masks import masked_objects, with_masks
from sightline.models.postprocess.unplaced_masks import BoxMasks, PlaneMasks
from sightline.types import Fit, TensorSpec

CANVAS = (160, 96)


@pytest.mark.parametrize(
    ("boxes", "masks", "has"),
    [
        pytest.param((1, 100, 4), (1, 100, 28, 28), True, id="over the box"),
        pytest.param((1, 100, 4), (1, 100, 96, 160), True, id="over the picture"),
        pytest.param((1, 100, 4), (1, 100, 160, 96), False, id="over a picture on its side"),
        pytest.param((100, 4), (100, 1, 28, 28), True, id="no batch, an axis more"),
        pytest.param((100, 4), (100, 28, 28), True, id="no batch"),
        pytest.param((None, 4), (None, 1, None, None), True, id="all open"),
        pytest.param((1, 100, 4), (1, 99, 28, 28), False, id="of other objects"),
        pytest.param((1, 100, 4), (1, 100, 80, 80), False, id="of no known size"),
        pytest.param((1, 100, 4), (1, 100), False, id="one number for each"),
    ],
)
def test_an_output_that_has_masks(
    boxes: tuple[int | None, ...], masks: tuple[int | None, ...], has: bool
) -> None:
    fit = Fit((0, 1))
    outputs = [
        TensorSpec("boxes", boxes),
        TensorSpec("labels", boxes[:-1]),
        TensorSpec("masks", masks),
    ]
    expected = Fit((0, 1, 2), task="segment") if has else fit
    assert with_masks(fit, outputs, CANVAS) == expected


def test_two_outputs_that_can_be_masks_are_none() -> None:
    outputs = [TensorSpec("b", (9, 4)), *[TensorSpec(n, (9, 28, 28)) for n in "xy"]]
    assert with_masks(Fit((0,)), outputs, CANVAS) == Fit((0,))


LISTS = [
    np.array([[[0, 0, 40, 40], [50, 50, 60, 60]]], np.float32),
    np.array([[0.2, 0.9]], np.float32),
    np.array([[1, 2]]),
]


def test_objects_without_masks() -> None:
    (found,) = masked_objects(LISTS, [], CANVAS, 0.5)
    assert (found.class_ids.tolist(), found.masks) == ([2], None)


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        pytest.param((4, 4), BoxMasks, id="over the box"),
        pytest.param((96, 160), PlaneMasks, id="over the picture"),
    ],
)
def test_masks_of_the_objects_that_stay(
    size: tuple[int, int], kind: type[BoxMasks | PlaneMasks]
) -> None:
    planes = np.zeros((1, 2, *size), np.float32)
    planes[0, 1] = 1.0
    (found,) = masked_objects(LISTS, [planes], CANVAS, 0.5)
    assert type(found.masks) is kind
    rows, columns = np.nonzero(found.masks[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (50, 59, 50, 59)


def test_pictures_of_nothing() -> None:
    planes = np.zeros((1, 2, 4, 4), np.float32)
    (found,) = masked_objects(LISTS, [planes], CANVAS, 0.95)
    assert len(found) == 0
    none = [LISTS[0][:, :0], LISTS[1][:, :0], LISTS[2][:, :0]]
    (found,) = masked_objects(none, [planes[:, :0]], CANVAS, 0.5)
    assert len(found) == 0
