"""PSI and KS against plain references, SciPy's, and what Evidently says of the same samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from tests.unit.monitoring.drift.simulated import Camera, blocks_of

from sightline.monitoring.drift.comparison import wasserstein
from sightline.monitoring.drift.two_sample import (
    kolmogorov_smirnov,
    population_stability_index,
    two_sample_measures,
)
from sightline.monitoring.profiles.profile import bin_of, merged, middles
from sightline.monitoring.profiles.statistic import BINS


def drawn(seed: int, mean: float) -> np.ndarray:
    """Values of brightness."""
    return np.random.default_rng(seed).normal(mean, 20, 4000).clip(1, 254)


def histogram(values: np.ndarray) -> np.ndarray:
    bins = [bin_of("brightness", value) for value in values.tolist()]
    return np.bincount(bins, minlength=BINS).astype(np.int32)


def test_psi_is_the_plain_sum() -> None:
    now, usual = np.array([10, 30, 0, 60]), np.array([40, 40, 20, 0])
    plain = 0.0
    for own, theirs in zip(now / 100, usual / 100, strict=True):
        p, q = own or 1e-4, theirs or 1e-4
        plain += (p - q) * math.log(p / q)
    assert population_stability_index(now, usual) == pytest.approx(plain, abs=1e-12)
    assert population_stability_index(usual, usual) == 0


@pytest.mark.parametrize(
    ("mean", "psi"),
    [(100, 0.0057453460476594685), (105, 0.060352142463707216), (130, 2.1333905616699136)],
)
def test_psi_is_that_of_evidently(mean: float, psi: float) -> None:
    """``psi`` is what Evidently 0.7.23 computes of these samples, over Sturges' bins of both together."""
    usual, now = drawn(1, 100), drawn(2, mean)
    edges = np.histogram_bin_edges(np.concatenate([usual, now]), bins="sturges")
    counts = [np.histogram(one, edges)[0] for one in (now, usual)]
    assert population_stability_index(*counts) == pytest.approx(psi, abs=1e-6)


@pytest.mark.parametrize("moved", [0.0, 5.0, 30.0])
def test_distances_are_those_of_scipy_to_a_bin(moved: float) -> None:
    a, b = drawn(1, 100), drawn(2, 100 + moved)
    width = 256 / BINS
    assert wasserstein("brightness", histogram(a), histogram(b)) == pytest.approx(
        stats.wasserstein_distance(a, b), abs=width / 2
    )
    of_middles = [np.repeat(middles("brightness"), histogram(x)) for x in (a, b)]
    assert kolmogorov_smirnov(histogram(a), histogram(b)) == pytest.approx(
        stats.ks_2samp(*of_middles).statistic, abs=1e-9
    )


def test_measures_of_a_statistic() -> None:
    camera = Camera()
    usual = merged(blocks_of(camera, 600))
    camera.change = {"brightness": -30.0}
    camera.classes = {"truck": 8.0}
    now = merged(blocks_of(camera, 100))
    brightness = two_sample_measures("brightness", now, usual)
    assert brightness["psi"] > 0.25
    assert brightness["ks"] > 0.9
    assert two_sample_measures("classes/truck", now, usual)["psi"] > 0.25
    assert two_sample_measures("contrast", usual, usual) == {"psi": 0, "ks": 0}
    assert two_sample_measures("view_shift", now, usual) == {}
