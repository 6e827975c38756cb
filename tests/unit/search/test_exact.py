"""The exact index: what is most alike, whatever was added and removed."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.search.exact import ExactIndex
from sightline.types import Floats

RNG = np.random.default_rng(0)


def unit(count: int, dimensions: int = 8) -> Floats:
    vectors = RNG.normal(size=(count, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("among", [None, list(range(0, 400, 2)), list(range(5)), [], [9999]])
@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_the_same_as_comparing_with_each(count: int, among: list[int] | None) -> None:
    """Also after a third was removed, and with few or many of which it is searched."""
    index, vectors = ExactIndex(8), unit(400)
    for at in range(0, 400, 50):
        index.add(np.arange(at, at + 50), vectors[at : at + 50])
    index.remove(np.arange(0, 400, 3))
    left = [key for key in range(400) if key % 3 and (among is None or key in among)]
    (query,) = unit(1)
    given = None if among is None else np.array(among, np.int64)
    ((keys, cosines),) = index.search(query[None], count, given)
    expected = sorted(left, key=lambda key: -float(vectors[key] @ query))[:count]
    assert keys.tolist() == expected
    assert cosines == pytest.approx(vectors[expected] @ query, abs=1e-6)


def test_a_removed_key_can_be_added_again() -> None:
    index, vectors = ExactIndex(8), unit(3)
    index.add(np.array([5, 6, 7]), vectors)
    index.remove(np.array([5, 5, 99]))
    assert sorted(index.keys.tolist()) == [6, 7]
    index.add(np.array([5]), vectors[:1])
    assert len(index) == 3
    ((keys, _),) = index.search(vectors[:1], 1)
    assert keys.tolist() == [5]


def test_an_empty_index_finds_nothing() -> None:
    ((keys, cosines),) = ExactIndex(8).search(unit(1), 5)
    assert (keys.tolist(), cosines.tolist()) == ([], [])
