"""Names of pictures against what is right."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.evaluation.classification import (
    named_values,
    score_values,
    sure_values,
    true_values,
)

PROBABILITIES = np.array([[0.9, 0.1, 0.0], [0.4, 0.35, 0.25], [0.2, 0.2, 0.6], [0.6, 0.3, 0.1]], np.float32)  # fmt: skip
NAMES = ("red", "green", "blue")


def test_the_likeliest_value_is_named() -> None:
    named = named_values(PROBABILITIES, several=False)
    assert named.argmax(axis=1).tolist() == [0, 0, 2, 0]
    assert (named.sum(axis=1) == 1).all()
    assert sure_values(PROBABILITIES, several=False).any(axis=1).tolist() == [True, False, True, True]  # fmt: skip


def test_the_likeliest_of_many_is_sure_where_no_other_is_half_as_likely() -> None:
    many = np.full((2, 1000), 0.0008, np.float32)
    many[:, 7] = 0.2
    many[1, 8] = 0.15
    sure = sure_values(many, several=False)
    assert sure[0].nonzero()[0].tolist() == [7]
    assert not sure[1].any()
    assert not sure_values(many, several=True).any()


def test_scores_by_value() -> None:
    true = true_values(np.array([0, 1, 2, -1]), 3)
    scores = score_values(named_values(PROBABILITIES, several=False), true, NAMES)
    assert scores.accuracy == pytest.approx(2 / 3)
    assert scores.count == 3
    assert {name: (one.recall, one.count) for name, one in scores.per_value.items()} == {
        "red": (1, 1),
        "green": (0, 1),
        "blue": (1, 1),
    }


def test_several_values_may_hold() -> None:
    found = np.array([[0.9, 0.8, 0.1], [0.2, 0.9, 0.1]], np.float32)
    true = np.array([[True, True, False], [True, True, False]])
    scores = score_values(named_values(found, several=True), true, NAMES)
    assert scores.accuracy == pytest.approx((1 + 1 / 2) / 2)
    assert scores.per_value["red"].recall == pytest.approx(0.5)
    assert math.isnan(scores.per_value["blue"].recall)


def test_no_picture_at_all() -> None:
    nothing = np.empty((0, 3), np.float32)
    scores = score_values(named_values(nothing, several=False), nothing > 1, NAMES)
    assert math.isnan(scores.accuracy)
    assert scores.count == 0
