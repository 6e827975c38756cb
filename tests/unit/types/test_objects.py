"""Ids of objects."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.types import Ints
from sightline.types.objects import ids_of


@pytest.mark.parametrize(
    ("ids", "count", "expected"),
    [
        pytest.param(None, 2, [None, None], id="nothing is tracked"),
        pytest.param(np.array([4, -1, 0]), 3, [4, None, 0], id="one is not; 0 is an id"),
        pytest.param(np.empty(0, np.int64), 0, [], id="no objects"),
    ],
)
def test_the_id_of_each_object(ids: Ints | None, count: int, expected: list[int | None]) -> None:
    assert ids_of(ids, count) == expected
