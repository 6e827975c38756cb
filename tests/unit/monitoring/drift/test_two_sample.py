"""PSI, KS and MMD against plain references, SciPy's, and what Evidently says of the same samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from tests.unit.monitoring.drift.simulated import Camera, blocks_of

from sightline.monitoring.drift.comparison import wasserstein
from sightline.monitoring.drift.two_sample import (
    kolmogorov_smirnov,
    maximum_mean_discrepancy,
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


def vectors(seed: int, mean: float, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, (count, 8))


def plain_mmd(now: np.ndarray, usual: np.ndarray) -> float:
    """The definition, pair by pair."""
    across = [math.dist(a, b) for a in now for b in usual]
    scale = float(np.median(across)) ** 2

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return math.exp(-(math.dist(a, b) ** 2) / scale)

    def within(one: np.ndarray) -> float:
        pairs = [kernel(a, b) for i, a in enumerate(one) for j, b in enumerate(one) if i != j]
        return sum(pairs) / len(pairs)

    between = [kernel(a, b) for a in now for b in usual]
    return within(now) + within(usual) - 2 * sum(between) / len(between)


@pytest.mark.parametrize("mean", [0.3, 1.0])
def test_mmd_is_the_plain_mean_over_pairs(mean: float) -> None:
    usual, now = vectors(1, 0.0, 24), vectors(2, mean, 17)
    assert maximum_mean_discrepancy(now, usual) == pytest.approx(plain_mmd(now, usual), abs=1e-9)


@pytest.mark.parametrize(
    ("mean", "mmd"),
    [
        (0.1, 0.0),
        (0.3, 0.027113355866577482),
        (0.5, 0.07828547129083563),
        (1.0, 0.2757562325500915),
    ],
)
def test_mmd_is_that_of_evidently(mean: float, mmd: float) -> None:
    """``mmd`` is what Evidently 0.7.23 computes of these samples, without bootstrap."""
    usual, now = vectors(1, 0.0, 150), vectors(2, mean, 90)
    assert maximum_mean_discrepancy(now, usual) == pytest.approx(mmd, abs=1e-6)


def test_mmd_of_what_cannot_differ() -> None:
    same = np.ones((5, 3))
    assert maximum_mean_discrepancy(same, same) == 0
    with pytest.raises(ValueError, match="two vectors"):
        maximum_mean_discrepancy(same[:1], same)
