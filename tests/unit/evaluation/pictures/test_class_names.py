"""Names of classes that differ only in how they are written."""

from __future__ import annotations

import pytest

from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.class_names import as_written, note_unknown


@pytest.mark.parametrize(
    ("names", "wanted", "written"),
    [
        pytest.param(["Traffic_Light"], ["traffic light"], ["traffic light"], id="case, underline"),
        pytest.param(["T-Shirt "], ["t shirt"], ["t shirt"], id="a hyphen, a blank"),
        pytest.param(["car"], ["car", "Car"], ["car"], id="exactly one of two"),
        pytest.param(["CAR"], ["car", "Car"], ["CAR"], id="one of two: nobody knows which"),
        pytest.param(["Car", "CAR"], ["car"], ["Car", "CAR"], id="two of one: nobody knows which"),
        pytest.param(["dog"], ["car"], ["dog"], id="another one"),
        pytest.param(["STRASSE"], ["straße"], ["straße"], id="letters that fold"),
    ],
)
def test_names_as_the_other_side_writes_them(
    names: list[str], wanted: list[str], written: list[str]
) -> None:
    notes = Notes()
    assert as_written(names, wanted, notes) == tuple(written)
    changed = [f"{a} is taken as {b}" for a, b in zip(names, written, strict=True) if a != b]
    assert [line.removeprefix("classes: ") for line in notes.lines()] == changed


def test_classes_that_a_model_does_not_have_are_noted() -> None:
    notes = Notes()
    note_unknown(["car"], ["car", "dog", "cat"], "the model", notes)
    (line,) = notes.lines()
    assert (
        line == "classes: the model does not have it: its objects count as missed: 2 (first: dog)"
    )
