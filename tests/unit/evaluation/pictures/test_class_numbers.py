"""Which class a number in a file of results means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.coco import COCO_NAMES
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.class_numbers import ResultRow, class_places, on_an_object
from sightline.evaluation.pictures.labels import Dataset, LabelledPicture
from sightline.types import Detections

FILE = Path("found.json")
BOXES = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], np.float32)


def dataset(
    names: tuple[str, ...],
    classes: list[int],
    ids: tuple[int, ...] | None = None,
) -> Dataset:
    """One picture with an object of each of these classes; ``ids`` are the file's own, if it has any."""
    truth = Detections(
        BOXES[: len(classes)],
        np.ones(len(classes), np.float32),
        np.array(classes),
        class_names=names,
    )
    none = np.zeros(len(classes), np.bool_)
    picture = LabelledPicture(1, "a.jpg", Path("a.jpg"), truth, none, np.full(len(classes), 100.0))
    numbers = ids if ids is not None else tuple(range(len(names)))
    return Dataset(names, (picture,), numbers, has_ids=ids is not None)


def rows(*categories: int | str) -> list[ResultRow]:
    return [
        ResultRow(0, BOXES[i].astype(np.float64), 0.5, category, f"[{i}]")
        for i, category in enumerate(categories)
    ]


ABC = ("a", "b", "c")


@pytest.mark.parametrize(
    ("truth", "found", "places", "note"),
    [
        pytest.param(
            dataset(ABC, [0, 1, 2], (7, 8, 9)), [7, 8, 9], [0, 1, 2], None, id="the truth's own ids"
        ),
        pytest.param(dataset(ABC, [0, 1, 2]), ["a", "b", "c"], [0, 1, 2], None, id="names"),
        pytest.param(dataset(ABC, [0, 1, 2]), [0, 1, 2], [0, 1, 2], None, id="places from 0"),
        pytest.param(
            dataset(ABC, [0, 1, 2]), [1, 2, 3], [0, 1, 2], "counted from 1", id="places from 1"
        ),
        pytest.param(
            dataset(ABC, [0, 1]), [1, 2], [0, 1], "counted from 1", id="both can be: objects tell"
        ),
        pytest.param(
            dataset(ABC, [0, 1, 2], (7, 8, 9)),
            [0, 1, 2],
            [0, 1, 2],
            "counted from 0",
            id="ids that the truth does not have",
        ),
        pytest.param(
            dataset(ABC, [0, 1, 2], (1, 2, 3)),
            [2, 3, 3],
            [1, 2, 2],
            None,
            id="the truth's ids, though objects lie otherwise",
        ),
        pytest.param(
            dataset(COCO_NAMES, [0, 79]),
            [1, 90],
            [0, 79],
            "COCO's own number",
            id="COCO's numbers with gaps",
        ),
    ],
)
def test_numbers_of_classes(
    truth: Dataset, found: list[int | str], places: list[int], note: str | None
) -> None:
    notes = Notes()
    meant = class_places(FILE, rows(*found), truth, notes)
    assert [meant[category] for category in found] == places
    assert [note in line for line in notes.lines()] == [True] * (note is not None)


def test_what_would_fit_far_better_is_noted() -> None:
    """The truth's ids explain all rows, and no object is of its class; as places all are."""
    notes = Notes()
    truth = dataset(ABC, [0, 1, 2], (1, 2, 0))
    meant = class_places(FILE, rows(0, 1, 2), truth, notes)
    assert [meant[i] for i in range(3)] == [2, 0, 1]
    (line,) = notes.lines()
    assert "category_id is taken as the truth has it, and 0 objects" in line
    assert line.endswith("counted from 0 it would be 3")


def test_rows_that_lie_on_an_object() -> None:
    far = ResultRow(0, np.array([80.0, 0, 90, 10]), 0.5, 0, "[3]")
    assert on_an_object([*rows(5, 6), far], dataset(ABC, [0, 1, 2])) == 2
    assert on_an_object([], dataset(ABC, [0])) == 0
