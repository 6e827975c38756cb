"""Numbers, ids and boxes of COCO's JSON as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.evaluation.pictures.coco_boxes import (
    UnusableEntry,
    is_true,
    number,
    plain_id,
    read_box,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7), (7.0, 7), ("7", 7), (" 7.00 ", 7), ("-3", -3), ("0", 0), ("007", "007"), ("a", "a"),
        ("7.5", "7.5"), (7.5, None), (float("nan"), None), (float("inf"), None), (True, None),
        (None, None), ("", None), ("  ", None), ([7], None),
    ],
)  # fmt: skip
def test_ids(value: object, expected: object) -> None:
    found = plain_id(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3.0), (0.5, 0.5), (" 0.5", 0.5), ("1e2", 100.0), ("x", None), ("nan", None), ("", None),
        (float("inf"), None), (True, None), (None, None), ([1], None),
    ],
)  # fmt: skip
def test_numbers(value: object, expected: float | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize("value", [1, True, "1", "true", "yes", 2.0])
def test_flags_that_are_set(value: object) -> None:
    assert is_true(value)


@pytest.mark.parametrize("value", [0, None, False, "", "0", "0.0", "False", " no ", "null", []])
def test_flags_that_are_not(value: object) -> None:
    assert not is_true(value)


@pytest.mark.parametrize(
    ("item", "box"),
    [
        pytest.param({"bbox": [1, 2, 3, 4]}, [1, 2, 3, 4], id="numbers"),
        pytest.param({"bbox": ["1", "2.5", 3, 0]}, [1, 2.5, 3, 0], id="text within, no height"),
        pytest.param({"bbox": "[1, 2, 3, 4]"}, [1, 2, 3, 4], id="all as text"),
        pytest.param({"segmentation": [[1, 2, 5, 2, 5, 9]]}, [1, 2, 4, 7], id="a polygon"),
        pytest.param({"segmentation": [1, 2, 5, 2, 5, 9]}, [1, 2, 4, 7], id="a flat polygon"),
        pytest.param({"segmentation": [[[1, 2], [5, 9]]]}, [1, 2, 4, 7], id="points"),
        pytest.param(
            {"segmentation": [[1, 2, 3, 2, 3, 3], [5, 6, 7, 8, 9, 9]]}, [1, 2, 8, 7], id="two parts"
        ),
        pytest.param({"bbox": [], "segmentation": [[1, 2, 5, 9]]}, [1, 2, 4, 7], id="an empty box"),
    ],
)
def test_boxes(item: dict[str, Any], box: list[float]) -> None:
    assert read_box(item).tolist() == box


@pytest.mark.parametrize(("size", "given"), [([4, 5], None), (None, (5, 4))])
def test_the_box_of_run_lengths(size: list[int] | None, given: tuple[int, int] | None) -> None:
    """Columns of 4 rows: 2 pixels in the second, 1 in the third column."""
    pytest.importorskip("faster_coco_eval")
    mask = {"counts": [5, 2, 2, 1, 10], **({"size": size} if size else {})}
    assert read_box({"segmentation": mask}, given).tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"bbox": [1, 2, 3]}, "bbox is not [x, y, width, height]"),
        ({"bbox": [1, 2, 3, None]}, "bbox is not made of numbers"),
        ({"bbox": [1, 2, -3, 4]}, "the width or height of its bbox is negative"),
        ({}, "neither bbox nor segmentation gives a box"),
        ({"segmentation": []}, "neither bbox nor segmentation gives a box"),
        ({"segmentation": [[1, 2, 3]]}, "neither bbox nor segmentation gives a box"),
        ({"segmentation": [[1, "x"]]}, "neither bbox nor segmentation gives a box"),
        ({"segmentation": {"counts": [3]}}, "neither bbox nor segmentation gives a box"),
        ({"segmentation": {"size": ["a", "b"], "counts": [3]}}, "neither bbox nor segmentation"),
    ],
)
def test_what_gives_no_box(item: dict[str, Any], said: str) -> None:
    with pytest.raises(UnusableEntry) as caught:
        read_box(item)
    assert str(caught.value).startswith(said)
