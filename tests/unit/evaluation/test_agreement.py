"""Label-free agreement."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from sightline.evaluation.agreement import score_agreement
from sightline.types import Detections

Make = Callable[..., Detections]
A, B, FAR = [0, 0, 50, 50], [100, 0, 150, 50], [500, 500, 550, 550]
NAMES = ("person", "car")


@pytest.mark.parametrize(
    ("boxes", "scores", "expected"),
    [
        pytest.param([A, B], [0.9, 0.8], (1, 1, 0), id="the same"),
        pytest.param([A, B], [0.8, 0.6], (1, 1, -0.15), id="lower scores"),
        pytest.param([A, B], [0.9, 0.2], (1, 0.5, -0.3), id="too low to count"),
        pytest.param([A], [0.9], (51 / 101, 0.5, 0), id="one missed"),
        pytest.param([A, B, FAR], [0.7, 0.6, 0.95], (2 / 3, 1, -0.2), id="one too many"),
        pytest.param([A, [0, 0, 50, 49], B], [0.5, 0.9, 0.8], (None, 1, 0), id="best score first"),
    ],
)
def test_by_hand(
    make: Make, boxes: list[list[float]], scores: list[float], expected: tuple[float, ...]
) -> None:
    reference = make([A, B, FAR], [0.9, 0.8, 0.3])
    result = score_agreement([make(boxes, scores)], [reference], NAMES)
    map50, recall, shift = expected
    assert result.count == 2  # the third is not confident
    if map50 is not None:
        assert result.map50 == pytest.approx(map50)
    assert result.recall == pytest.approx(recall)
    assert result.score_shift == pytest.approx(shift, abs=1e-6)
    person = result.per_class["person"]
    assert (person.recall, person.count) == (result.recall, 2)
    assert result.per_class["car"].count == 0
    assert math.isnan(result.per_class["car"].recall)


def test_confident_and_conf(make: Make) -> None:
    found, reference = make([A, B, FAR], [0.2, 0.2, 0.2]), make([A, B, FAR], [0.9, 0.8, 0.3])
    result = score_agreement([found], [reference], NAMES, confident=0.3, conf=0.15)
    assert (result.count, result.recall) == (3, 1)
    assert result.score_shift == pytest.approx(0.2 - 2 / 3)


def test_another_class_is_no_match(make: Make) -> None:
    result = score_agreement([make([A], [0.9], [1])], [make([A], [0.9], [0])], NAMES)
    assert (result.map, result.recall) == (0, 0)
    assert math.isnan(result.score_shift)


def test_one_object_matches_once(make: Make) -> None:
    near = [0, 0, 50, 48]
    result = score_agreement([make([A], [0.9])], [make([A, near], [0.9, 0.8])], NAMES)
    assert result.recall == 0.5


def test_nothing_confident(make: Make) -> None:
    result = score_agreement([make([A])], [make([A], [0.4])], NAMES)
    assert result.count == 0
    assert math.isnan(result.map)
    assert math.isnan(result.recall)
