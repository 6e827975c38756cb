"""What objects look like: the distribution of their embeddings, as a sketch of fixed size that can be added up.

The sketch is the sum of random Fourier features (Rahimi and Recht 2007, "Random Features for Large-Scale Kernel
Machines"). Their mean tells a distribution from others: the distance of two means is the maximum mean discrepancy
(MMD, Gretton et al. 2012) with a Gaussian kernel, to what 128 random frequencies resolve.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.monitoring.profiles.statistic import checked_count
from sightline.types import Floats

Reals = NDArray[np.float64]

FREQUENCIES = 128
SCALE = 1.0
"""Scale of the kernel exp(-d² / SCALE²), for vectors of length 1: it is 0.14 between two that have nothing in common."""
_SEED = 20


@dataclass(slots=True, eq=False)
class LooksSketch:
    """What some vectors of one embedder are like.

    Attributes:
        count: how many there are.
        total: (256,) the sum of their features.
    """

    count: int = 0
    total: Reals = field(default_factory=lambda: np.zeros(2 * FREQUENCIES))

    def add(self, vectors: Floats) -> None:
        """Count vectors (N, D) of length 1."""
        angles = vectors.astype(np.float64) @ _frequencies(vectors.shape[1])
        self.total += np.concatenate([np.cos(angles), np.sin(angles)], axis=1).sum(axis=0)
        self.count += len(vectors)

    def plus(self, other: LooksSketch, sign: int = 1) -> LooksSketch:
        """Both together; with a ``sign`` of -1, this one without the other, which is a part of it."""
        return LooksSketch(self.count + sign * other.count, self.total + sign * other.total)

    def discrepancy(self, other: LooksSketch) -> float:
        """The maximum mean discrepancy, from 0: alike to 1.4; it is not squared, and without bias before the root.

        Raises ValueError: one of them has fewer than two vectors.
        """
        if min(self.count, other.count) < 2:
            raise ValueError("the discrepancy of distributions needs two vectors of each at least")
        own, theirs = (one.total / one.count for one in (self, other))
        within = sum(
            (one.count * float(mean @ mean) / FREQUENCIES - 1) / (one.count - 1)
            for one, mean in ((self, own), (other, theirs))
        )
        return float(np.sqrt(max(0.0, within - 2 * float(own @ theirs) / FREQUENCIES)))

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        packed = base64.b64encode(self.total.astype("<f4").tobytes()).decode()
        return {"count": self.count, "total": packed}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LooksSketch:
        """What ``to_dict`` gave. Raises KeyError, TypeError, ValueError: it is something else."""
        count = checked_count(values["count"])
        total = np.frombuffer(base64.b64decode(values["total"]), "<f4")
        if total.shape != (2 * FREQUENCIES,) or not np.abs(total).max() <= 1.001 * count:
            raise ValueError("the sum of its features is none")
        return cls(count, total.astype(np.float64))


@lru_cache(maxsize=8)
def _frequencies(dimensions: int) -> Reals:
    """(D, 128), the same in each process and version: sketches in files are compared with new ones."""
    random = np.random.RandomState(_SEED)
    return np.asarray(random.standard_normal((dimensions, FREQUENCIES)) * np.sqrt(2) / SCALE)
