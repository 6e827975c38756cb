"""Combinations of ways to run a model."""

from __future__ import annotations

from sightline.optimize.benchmarks.setups import EngineSetup, grid


def test_all_combinations_in_order() -> None:
    found = grid(["a", "b"], ["fp32"], [None, (64, 32)], [1, 4], [0])
    assert len(found) == 8
    assert found[3] == EngineSetup("a", "fp32", (64, 32), 4, 0)
    assert str(found[3]) == "a fp32, 64×32, batch 4"
