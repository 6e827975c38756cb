"""Figures of samples, and when two results are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.optimize.benchmarks.statistics import Latency, compare, drift


def blocks(mean: float, noise: float, seed: int, count: int = 20) -> list[float]:
    return list(np.random.default_rng(seed).normal(mean, noise * mean, count))


def test_figures_of_samples() -> None:
    found = Latency.of([float(n) for n in range(1, 101)])
    assert (found.mean_ms, found.p50_ms, found.count) == (50.5, 50.5, 100)
    assert found.p95_ms == pytest.approx(95.05)
    assert found.p99_ms == pytest.approx(99.01)
    assert found.std_ms == pytest.approx(28.866, abs=0.001)
    with pytest.raises(ValueError, match="no inference"):
        Latency.of([])


@pytest.mark.parametrize("seed", range(5))
def test_a_tenth_is_told_apart_and_nothing_is_not(seed: int) -> None:
    old = blocks(10.0, 0.02, seed)
    slower = compare(blocks(11.0, 0.02, seed + 100), old, interleaved=False)
    assert slower.told_apart
    assert slower.low < slower.ratio < slower.high
    assert slower.ratio == pytest.approx(1.1, abs=0.02)
    assert "slower" in str(slower)
    assert not compare(blocks(10.0, 0.02, seed + 200), old, interleaved=False).told_apart
    faster = compare(blocks(9.0, 0.02, seed + 100), old, interleaved=False)
    assert faster.told_apart
    assert "faster" in str(faster)


def test_what_the_machine_does_to_both_counts_for_neither() -> None:
    wave = 1 + 0.5 * np.sin(np.arange(20))  # the machine is half as fast at times
    old = wave * blocks(10.0, 0.005, 1)
    new = wave * blocks(10.3, 0.005, 2)
    assert compare(list(new), list(old), interleaved=True).told_apart
    assert not compare(list(new), list(old), interleaved=False).told_apart


def test_a_few_per_cent_at_another_time_may_be_the_machine() -> None:
    later = compare([10.3] * 20, [10.0] * 20, interleaved=False)
    assert not later.told_apart
    assert compare([10.3] * 20, [10.0] * 20, interleaved=True).told_apart


def test_blocks_are_needed() -> None:
    for mine, others, interleaved in (([], [1.0], False), ([1.0, 2.0], [1.0], True)):
        with pytest.raises(ValueError, match="blocks"):
            compare(mine, others, interleaved=interleaved)


def test_drift() -> None:
    minutes = np.arange(10.0)
    falling = drift(list(minutes * 60), list(100 - 2 * minutes))
    assert falling is not None
    assert falling.per_minute == pytest.approx(-2 / 91)
    assert falling.last_to_first == pytest.approx(84 / 98)
    assert drift([0.0, 60.0], [1.0, 2.0]) is None
