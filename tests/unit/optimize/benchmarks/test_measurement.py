"""Setups one after another, and two models in turns."""

from __future__ import annotations

import pytest
from tests.unit.optimize.benchmarks import stand_ins

from sightline.optimize.benchmarks.measurement import BLOCKS, Plan, measure_setups
from sightline.optimize.benchmarks.setups import grid


def test_a_setup_that_cannot_run_is_a_result_with_the_reason() -> None:
    said: list[str] = []
    setups = grid(["torch", "fake"], ["auto"], [(8, 8)], [2], [0])
    refused, measured = measure_setups(
        stand_ins.refusing, setups, Plan(0.2, sustained_s=3.5), said.append
    )
    assert refused.refused == "it cannot"
    assert refused.latency is None
    assert "cannot run: it cannot" in said[0]
    assert measured.refused is None
    assert measured.latency is not None
    assert measured.latency.count >= BLOCKS == len(measured.block_medians_ms)
    assert 1 <= measured.latency.p50_ms < 20
    assert measured.pictures_per_s is not None
    assert measured.pictures_per_s == pytest.approx(2 * 1000 / measured.latency.mean_ms, rel=0.5)
    assert measured.sustained is not None
    assert len(measured.sustained.windows) >= 3
    assert measured.sustained.rate_drift is not None
