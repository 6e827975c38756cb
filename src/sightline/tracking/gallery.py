"""What tracked objects looked like: a few vectors of each, in one array for all."""

from __future__ import annotations

import numpy as np

from sightline.types import Floats, Ints, Mask

_FIRST_SLOTS = 32


class Gallery:
    """Vectors of length 1 of tracks, each of which has a slot.

    Args:
        size: vectors that are kept of each; the oldest is replaced.
        alike: cosine from which a vector tells no more than one that is kept, and is not added.
    """

    def __init__(self, size: int, alike: float) -> None:
        self._size = size
        self._alike = alike
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._vectors = np.empty((0, self._size, 0), np.float32)
        self._counts = np.empty(0, np.int64)
        self._used = np.empty(0, np.bool_)

    def take(self, count: int) -> Ints:
        """So many free slots, empty ones."""
        free = np.flatnonzero(~self._used)
        if len(free) < count:
            self._grow(max(2 * len(self._used), len(self._used) + count, _FIRST_SLOTS))
            free = np.flatnonzero(~self._used)
        slots = free[:count]
        self._used[slots], self._counts[slots], self._vectors[slots] = True, 0, 0
        return slots

    def keep(self, slots: Ints) -> None:
        """Free all slots but these."""
        self._used[:] = False
        self._used[slots] = True

    def cosines(self, vectors: Floats) -> Floats:
        """The best cosine of each vector (N, D) with those of each slot: (slots, N); 0 where there is none."""
        self._fit(vectors.shape[1])
        slots, size, length = self._vectors.shape
        if not slots:
            return np.zeros((0, len(vectors)), np.float32)
        all_of_them = self._vectors.reshape(slots * size, length) @ vectors.T
        best: Floats = all_of_them.reshape(slots, size, len(vectors)).max(axis=1)
        return best

    def add(self, slots: Ints, vectors: Floats, best: Floats) -> None:
        """Keep a vector of each of these slots, unless it tells nothing new.

        ``best`` are the cosines (N,) with what is kept; what has no vector yet takes any.
        """
        self._fit(vectors.shape[1])
        new: Mask = (best < self._alike) | (self._counts[slots] == 0)
        new &= vectors.any(axis=1)  # zeros are no vector
        slots = slots[new]
        self._vectors[slots, self._counts[slots] % self._size] = vectors[new]
        self._counts[slots] += 1

    def known(self, slots: Ints) -> Mask:
        """Which of these have a vector."""
        has: Mask = self._counts[slots] > 0
        return has

    def _grow(self, slots: int) -> None:
        more = slots - len(self._used)
        self._vectors = np.concatenate(
            (self._vectors, np.zeros((more, *self._vectors.shape[1:]), np.float32))
        )
        self._counts = np.concatenate((self._counts, np.zeros(more, np.int64)))
        self._used = np.concatenate((self._used, np.zeros(more, np.bool_)))

    def _fit(self, length: int) -> None:
        """Make room for vectors of this length. Those of another embedder say nothing: they are gone."""
        slots, size, before = self._vectors.shape
        if length != before:
            self._vectors = np.zeros((slots, size, length), np.float32)
            self._counts[:] = 0
