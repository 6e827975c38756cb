"""Figures of repeated measurements, and whether two of them differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 4000
REPEATABLE = 0.05
"""Two runs at different times may differ by this part, though nothing has changed: the machine did."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds of single inferences. ``std`` is their standard deviation."""

    mean_ms: float
    std_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    count: int

    @classmethod
    def of(cls, samples_ms: Sequence[float]) -> Latency:
        """Their figures. Raises ValueError where there are none."""
        if not len(samples_ms):
            raise ValueError("no inference was timed")
        p50, p95, p99 = np.percentile(samples_ms, (50, 95, 99))
        return cls(
            float(np.mean(samples_ms)),
            float(np.std(samples_ms)),
            float(p50),
            float(p95),
            float(p99),
            len(samples_ms),
        )


@dataclass(frozen=True)
class LatencyComparison:
    """How the time of one inference compares with another's.

    ``ratio`` is this one's median over the other's: above 1 it is slower. It lies between ``low`` and
    ``high`` with ``CONFIDENCE``. ``interleaved``: both were measured in turns.
    """

    ratio: float
    low: float
    high: float
    interleaved: bool

    @property
    def told_apart(self) -> bool:
        """Whether the two differ by more than chance, and than the machine from one time to another."""
        margin = 1.0 if self.interleaved else 1 + REPEATABLE
        return self.low > margin or self.high < 1 / margin

    def __str__(self) -> str:
        between = f"{self.low:.3f} to {self.high:.3f}"
        if not self.told_apart:
            return f"not told apart: {self.ratio:.3f} times the time ({between})"
        word = "slower" if self.ratio > 1 else "faster"
        return f"{word}: {self.ratio:.3f} times the time ({between})"


def compare(
    blocks_ms: Sequence[float], others_ms: Sequence[float], *, interleaved: bool, seed: int = 0
) -> LatencyComparison:
    """Compare two engines by the medians of their blocks of inferences.

    A bootstrap over blocks (Efron 1979, percentile interval): inferences within a block are alike,
    blocks are nearly independent. Blocks that were measured in turns are drawn in pairs, so that what
    the machine did to both counts for neither.

    Raises ValueError: one has no blocks, or interleaved ones are not as many.
    """
    mine, others = np.asarray(blocks_ms, float), np.asarray(others_ms, float)
    if not len(mine) or not len(others) or (interleaved and len(mine) != len(others)):
        raise ValueError("blocks of both are needed, and as many where they were measured in turns")
    drawn = np.random.default_rng(seed)
    first = drawn.integers(len(mine), size=(RESAMPLES, len(mine)))
    if interleaved:
        ratios = np.median((mine / others)[first], axis=1)
        ratio = np.median(mine / others)
    else:
        second = drawn.integers(len(others), size=(RESAMPLES, len(others)))
        ratios = np.median(mine[first], axis=1) / np.median(others[second], axis=1)
        ratio = np.median(mine) / np.median(others)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(ratios, (tail, 1 - tail))
    return LatencyComparison(float(ratio), float(low), float(high), interleaved)


@dataclass(frozen=True)
class Drift:
    """How a figure moves over time: ``per_minute`` as a part of its mean, and its last third over its
    first."""

    per_minute: float
    last_to_first: float


def drift(at_s: Sequence[float], values: Sequence[float]) -> Drift | None:
    """The least-squares slope, and the medians of the first and last third; None of fewer than 3."""
    if len(values) < 3:
        return None
    third = max(1, len(values) // 3)
    slope = np.polyfit(np.asarray(at_s) / 60, values, 1)[0]
    first, last = np.median(values[:third]), np.median(values[-third:])
    return Drift(float(slope / np.mean(values)), float(last / first))
