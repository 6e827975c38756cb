"""Logistic regression: shares from features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.comparison import Reals

_RIDGE = 2.0
"""Keeps weights small where there is little to learn from."""
_STEPS = 25
_CLOSE = 1e-6


def fit_logistic(features: Reals, right: NDArray[np.bool_]) -> Reals:
    """Weights (F,) with which ``features`` (N, F) tell whether each is ``right`` (N,), by Newton's method.

    The first feature is the constant 1, whose weight is free; the others are kept small.
    """
    weights = np.zeros(features.shape[1])
    ridge = np.full(len(weights), _RIDGE)
    ridge[0] = 1e-3
    for _ in range(_STEPS):
        share = predict_share(features, weights)
        slope = features.T @ (right - share) - ridge * weights
        curve = (features * (share * (1 - share))[:, None]).T @ features + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        weights = weights + step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < _CLOSE:
            break
    return weights


def predict_share(features: Reals, weights: Reals) -> Reals:
    """How likely each of N is right, (N,)."""
    share: Reals = 1 / (1 + np.exp(-np.clip(features @ weights, -40, 40)))
    return share
