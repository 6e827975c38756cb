"""Measures that other programs tell of drift, for those who are used to them. Sightline does not judge by them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from sightline.monitoring.profiles.profile import Profile
from sightline.monitoring.profiles.statistic import parts_of

Counts = NDArray[np.integer]
Reals = NDArray[np.floating[Any]]

_EMPTY = 1e-4
"""The share that an empty bin counts as."""
_QUANTILES = 10
"""Bins of a number: tenths of what is usual."""


def population_stability_index(now: Counts, usual: Counts) -> float:
    """PSI of two histograms over the same bins (Siddiqi 2006): the sum of (p - q) ln(p / q).

    Below 0.1 is commonly called stable, above 0.25 changed. Empty bins count as a share of 0.0001.
    """
    own, theirs = now / now.sum(), usual / usual.sum()
    own, theirs = np.where(own == 0, _EMPTY, own), np.where(theirs == 0, _EMPTY, theirs)
    return float(((own - theirs) * np.log(own / theirs)).sum())


def kolmogorov_smirnov(now: Counts, usual: Counts) -> float:
    """The largest difference of the two cumulative distributions, 0 to 1, at the bins' borders."""
    return float(np.abs(np.cumsum(now) / now.sum() - np.cumsum(usual) / usual.sum()).max())


def maximum_mean_discrepancy(now: Reals, usual: Reals) -> float:
    """Squared MMD of two sets of vectors (N, D) and (M, D), without bias (Gretton et al. 2012); 0 where it is negative.

    The kernel is exp(-d² / s²), and s the median distance between vectors of one set and of the other.

    Raises:
        ValueError: a set has fewer than two vectors.
    """
    if min(len(now), len(usual)) < 2:
        raise ValueError("MMD compares sets of two vectors at least")
    across = cdist(now, usual)
    scale = float(np.median(across)) ** 2
    if not scale:
        return 0.0  # nearly all are one and the same vector

    def mean_within(vectors: Reals) -> float:
        count = len(vectors)
        kernel = np.exp(-cdist(vectors, vectors, "sqeuclidean") / scale)
        return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))

    between = float(np.exp(-(across**2) / scale).mean())
    return max(0.0, mean_within(now) + mean_within(usual) - 2 * between)


def two_sample_measures(name: str, now: Profile, usual: Profile) -> dict[str, float]:
    """PSI and, of numbers, the Kolmogorov-Smirnov distance of a statistic; nothing of views."""
    statistic, _ = parts_of(name)
    own, theirs = now.numbers.get(statistic), usual.numbers.get(statistic)
    if own is not None and theirs is not None:
        tenths = _tenths(theirs)
        psi = population_stability_index(
            np.add.reduceat(own, tenths), np.add.reduceat(theirs, tenths)
        )
        return {"psi": psi, "ks": kolmogorov_smirnov(own, theirs)}
    if statistic not in now.categories:
        return {}
    counts, others = now.categories[statistic], usual.categories.get(statistic, Counter())
    keys = sorted(counts.keys() | others.keys())
    pair = [np.array([one[key] for key in keys]) for one in (counts, others)]
    return {"psi": population_stability_index(*pair)} if all(one.any() for one in pair) else {}


def _tenths(counts: Counts) -> NDArray[np.intp]:
    """The first bin of each tenth of a histogram; tenths that share a bin are one."""
    shares = np.cumsum(counts) / counts.sum()
    edges = np.searchsorted(shares, np.arange(1, _QUANTILES) / _QUANTILES) + 1
    return np.unique(np.concatenate([[0], edges[edges < len(counts)]]))
