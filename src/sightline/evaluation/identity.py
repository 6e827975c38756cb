"""IDF1: how long each object is followed under one identity.

Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking",
ECCV workshops 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from sightline.evaluation.comparison import Comparison

THRESHOLD = 0.5
"""The overlap (IoU) from which a pair counts as together."""


@dataclass(frozen=True)
class IdentityCounts:
    """Objects of all frames: ``hits`` are those under the right identity. Counts add up."""

    hits: int = 0
    truth: int = 0
    found: int = 0

    def __add__(self, other: IdentityCounts) -> IdentityCounts:
        return IdentityCounts(
            self.hits + other.hits, self.truth + other.truth, self.found + other.found
        )

    @property
    def idf1(self) -> float:
        """IDF1 (Ristani et al. 2016), 0 to 1: harmonic mean of IDP and IDR."""
        return 2 * self.hits / max(1, self.truth + self.found)

    @property
    def idp(self) -> float:
        """Identity precision, 0 to 1: the share of what was found."""
        return self.hits / max(1, self.found)

    @property
    def idr(self) -> float:
        """Identity recall, 0 to 1: the share of the truth."""
        return self.hits / max(1, self.truth)


def count_identity(comparison: Comparison) -> IdentityCounts:
    """The counts of one stretch of footage.

    True and found tracks are joined one to one, so that the number of frames in which joined
    tracks are together is as large as can be.
    """
    truth, found = comparison.truth_lengths, comparison.found_lengths
    together = np.zeros((len(truth), len(found)))
    for frame in comparison.frames:
        together[np.ix_(frame.truth, frame.found)] += frame.iou >= THRESHOLD
    rows, columns = linear_sum_assignment(together, maximize=True)
    return IdentityCounts(int(together[rows, columns].sum()), int(truth.sum()), int(found.sum()))
