"""What Linux tells of heat and clocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.optimize.benchmarks.thermal import ThermalState, thermal_state


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    assert thermal_state(tmp_path) == ThermalState(None, None, None)


def test_the_warmest_zone_the_mean_clock_and_all_throttlings(tmp_path: Path) -> None:
    zones, cores = tmp_path / "sys/class/thermal", tmp_path / "sys/devices/system/cpu"
    write(zones / "thermal_zone0/temp", "41000\n")
    write(zones / "thermal_zone1/temp", "67500\n")
    write(zones / "thermal_zone2/temp", "no number\n")
    for core, clock in enumerate((1_800_000, 2_200_000)):
        write(cores / f"cpu{core}/cpufreq/scaling_cur_freq", f"{clock}\n")
        write(cores / f"cpu{core}/thermal_throttle/core_throttle_count", "3\n")
    assert thermal_state(tmp_path) == ThermalState(67.5, 2000.0, 6)


def test_the_clock_of_cpuinfo_where_there_is_no_other(tmp_path: Path) -> None:
    write(tmp_path / "proc/cpuinfo", "model name : x\ncpu MHz\t\t: 2000.0\ncpu MHz : 3000.0\n")
    assert thermal_state(tmp_path).frequency_mhz == pytest.approx(2500.0)
