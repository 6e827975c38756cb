"""The part of the processor that other programs take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sightline.optimize.benchmarks.other_load import OtherLoad


def stat(path: Path, busy_s: float) -> None:
    ticks = round(busy_s * os.sysconf("SC_CLK_TCK"))
    path.write_text(f"cpu  {ticks} 0 0 99999 5 0 0 0 0 0\ncpu0 1 2 3\n")


def test_what_is_not_this_process_is_others(tmp_path: Path) -> None:
    file, own, clock = tmp_path / "stat", [1.0], [0.0]
    stat(file, 100)
    load = OtherLoad(file, lambda: own[0], lambda: clock[0])
    cores = os.cpu_count() or 1
    stat(file, 100 + 10 * cores * 0.75)  # three quarters of all cores for ten seconds
    own[0], clock[0] = 1.0 + 10 * cores * 0.5, 10.0
    assert load.share() == pytest.approx(0.25)
    clock[0] = 20.0
    assert load.share() == 0.0  # since then nothing


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    assert OtherLoad(tmp_path / "none").share() is None
    (tmp_path / "odd").write_text("nonsense")
    assert OtherLoad(tmp_path / "odd").share() is None
