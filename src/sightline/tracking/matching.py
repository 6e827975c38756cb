"""Which track is which detection: overlaps and optimal assignment, both on sparse pairs.

In a picture most boxes touch few others, so a pair is a (row, column, weight) in three parallel
arrays and everything after the first test for overlap costs per pair, not per rows x columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from sightline.types import Ints, Mask

# Sums of weights are exact to far better than this; it keeps ties out of the shortcut.
_MARGIN = 1 + 1e-9
_TINY = np.finfo(np.float64).tiny  # for the union of a flat and a thin box, both without area


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """K pairs of a row (track) and a column (detection), each with a weight >= 0."""

    rows: Ints
    columns: Ints
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, index: slice | Mask | Ints) -> Pairs:
        return Pairs(self.rows[index], self.columns[index], self.weights[index])


def overlaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> Pairs:
    """Every pair of boxes that overlap, with its intersection over union, in order.

    Args:
        first, second: boxes, (4, R) and (4, C), in rows x1 y1 x2 y2 with x1 <= x2 and y1 <= y2.
    """
    x1, y1, x2, y2 = first[:, :, None]
    touching = x1 < second[2]
    touching &= second[0] < x2
    touching &= y1 < second[3]
    touching &= second[1] < y2
    rows, columns = np.divmod(touching.ravel().nonzero()[0], max(second.shape[1], 1))
    a, b = first[:, rows], second[:, columns]
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = sides[0] * sides[1]
    a_sides, b_sides = a[2:] - a[:2], b[2:] - b[:2]
    union = a_sides[0] * a_sides[1] + b_sides[0] * b_sides[1] - shared
    return Pairs(rows, columns, shared / np.maximum(union, _TINY))


def assign(pairs: Pairs) -> Pairs:
    """The pairs that use each row and each column once at most and have the largest total weight.

    Exact. A pair whose weight exceeds all other weights of its row and its column together is in
    every best assignment: taking it instead of the at most two pairs that it excludes only gains.
    In most frames that decides everything; the Hungarian method gets what is left.
    """
    rows, columns, weights = pairs.rows, pairs.columns, pairs.weights
    if len(weights) == 0:
        return pairs
    of_rows = np.bincount(rows, weights)
    of_columns = np.bincount(columns, weights)
    # The sums hold the pair's own weight twice.
    certain = 3 * weights > (of_rows[rows] + of_columns[columns]) * _MARGIN
    if certain.all():
        return pairs
    row_taken = np.zeros(len(of_rows), np.bool_)
    column_taken = np.zeros(len(of_columns), np.bool_)
    row_taken[rows[certain]] = True
    column_taken[columns[certain]] = True
    unsure = (~(row_taken[rows] | column_taken[columns])).nonzero()[0]
    if len(unsure):
        certain[unsure[_hungarian(pairs[unsure])]] = True
    return pairs[certain]


def _hungarian(pairs: Pairs) -> Ints:
    """Indices of the best pairs, by a dense assignment over the rows and columns that occur."""
    rows, columns = _renumber(pairs.rows), _renumber(pairs.columns)
    weights = np.zeros((rows.max() + 1, columns.max() + 1))
    weights[rows, columns] = pairs.weights
    partner = np.full(len(weights), -1)
    solved_rows, solved_columns = linear_sum_assignment(weights, maximize=True)
    partner[solved_rows] = solved_columns
    # The method also fills up with cells that are no pair, of weight 0: they are left out here.
    return np.flatnonzero(partner[rows] == columns)


def _renumber(numbers: Ints) -> Ints:
    """The same numbers without gaps, from 0 on."""
    occurs = np.zeros(numbers.max() + 1, np.int64)
    occurs[numbers] = 1
    return (occurs.cumsum() - 1)[numbers]
