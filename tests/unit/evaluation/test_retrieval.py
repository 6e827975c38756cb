"""Vectors against those of another embedder, and against identities."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.evaluation.retrieval import compare_vectors, mean_average_precision
from sightline.types import Floats


def directions(*degrees: float) -> Floats:
    radians = np.radians(np.array(degrees, np.float32))
    return np.stack((np.cos(radians), np.sin(radians)), axis=1)


def test_the_same_vectors_agree() -> None:
    vectors = directions(0, 40, 90, 180)
    agreement = compare_vectors(vectors, vectors)
    assert (agreement.cosine, agreement.nearest, agreement.count) == (pytest.approx(1), 1, 4)


def test_a_turn_of_all_keeps_the_neighbours_but_not_the_cosines() -> None:
    agreement = compare_vectors(directions(30, 70, 120, 210), directions(0, 40, 90, 180))
    assert agreement.nearest == 1
    assert agreement.cosine == pytest.approx(math.cos(math.radians(30)), abs=1e-5)


def test_other_neighbours_are_counted_but_copies_are_equally_good() -> None:
    reference = directions(0, 1, 2, 90, 100)  # the first three are as good as copies
    agreement = compare_vectors(directions(0, 2, 1, 90, 100), reference)
    assert agreement.nearest == 1
    agreement = compare_vectors(directions(0, 1, 2, 90, 3), reference)
    assert agreement.nearest == pytest.approx(4 / 5)


@pytest.mark.parametrize(
    ("identities", "wanted"),
    [
        pytest.param([1, 1, 2, 2], 1.0, id="each finds its own first"),
        pytest.param([1, 2, 1, 2], (1 / 2 + 1 / 2 + 1 / 3 + 1 / 3) / 4, id="others come before"),
        pytest.param([1, 1, 2, 3], 1.0, id="those alone do not count"),
        pytest.param([1, 2, 3, 4], math.nan, id="all alone"),
    ],
)
def test_mean_average_precision(identities: list[int], wanted: float) -> None:
    found = mean_average_precision(directions(0, 10, 40, 55), np.array(identities))
    assert found == pytest.approx(wanted, nan_ok=True)
