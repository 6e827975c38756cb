"""The exact index: every vector is compared with every other, in NumPy."""

from __future__ import annotations

import numpy as np

from sightline.search.checks import check_new, check_query
from sightline.types import Floats, Ints

_GROWTH = 1.5


class ExactIndex:
    """A ``VectorIndex`` that finds what is most alike, without exception. Quick up to some 300,000 vectors.

    Args:
        dimensions: length of the vectors.
    """

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._vectors = np.empty((0, dimensions), np.float32)
        self._keys = np.empty(0, np.int64)
        self._count = 0
        self._rows: dict[int, int] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def keys(self) -> Ints:
        """See ``VectorIndex``."""
        return self._keys[: self._count].copy()

    def add(self, keys: Ints, vectors: Floats) -> None:
        """See ``VectorIndex``."""
        check_new(keys, vectors, self.dimensions, self._rows.keys())
        end = self._count + len(keys)
        if end > len(self._keys):
            room = max(end, int(_GROWTH * len(self._keys)))
            self._keys = np.resize(self._keys, room)
            grown = np.empty((room, self.dimensions), self._vectors.dtype)
            grown[: self._count] = self._vectors[: self._count]
            self._vectors = grown
        self._keys[self._count : end], self._vectors[self._count : end] = keys, vectors
        self._rows.update(zip(keys.tolist(), range(self._count, end), strict=True))
        self._count = end

    def remove(self, keys: Ints) -> None:
        """See ``VectorIndex``. The last vectors move to the places that become free."""
        for key in keys.tolist():
            row = self._rows.pop(key, None)
            if row is None:
                continue
            self._count -= 1
            if row != self._count:
                moved = int(self._keys[self._count])
                self._keys[row], self._vectors[row] = moved, self._vectors[self._count]
                self._rows[moved] = row

    def search(
        self, vectors: Floats, count: int, among: Ints | None = None
    ) -> list[tuple[Ints, Floats]]:
        """See ``VectorIndex``."""
        check_query(vectors, self.dimensions)
        rows = None if among is None else self._rows_of(among)
        return [self._best(vector, count, rows) for vector in vectors.astype(np.float32)]

    def _rows_of(self, keys: Ints) -> Ints:
        rows = (self._rows.get(key) for key in keys.tolist())
        return np.array([row for row in rows if row is not None], np.int64)

    def _best(self, vector: Floats, count: int, rows: Ints | None) -> tuple[Ints, Floats]:
        cosines = self._cosines(vector, rows)
        count = min(count, len(cosines))
        if not count:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        places = np.argpartition(cosines, len(cosines) - count)[-count:]
        places = places[np.lexsort((places, -cosines[places]))]
        chosen = places if rows is None else rows[places]
        return self._keys[chosen], cosines[places]

    def _cosines(self, vector: Floats, rows: Ints | None) -> Floats:
        """The cosines of a vector with those of ``rows``, or with all."""
        stored = self._vectors[: self._count]
        if rows is not None and len(rows) < self._count // 8:
            stored, rows = stored[rows], None
        # By one thread: BLAS takes all cores, and waits for each of them where others are at work.
        cosines: Floats = np.einsum("ij,j->i", stored, vector)
        return cosines if rows is None else cosines[rows]
