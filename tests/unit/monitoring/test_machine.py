"""Disks and thermal zones, as the machine tells them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sightline.monitoring.machine import disk_used, temperatures


def test_each_disk_is_told_once_by_its_first_folder(tmp_path: Path) -> None:
    found = dict(disk_used([tmp_path / "not" / "there", tmp_path, Path("/nowhere/at/all")]))
    assert next(iter(found)) == str(tmp_path / "not" / "there")
    usage = shutil.disk_usage(tmp_path)
    right = usage.used / (usage.used + usage.free)
    assert next(iter(found.values())) == pytest.approx(right, abs=0.02)
    assert str(tmp_path) not in found


def test_thermal_zones(tmp_path: Path) -> None:
    zones = tmp_path / "sys/class/thermal"
    for number, (kind, degrees) in enumerate([("cpu", "61500"), ("cpu", "50000"), ("gpu", "off")]):
        zone = zones / f"thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "type").write_text(f"{kind}\n")
        (zone / "temp").write_text(degrees)
    assert dict(temperatures(tmp_path)) == {"cpu": 61.5, "cpu-2": 50.0}


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    assert dict(temperatures(tmp_path)) == {}
