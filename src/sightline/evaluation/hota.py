"""HOTA, which weighs finding objects and keeping their ids alike.

Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", IJCV 2021.
Matching and averages are those of the authors' own TrackEval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from sightline.evaluation.comparison import EPS, Comparison, FramePair, Reals
from sightline.types import Ints

ALPHAS = np.arange(0.05, 0.99, 0.05)
"""The 19 overlaps from which a pair counts as a match; scores are averaged over them."""


@dataclass(frozen=True, eq=False)
class HotaCounts:
    """What HOTA is made of, (19,) float64 each, one for each of ``ALPHAS``. Counts add up.

    ``association`` and ``overlap`` are sums over all matches: of A(c) and of the IoU.
    """

    hits: Reals
    misses: Reals
    false_positives: Reals
    association: Reals
    overlap: Reals

    def __add__(self, other: HotaCounts) -> HotaCounts:
        return HotaCounts(
            self.hits + other.hits,
            self.misses + other.misses,
            self.false_positives + other.false_positives,
            self.association + other.association,
            self.overlap + other.overlap,
        )

    @property
    def _deta(self) -> Reals:
        return self.hits / np.maximum(1, self.hits + self.misses + self.false_positives)

    @property
    def _assa(self) -> Reals:
        return self.association / np.maximum(1, self.hits)

    @property
    def deta(self) -> float:
        """Detection accuracy, 0 to 1, mean over the thresholds of overlap."""
        return float(self._deta.mean())

    @property
    def assa(self) -> float:
        """Association accuracy, 0 to 1, mean over the thresholds of overlap."""
        return float(self._assa.mean())

    @property
    def hota(self) -> float:
        """HOTA (Luiten et al. 2020), 0 to 1, mean over the thresholds of overlap."""
        return float(np.sqrt(self._deta * self._assa).mean())

    @property
    def loca(self) -> float:
        """Mean overlap of the matches; 1 at an alpha at which nothing matches."""
        matched = np.where(self.hits > 0, self.overlap, 1)
        return float((matched / np.maximum(1, self.hits)).mean())


def count_hota(comparison: Comparison) -> HotaCounts:
    """The counts of one stretch of footage."""
    alignment = _alignment(comparison)
    truths, founds, ious = [], [], []
    for frame in comparison.frames:
        rows, columns = linear_sum_assignment(
            alignment[np.ix_(frame.truth, frame.found)] * frame.iou, maximize=True
        )
        truths.append(frame.truth[rows])
        founds.append(frame.found[columns])
        ious.append(frame.iou[rows, columns])
    empty = np.empty(0, np.int64)
    truth, found = np.concatenate([empty, *truths]), np.concatenate([empty, *founds])
    iou = np.concatenate([np.empty(0), *ious])
    counts = np.zeros((3, len(ALPHAS)))
    for i, alpha in enumerate(ALPHAS):
        counts[:, i] = _at(comparison, truth, found, iou, alpha)
    hits, association, overlap = counts
    return HotaCounts(
        hits,
        comparison.truth_lengths.sum() - hits,
        comparison.found_lengths.sum() - hits,
        association,
        overlap,
    )


def _at(
    comparison: Comparison, truth: Ints, found: Ints, iou: Reals, alpha: float
) -> tuple[float, float, float]:
    """Hits, the sum of their A(c) and the sum of their overlaps, at one alpha."""
    match = iou >= alpha - EPS
    n_found = max(1, len(comparison.found_lengths))
    pairs, together = np.unique(truth[match] * n_found + found[match], return_counts=True)
    rows, columns = np.divmod(pairs, n_found)
    either = comparison.truth_lengths[rows] + comparison.found_lengths[columns] - together
    return float(match.sum()), float((together**2 / either).sum()), float(iou[match].sum())


def _alignment(comparison: Comparison) -> Reals:
    """How well each true track goes with each found one over the whole footage, (G, T).

    It decides matches in a frame, so that they favour the tracks that belong together.
    """
    together = np.zeros((len(comparison.truth_lengths), len(comparison.found_lengths)))
    for frame in comparison.frames:
        together[np.ix_(frame.truth, frame.found)] += _share(frame)
    either = comparison.truth_lengths[:, None] + comparison.found_lengths[None, :] - together
    alignment: Reals = together / either
    return alignment


def _share(frame: FramePair) -> Reals:
    """Each overlap as a share of all overlaps of its two objects."""
    iou = frame.iou
    total = iou.sum(0)[None, :] + iou.sum(1)[:, None] - iou
    share: Reals = np.divide(iou, total, out=np.zeros_like(iou), where=total > EPS)
    return share
