"""Setups one after another, and two models in turns."""

from __future__ import annotations

import pytest
from tests.unit.optimize.benchmarks import stand_ins

from sightline.optimize.benchmarks.measurement import BLOCKS, Plan, measure_setups
from sightline.optimize.benchmarks.setups import EngineSetup, grid


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


def test_a_tenth_more_time_is_told_apart_in_turns() -> None:
    """With a real network: the second model is the first one with a tenth more time."""
    setup = EngineSetup("onnxruntime", size=(96, 64), threads=1)
    (same,) = measure_setups(
        stand_ins.street, [setup], Plan(1.0, warm_up_s=1), lambda _: None, stand_ins.street
    )
    (slower,) = measure_setups(
        stand_ins.slower_street, [setup], Plan(2.0, warm_up_s=2), lambda _: None, stand_ins.street
    )
    assert slower.comparison is not None
    assert slower.comparison.told_apart, slower.comparison
    assert 1.03 < slower.comparison.ratio < 1.3, slower.comparison
    assert same.comparison is not None
    assert same.comparison.ratio < slower.comparison.ratio
    assert same.comparison.low < 1.03, same.comparison
