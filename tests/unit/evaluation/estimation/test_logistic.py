"""Weights that were drawn are found again."""

from __future__ import annotations

import numpy as np

from sightline.evaluation.estimation.logistic import fit_logistic, predict_share


def test_weights_are_found_again() -> None:
    rng = np.random.default_rng(1)
    features = np.hstack([np.ones((20000, 1)), rng.normal(0, 1, (20000, 2))])
    true = np.array([-0.5, 1.5, -2.0])
    right = rng.random(20000) < predict_share(features, true)
    np.testing.assert_allclose(fit_logistic(features, right), true, atol=0.1)


def test_what_can_be_told_apart_has_finite_weights() -> None:
    features = np.array([[1.0, -1.0], [1.0, 1.0]] * 10)
    weights = fit_logistic(features, features[:, 1] > 0)
    assert np.isfinite(weights).all()
    assert predict_share(features, weights)[1] > 0.75
