"""A setup in a process of its own: its answers, its errors, its memory and its death."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.optimize.benchmarks import stand_ins

from sightline.errors import EngineError, InferenceError
from sightline.optimize.benchmarks.child import SetupProcess
from sightline.optimize.benchmarks.setups import EngineSetup

SETUP = EngineSetup("fake", size=(16, 8))


def test_it_measures_and_its_memory_is_its_own() -> None:
    ballast = np.ones(300_000_000, np.uint8)  # of this process, and not of that
    with SetupProcess(stand_ins.large, SETUP) as process:
        prepared = process.prepare("latency", 5)
        assert (prepared.size, prepared.info.backend) == ((16, 8), "fake")
        assert min(process.latencies_ms(0.05)) >= 1
        large = process.peak_memory_mb()
        process.prepare("throughput", 5)
        assert process.load(0.1).pictures_per_s > 100
    with SetupProcess(stand_ins.quick, SETUP) as process:
        process.prepare("latency", 5)
        small = process.peak_memory_mb()
    assert 190 < large - small < 230
    assert small < 300_000_000 / 1e6
    assert ballast.any()


def test_its_errors_are_raised_here() -> None:
    with (
        SetupProcess(stand_ins.refusing, EngineSetup("torch")) as process,
        pytest.raises(EngineError, match="it cannot"),
    ):
        process.prepare("latency", 5)
    with (
        SetupProcess(stand_ins.broken, SETUP) as process,
        pytest.raises(InferenceError, match="RuntimeError: a defect of a runtime"),
    ):
        process.prepare("latency", 5)


def test_its_death_is_told() -> None:
    with (
        SetupProcess(stand_ins.killed, SETUP) as process,
        pytest.raises(InferenceError, match="was killed: the memory"),
    ):
        process.prepare("latency", 5)
