"""What two models found in a picture, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sightline.imaging.disagreements import side_by_side

IMAGE = np.full((60, 80, 3), 90, np.uint8)
CAR = {"box": [10, 10, 40, 40], "score": 0.9, "class_id": 2, "class": "car"}


def result(model: str, *objects: dict[str, Any]) -> dict[str, Any]:
    return {"model": model, "objects": list(objects)}


def test_both_halves_show_the_picture_below_a_line_of_text() -> None:
    before = IMAGE.copy()
    drawn = side_by_side(IMAGE, result("street", CAR), result("next"))
    assert (drawn.shape, drawn.dtype) == ((88, 160, 3), np.uint8)
    left, right = drawn[28:, :80], drawn[28:, 80:]
    assert (right == IMAGE).all(), "nothing was found"
    assert (left != IMAGE).any()
    assert (before == IMAGE).all()
    assert (drawn[:28, :80] != drawn[:28, 80:]).any(), "the texts differ"


@pytest.mark.parametrize(
    "wrong", [{"objects": []}, {"model": "m"}, {"model": "m", "objects": [{"box": [1, 2]}]}, {"model": "m", "objects": [{**CAR, "box": "x"}]}]
)  # fmt: skip
def test_results_of_another_form_are_errors_of_their_kind(wrong: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        side_by_side(IMAGE, wrong, result("next"))
