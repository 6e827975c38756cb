"""An approximate index for many vectors: HNSW (Malkov and Yashunin 2020), by the package usearch."""

from __future__ import annotations

import importlib.util
from typing import Any, Self

import numpy as np

from sightline.errors import MissingPackage
from sightline.search.checks import check_new, check_query
from sightline.types import Floats, Ints

_CONNECTIVITY, _EXPANSION_ADD, _EXPANSION_SEARCH = 16, 128, 128
"""HNSW's M, efConstruction and ef: benchmarks/search.py says what recall they reach."""
_FEW = 20_000
"""Up to so many keys of ``among`` are compared one by one: a graph that may show few of its nodes finds little."""
_MOST_TRIES = 4


class UsearchIndex:
    """A ``VectorIndex`` that finds nearly all of what is most alike, quickly also among millions.

    Vectors are kept as float16.

    Args:
        dimensions: length of the vectors.

    Raises MissingPackage: usearch is not installed.
    """

    def __init__(self, dimensions: int) -> None:
        self.check_installed()
        self.dimensions = dimensions
        self._index = _made(dimensions)

    @staticmethod
    def check_installed() -> None:
        """Raises MissingPackage: usearch is not installed."""
        if importlib.util.find_spec("usearch") is None:
            raise MissingPackage.of("usearch", "search")

    @classmethod
    def of_content(cls, content: bytes, dimensions: int) -> Self | None:
        """The index that ``content`` was; None where it is none, or has other dimensions."""
        made = cls(dimensions)
        try:
            made._index.load(content)
        except (RuntimeError, ValueError, MemoryError):  # what usearch raises of broken content
            return None
        return made if made._index.ndim == dimensions else None

    def content(self) -> bytes:
        """All of it, for a file."""
        return bytes(self._index.save())

    def __len__(self) -> int:
        return len(self._index)

    @property
    def keys(self) -> Ints:
        """See ``VectorIndex``."""
        keys: Ints = self._index.keys[:].astype(np.int64)
        return keys

    def vector(self, key: int) -> Floats:
        """The vector (dimensions,) float32 of a key that is there."""
        return np.asarray(self._index.get(key), np.float32).reshape(-1)

    def add(self, keys: Ints, vectors: Floats) -> None:
        """See ``VectorIndex``."""
        check_new(keys, vectors, self.dimensions, self._index)
        if len(keys):
            # With several threads, some nodes of the graph become ones that no search reaches.
            self._index.add(keys, vectors.astype(np.float16), threads=1)

    def remove(self, keys: Ints) -> None:
        """See ``VectorIndex``."""
        there = keys[np.asarray(self._index.contains(keys))] if len(keys) else keys
        if len(there):
            self._index.remove(there)

    def search(
        self, vectors: Floats, count: int, among: Ints | None = None
    ) -> list[tuple[Ints, Floats]]:
        """See ``VectorIndex``. With ``among`` it looks further until enough of those are found."""
        check_query(vectors, self.dimensions)
        if among is None:
            return [self._best(vector, count) for vector in vectors]
        there = among[np.asarray(self._index.contains(among))] if len(among) else among
        if len(there) <= _FEW:
            return self._compared(vectors, count, there)
        return [self._best_among(vector, count, there) for vector in vectors]

    def _best(self, vector: Floats, count: int) -> tuple[Ints, Floats]:
        count = min(count, len(self))
        if not count:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        found = self._index.search(vector.astype(np.float16), count)
        if (
            len(found.keys) < count
        ):  # some nodes of the graph cannot be reached from where it begins
            found = self._index.search(vector.astype(np.float16), count, exact=True)
        cosines = 1 - np.asarray(found.distances, np.float32)
        return np.asarray(found.keys, np.int64), cosines

    def _best_among(self, vector: Floats, count: int, there: Ints) -> tuple[Ints, Floats]:
        wanted = min(count, len(there))
        looked_at = 2 * wanted * len(self) // len(there)
        for _ in range(_MOST_TRIES):
            keys, cosines = self._best(vector, looked_at)
            kept = np.isin(keys, there)
            if kept.sum() >= wanted or looked_at >= len(self):
                return keys[kept][:count], cosines[kept][:count]
            looked_at *= 4
        return self._compared(vector[None], count, there)[0]

    def _compared(self, vectors: Floats, count: int, keys: Ints) -> list[tuple[Ints, Floats]]:
        """Compare the vectors with each of a few keys."""
        if not len(keys):
            return [(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in vectors]
        stored = np.asarray(self._index.get(keys), np.float32).reshape(len(keys), -1)
        found = []
        for cosines in vectors @ stored.T:
            best = np.lexsort((keys, -cosines))[:count]
            found.append((keys[best], cosines[best].astype(np.float32)))
        return found


def _made(dimensions: int) -> Any:
    from usearch.index import Index

    return Index(
        ndim=dimensions,
        metric="cos",
        dtype="f16",
        connectivity=_CONNECTIVITY,
        expansion_add=_EXPANSION_ADD,
        expansion_search=_EXPANSION_SEARCH,
    )
