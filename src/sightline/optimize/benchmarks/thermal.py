"""How warm the processor is, how fast it is clocked, and whether it slows itself down (Linux)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sightline.monitoring.machine import temperatures

_ROOT = Path("/")


@dataclass(frozen=True)
class ThermalState:
    """Each is None where this machine does not tell, as most virtual ones do not.

    ``temperature_c`` is of the warmest zone, ``frequency_mhz`` the mean of all cores, ``throttled`` how
    often cores have slowed down for heat since the machine started.
    """

    temperature_c: float | None
    frequency_mhz: float | None
    throttled: int | None


def thermal_state(root: Path = _ROOT) -> ThermalState:
    """What the machine tells now. ``root``: where its ``sys`` and ``proc`` are."""
    warm = [degrees for _, degrees in temperatures(root)]
    clocks = list(_numbers(root / "sys/devices/system/cpu", "cpu[0-9]*/cpufreq/scaling_cur_freq"))
    counts = list(
        _numbers(root / "sys/devices/system/cpu", "cpu[0-9]*/thermal_throttle/core_throttle_count")
    )
    frequency = float(np.mean(clocks)) / 1e3 if clocks else _told_frequency(root / "proc/cpuinfo")
    return ThermalState(
        max(warm, default=None),
        frequency,
        int(sum(counts)) if counts else None,
    )


def _numbers(folder: Path, pattern: str) -> Iterator[float]:
    """The numbers in files; a core that is switched off cannot be read."""
    for path in sorted(folder.glob(pattern)):
        try:
            yield float(path.read_text())
        except (OSError, ValueError):
            continue


def _told_frequency(cpuinfo: Path) -> float | None:
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return None
    clocks = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    return float(np.mean(clocks)) if clocks else None
