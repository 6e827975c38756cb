"""GPUs and energy against stand-ins of the driver's module and of Linux' files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sightline.monitoring.hardware import Energy, Gpus

MAX_UJ = 262_143_328_850


def values(collector: Energy | Gpus) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_gpus(nvml) -> None:
    found = values(Gpus())
    assert found == {
        ("sightline_gpu_memory_used_bytes", "0", "Old"): 100e6,
        ("sightline_gpu_memory_used_bytes", "1", "New"): 101e6,
        ("sightline_gpu_memory_total_bytes", "0", "Old"): 8e9,
        ("sightline_gpu_memory_total_bytes", "1", "New"): 8e9,
        # A slice tells no utilisation; everything else is told all the same.
        ("sightline_gpu_utilization_ratio", "0", "Old"): 0.37,
        ("sightline_gpu_power_watts", "0", "Old"): 71.5,
        ("sightline_gpu_power_watts", "1", "New"): 71.5,
    }


@pytest.mark.parametrize("package", [pytest.param(True, id="no driver"), pytest.param(False, id="no package")])  # fmt: skip
def test_no_gpus(nvml, monkeypatch: pytest.MonkeyPatch, package: bool) -> None:
    if package:
        nvml.broken = True
    else:
        monkeypatch.setitem(sys.modules, "pynvml", None)  # importing it fails
    assert values(Gpus()) == {}


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """A processor with a package and its memory, as Linux shows them."""
    zones = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "dram", "intel-rapl:1": "psys"}
    for folder, name in zones.items():
        zone = tmp_path / folder
        zone.mkdir()
        (zone / "name").write_text(f"{name}\n")
        (zone / "energy_uj").write_text("1000000\n")
        (zone / "max_energy_range_uj").write_text(f"{MAX_UJ}\n")
    (tmp_path / "intel-rapl").mkdir()  # the driver's own folder has no counter
    return tmp_path


def spend(zone: Path, microjoules: int) -> None:
    (zone / "energy_uj").write_text(f"{microjoules}\n")


def test_energy_is_counted_from_the_start(powercap: Path) -> None:
    energy = Energy(powercap)
    assert values(energy) == {
        ("sightline_energy_joules_total", "package-0"): 0,
        ("sightline_energy_joules_total", "package-0/dram"): 0,
        ("sightline_energy_joules_total", "psys"): 0,
    }
    spend(powercap / "intel-rapl:0", 3_500_000)
    spend(powercap / "intel-rapl:0:0", 1_250_000)
    assert values(energy) == {
        ("sightline_energy_joules_total", "package-0"): 2.5,
        ("sightline_energy_joules_total", "package-0/dram"): 0.25,
        ("sightline_energy_joules_total", "psys"): 0,
    }


def test_a_counter_that_begins_again_never_runs_back(powercap: Path) -> None:
    spend(powercap / "intel-rapl:0", MAX_UJ - 1_000_000)
    energy = Energy(powercap)
    spend(powercap / "intel-rapl:0", 500_000)
    assert values(energy)["sightline_energy_joules_total", "package-0"] == pytest.approx(1.5)


def test_a_counter_that_fails_once_goes_on_where_it_was(powercap: Path) -> None:
    energy = Energy(powercap)
    spend(powercap / "intel-rapl:0", 2_000_000)
    values(energy)
    (powercap / "intel-rapl:0" / "energy_uj").write_text("")
    assert values(energy)["sightline_energy_joules_total", "package-0"] == 1
    spend(powercap / "intel-rapl:0", 4_000_000)
    assert values(energy)["sightline_energy_joules_total", "package-0"] == 3


def test_zones_that_may_not_be_read_are_left_out(powercap: Path, tmp_path: Path) -> None:
    for zone in powercap.iterdir():
        if zone.name != "intel-rapl:1" and (zone / "energy_uj").exists():
            (zone / "energy_uj").unlink()
            (zone / "energy_uj").mkdir()  # reading fails for every user, also for root
    assert [key[1] for key in values(Energy(powercap))] == ["psys"]
    assert values(Energy(tmp_path / "none")) == {}
