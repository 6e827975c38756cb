"""Which list of objects is which, by names, shapes and types."""

from __future__ import annotations

import pytest

from sightline.models.decoders.roles import fits, object_lists, role
from sightline.types import TensorSpec


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("num_dets", "count"),
        ("num_detections:0", "count"),
        ("valid_boxes", "count"),
        ("det_scores", "scores"),
        ("class_scores", "scores"),
        ("confidence", "scores"),
        ("labels", "classes"),
        ("Detect/cls", "classes"),
        ("pred_boxes", "boxes"),
        ("rois", "boxes"),
        ("6379", None),
    ],
)
def test_names_say_what_an_output_is(name: str, said: str | None) -> None:
    assert role(TensorSpec(name, ())) == said


@pytest.mark.parametrize(
    ("shape", "pattern", "can"),
    [
        pytest.param((1, 100), (1, 100), True, id="the same"),
        pytest.param((None, 100), (1, 100), True, id="open"),
        pytest.param((1, 100), (1, None), True, id="an open pattern"),
        pytest.param((), (1, 100), True, id="unknown"),
        pytest.param((1, 99), (1, 100), False, id="another number"),
        pytest.param((1, 100, 1), (1, 100), False, id="another rank"),
    ],
)
def test_shapes_that_can_be_a_pattern(
    shape: tuple[int | None, ...], pattern: tuple[int | None, ...], can: bool
) -> None:
    assert fits(shape, pattern) is can


def boxes(name: str = "a") -> TensorSpec:
    return TensorSpec(name, (1, 100, 4))


def values(name: str, dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name, (1, 100), dtype)


COUNT = TensorSpec("num_dets", (1, 1), "int32")


@pytest.mark.parametrize(
    ("outputs", "places"),
    [
        pytest.param(
            [COUNT, boxes(), values("det_scores"), values("det_classes")],
            (1, 2, 3, 0),
            id="by name, with a count",
        ),
        pytest.param(
            [values("x", "int64"), boxes(), values("y")], (1, 2, 0), id="whole numbers are classes"
        ),
        pytest.param([values("scores"), values("x"), boxes()], (2, 0, 1), id="scores are known"),
        pytest.param([values("x"), values("labels"), boxes()], (2, 0, 1), id="classes are known"),
        pytest.param(
            [TensorSpec("boxes", (1, 100, None)), values("scores"), values("labels")],
            (0, 1, 2),
            id="boxes of open width by name",
        ),
        pytest.param(
            [TensorSpec("b", (100, 4)), TensorSpec("s", (100,)), TensorSpec("l", (100,), "int64")],
            (0, 1, 2),
            id="no batch",
        ),
        pytest.param([values("x"), values("y"), boxes()], None, id="two lists of floats, no name"),
        pytest.param([values("scores"), values("labels")], None, id="no boxes"),
        pytest.param([boxes("x"), boxes("y"), values("scores")], None, id="boxes twice"),
        pytest.param([boxes(), values("scores")], None, id="no classes"),
        pytest.param(
            [boxes(), TensorSpec("scores", (1, 99)), values("labels")], None, id="other lengths"
        ),
    ],
)
def test_lists_are_told_apart(outputs: list[TensorSpec], places: tuple[int, ...] | None) -> None:
    assert object_lists(outputs) == places
