"""What every index asks of the vectors that it is given."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.search.checks import check_new, check_query
from sightline.types import Floats, Ints

TWO = np.eye(2, 3, dtype=np.float32)
BROKEN = TWO.copy()
BROKEN[1, 1] = np.nan


@pytest.mark.parametrize(
    ("keys", "vectors", "said"),
    [
        (
            [1, 2],
            np.eye(2, 4, dtype=np.float32),
            r"must be \(2, 3\), one for each key, not \(2, 4\)",
        ),
        ([1, 2, 3], TWO, r"must be \(3, 3\), one for each key, not \(2, 3\)"),
        ([1], TWO[0], r"must be \(1, 3\), one for each key, not \(3,\)"),
        ([1, 2], BROKEN, "infinite numbers, or none"),
        ([1, 2], TWO * np.float32(np.inf), "infinite numbers, or none"),
        ([1, 7], TWO, "key 7 is there already"),
        ([1, 1], TWO, "is there already"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_vectors_that_cannot_be_added(keys: list[int], vectors: Floats, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_new(np.array(keys), vectors, 3, {7})


@pytest.mark.parametrize("keys", [np.array([1, 2]), np.array([-1, 8])])
def test_vectors_that_can(keys: Ints) -> None:
    check_new(keys, TWO, 3, {7})


@pytest.mark.parametrize("vectors", [np.zeros(3), np.zeros((1, 4)), np.zeros((1, 1, 3))])
def test_queries_of_another_length(vectors: Floats) -> None:
    with pytest.raises(ValueError, match=r"vectors must be \(N, 3\)"):
        check_query(vectors, 3)
    check_query(np.zeros((0, 3), np.float32), 3)
