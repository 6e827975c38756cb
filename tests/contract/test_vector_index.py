"""What every index of vectors must do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.protocols import VectorIndex
from sightline.search.exact import ExactIndex
from sightline.search.usearch_ import UsearchIndex
from sightline.types import Floats

DIMENSIONS = 8


def approximate(dimensions: int) -> VectorIndex:
    pytest.importorskip("usearch")
    return UsearchIndex(dimensions)


EVERY: dict[str, Callable[[int], VectorIndex]] = {
    "exact": ExactIndex,
    "usearch": approximate,
}


@pytest.fixture(params=EVERY.values(), ids=EVERY.keys())
def make(request: pytest.FixtureRequest) -> Callable[[int], VectorIndex]:
    found: Callable[[int], VectorIndex] = request.param
    return found


def units(count: int, seed: int = 0) -> Floats:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_each_vector_finds_itself_first(make: Callable[[int], VectorIndex]) -> None:
    index, vectors = make(DIMENSIONS), units(200)
    keys = np.arange(200, dtype=np.int64) * 7 + 3
    index.add(keys[:50], vectors[:50])
    index.add(keys[50:], vectors[50:])
    assert len(index) == 200
    assert sorted(index.keys.tolist()) == keys.tolist()
    found = index.search(vectors, 3)
    assert [int(best[0]) for best, _ in found] == keys.tolist()
    for place, (best, cosines) in enumerate(found):
        assert best.dtype == np.int64
        assert cosines.dtype == np.float32
        assert (np.diff(cosines) <= 0).all()
        true = vectors[(best - 3) // 7] @ vectors[place]
        assert cosines == pytest.approx(true, abs=2e-3)


def test_what_was_removed_is_not_found(make: Callable[[int], VectorIndex]) -> None:
    index, vectors = make(DIMENSIONS), units(20)
    index.add(np.arange(20, dtype=np.int64), vectors)
    index.remove(np.array([0, 5, 19, 77], np.int64))  # the last one is not there
    assert len(index) == 17
    (best, _) = index.search(vectors[5:6], 20)[0]
    assert set(best.tolist()) == set(range(20)) - {0, 5, 19}
    index.add(np.array([5], np.int64), vectors[5:6])
    assert index.search(vectors[5:6], 1)[0][0].tolist() == [5]


def test_only_some_are_looked_at(make: Callable[[int], VectorIndex]) -> None:
    index, vectors = make(DIMENSIONS), units(100)
    index.add(np.arange(100, dtype=np.int64), vectors)
    among = np.array([3, 50, 98, 1000], np.int64)
    best, cosines = index.search(vectors[:1], 10, among)[0]
    true = vectors[[3, 50, 98]] @ vectors[0]
    assert best.tolist() == [int(among[i]) for i in np.argsort(-true)]
    assert cosines == pytest.approx(np.sort(true)[::-1], abs=2e-3)
    assert index.search(vectors[:1], 10, among[:0])[0][0].tolist() == []


def test_an_empty_one_finds_nothing(make: Callable[[int], VectorIndex]) -> None:
    index = make(DIMENSIONS)
    assert len(index) == 0
    assert index.keys.tolist() == []
    best, cosines = index.search(units(1), 10)[0]
    assert (best.shape, cosines.shape) == ((0,), (0,))
    assert index.search(units(1), 10, np.array([4], np.int64))[0][0].tolist() == []
    index.remove(np.array([4], np.int64))


def test_more_are_asked_for_than_there_are(make: Callable[[int], VectorIndex]) -> None:
    index = make(DIMENSIONS)
    index.add(np.arange(3, dtype=np.int64), units(3))
    assert len(index.search(units(1), 10)[0][0]) == 3


def test_every_vector_of_one_graph_can_be_reached() -> None:
    """usearch loses some, where several threads add vectors at a time."""
    pytest.importorskip("usearch")
    for seed in range(30):
        vectors = np.random.default_rng(seed).normal(size=(200, 32)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        index = UsearchIndex(32)
        index.add(np.arange(200), vectors)
        found = index.search(vectors, 1)
        assert [int(keys[0]) for keys, _ in found] == list(range(200))


def test_vectors_that_the_graph_does_not_lead_to_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    index = approximate(DIMENSIONS)
    index.add(np.arange(9, dtype=np.int64), units(9))
    whole: Any = index._index  # type: ignore[attr-defined]

    class Disconnected:
        def __getattr__(self, name: str) -> Any:
            return getattr(whole, name)

        def __len__(self) -> int:
            return len(whole)

        def search(self, vector: Floats, count: int, *, exact: bool = False) -> Any:
            return whole.search(vector, count if exact else count - 2, exact=exact)

    monkeypatch.setattr(index, "_index", Disconnected())
    keys, cosines = index.search(units(1), 9)[0]
    assert sorted(keys.tolist()) == list(range(9))
    assert cosines.tolist() == sorted(cosines.tolist(), reverse=True)


@pytest.mark.parametrize(
    ("keys", "vectors", "said"),
    [
        ([9], units(2), "one for each key"),
        ([9], units(1)[:, :4], "one for each key"),
        ([0], units(1), "is there already"),
        ([8, 8], units(2), "there already"),
        ([9], np.full((1, DIMENSIONS), np.nan, np.float32), "infinite numbers, or none"),
    ],
    ids=["too many", "too short", "a known key", "a key twice", "no numbers"],
)
def test_what_cannot_be_added(
    make: Callable[[int], VectorIndex], keys: list[int], vectors: Floats, said: str
) -> None:
    index = make(DIMENSIONS)
    index.add(np.array([0], np.int64), units(1))
    with pytest.raises(ValueError, match=said):
        index.add(np.array(keys, np.int64), vectors)
    assert len(index) == 1


def test_a_query_of_another_length(make: Callable[[int], VectorIndex]) -> None:
    with pytest.raises(ValueError, match=r"\(N, 8\)"):
        make(DIMENSIONS).search(units(1)[:, :4], 1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 15)), max_size=40))
def test_an_exact_index_holds_what_a_dictionary_would(changes: list[tuple[bool, int]]) -> None:
    index, known, vectors = ExactIndex(DIMENSIONS), {}, units(16)
    for adds, key in changes:
        if adds and key not in known:
            index.add(np.array([key], np.int64), vectors[key : key + 1])
            known[key] = vectors[key]
        elif not adds:
            index.remove(np.array([key], np.int64))
            known.pop(key, None)
    best, cosines = index.search(vectors[:1], 16)[0]
    order = sorted(known, key=lambda key: -float(known[key] @ vectors[0]))
    assert set(best.tolist()) == set(order)
    assert cosines == pytest.approx([float(known[k] @ vectors[0]) for k in order], abs=1e-5)
