"""Two models on the same pictures: what each found, and what the other found too."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from sightline.evaluation.pairs import PairCounts, compare_pictures, confident_from
from sightline.types import Detections

PERSON, CAR = 0, 1
LEFT, RIGHT = (0, 0, 10, 10), (100, 0, 120, 20)


def found(*objects: tuple[Sequence[float], float, int]) -> Detections:
    boxes = np.array([box for box, _, _ in objects], np.float32).reshape(-1, 4)
    return Detections(
        boxes,
        np.array([score for _, score, _ in objects], np.float32),
        np.array([class_id for _, _, class_id in objects], np.int64),
    )


@pytest.mark.parametrize(
    ("first", "second", "confident", "agreed"),
    [
        pytest.param(
            found((LEFT, 0.9, PERSON)), found((LEFT, 0.8, PERSON)), [2, 0], [2, 0], id="same"
        ),
        pytest.param(found((LEFT, 0.9, PERSON)), found(), [1, 0], [0, 0], id="the second misses it"),
        pytest.param(found(), found((LEFT, 0.9, CAR)), [0, 1], [0, 0], id="the first misses it"),
        pytest.param(
            found((LEFT, 0.9, PERSON)), found((LEFT, 0.9, CAR)), [1, 1], [0, 0], id="other class"
        ),
        pytest.param(
            found((LEFT, 0.9, CAR)), found((RIGHT, 0.9, CAR)), [0, 2], [0, 0], id="other place"
        ),
        pytest.param(
            found((LEFT, 0.6, CAR)), found((LEFT, 0.3, CAR)), [0, 1], [0, 1], id="found, but unsure"
        ),
        pytest.param(
            found((LEFT, 0.6, CAR)), found((LEFT, 0.2, CAR)), [0, 1], [0, 0], id="below the threshold"
        ),
        pytest.param(
            found((LEFT, 0.3, CAR)), found((LEFT, 0.3, CAR)), [0, 0], [0, 0], id="neither is sure"
        ),
        pytest.param(
            found((LEFT, 0.9, CAR), (LEFT, 0.8, CAR)), found((LEFT, 0.9, CAR)), [0, 3], [0, 2],
            id="one object is matched once",
        ),
        pytest.param(found(), found(), [0, 0], [0, 0], id="nothing"),
    ],
)  # fmt: skip
def test_confident_objects_are_agreed_on_where_the_other_found_them(
    first: Detections, second: Detections, confident: list[int], agreed: list[int]
) -> None:
    counts = compare_pictures(first, second, 2, (0.25, 0.25))
    assert counts.confident.tolist() == confident
    assert counts.agreed.tolist() == agreed


def test_both_sides_are_equal() -> None:
    one = found((LEFT, 0.9, CAR), (RIGHT, 0.7, PERSON))
    other = found((LEFT, 0.4, CAR))
    there, back = (
        compare_pictures(one, other, 2, (0.25, 0.25)),
        compare_pictures(other, one, 2, (0.25, 0.25)),
    )
    assert there.agreement == back.agreement == 0.5
    assert there.first.tolist() == back.second.tolist() == [1, 1]


def test_counts_add_up_over_pictures_and_unknown_classes_are_left_out() -> None:
    seen = compare_pictures(found((LEFT, 0.9, CAR)), found((LEFT, 0.9, CAR)), 2, (0.25, 0.25))
    missed = compare_pictures(found((LEFT, 0.9, CAR), (RIGHT, 0.9, 7)), found(), 2, (0.25, 0.25))
    total = PairCounts.none(2) + seen + missed
    assert total.agreement == pytest.approx(2 / 3)
    assert total.first.tolist() == [0, 2]
    assert total.second.tolist() == [0, 1]
    assert math.isnan(total.per_class[PERSON])
    assert math.isnan(PairCounts.none(2).agreement)


def test_each_model_has_a_threshold_of_its_own() -> None:
    assert confident_from(0.25) == 0.5
    counts = compare_pictures(found((LEFT, 0.5, CAR)), found((LEFT, 0.5, CAR)), 2, (0.25, 0.6))
    assert counts.second.tolist() == [0, 0]
    assert counts.agreed.sum() == 0
