"""Percentiles of the sketch are those of all durations, within its accuracy."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sightline.monitoring.history.latency import (
    ACCURACY,
    bin_seconds,
    latency_bin,
    percentile_s,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.floats(2e-6, 1000), min_size=1, max_size=100), st.sampled_from([0.5, 0.95, 0.99])
)
def test_percentiles(seconds: list[float], share: float) -> None:
    bins = Counter(map(latency_bin, seconds))
    right = float(np.percentile(seconds, 100 * share, method="lower"))
    found = percentile_s(bins, share)
    assert found == pytest.approx(right, rel=1.01 * ACCURACY)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-9, float("inf"), 1e9, float("nan")])
def test_odd_durations_are_in_the_first_or_last_bin(seconds: float) -> None:
    assert latency_bin(seconds) in (0, 520)


def test_of_none_there_is_no_percentile() -> None:
    assert percentile_s({}, 0.5) is None
    assert bin_seconds(520) > 900
