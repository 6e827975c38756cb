"""Metrics of the hardware: NVIDIA GPUs through NVML, and the processor's energy as Linux counts it.

Both are optional: where there is no GPU, no ``nvidia-ml-py``, or no right to read the counters,
the metrics are there without values.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

POWERCAP = Path("/sys/class/powercap")

log = logging.getLogger(__name__)


class Gpus:
    """A collector of memory, utilisation and power of each GPU, asked when it is scraped."""

    def __init__(self) -> None:
        self._nvml, self._handles = _nvml()

    def collect(self) -> Iterator[Metric]:
        """Memory in bytes, utilisation from 0 to 1 and power in watts of each GPU."""
        # Utilisation comes in percent, power in milliwatts.
        yield self._each("memory_used_bytes", "Memory of a GPU in use.", self._used)
        yield self._each("memory_total_bytes", "Memory of a GPU.", self._total)
        yield self._each("utilization_ratio", "Share of time in which a GPU worked.", self._busy)
        yield self._each("power_watts", "Power that a GPU draws.", self._power)

    def _each(self, name: str, help_: str, value: Callable[[Any], float]) -> Metric:
        family = GaugeMetricFamily(f"sightline_gpu_{name}", help_, labels=("gpu", "name"))
        for index, (handle, model) in enumerate(self._handles):
            try:
                family.add_metric((str(index), model), value(handle))
            except self._nvml.NVMLError as exc:
                # Parts of a divided GPU do not tell everything.
                log.debug("GPU %d tells no %s: %s", index, name, exc)
        return family

    def _used(self, handle: object) -> float:
        return float(self._nvml.nvmlDeviceGetMemoryInfo(handle).used)

    def _total(self, handle: object) -> float:
        return float(self._nvml.nvmlDeviceGetMemoryInfo(handle).total)

    def _busy(self, handle: object) -> float:
        return float(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)

    def _power(self, handle: object) -> float:
        return float(self._nvml.nvmlDeviceGetPowerUsage(handle) / 1000)


def _nvml() -> tuple[Any, list[tuple[Any, str]]]:
    """The NVML module with its GPUs: a handle and a name of each. None and nothing elsewhere."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None, []
    try:
        nvml.nvmlInit()
        handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
        return nvml, [(handle, _text(nvml.nvmlDeviceGetName(handle))) for handle in handles]
    except nvml.NVMLError as exc:
        log.info("no GPU metrics: %s", exc)
        return nvml, []


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


class Energy:
    """A collector of the joules that each part of the processor has used since the start.

    ``energy_uj`` counts microjoules and begins again at ``max_energy_range_uj``, on a busy server
    within the hour; scraped more often than that, no joule is lost.
    """

    def __init__(self, folder: Path = POWERCAP) -> None:
        self._lock = threading.Lock()
        self._zones = {zone: name for zone in _zones(folder) if (name := _zone_name(zone))}
        self._last = {zone: _number(zone / "energy_uj") for zone in self._zones}
        self._joules = dict.fromkeys(self._zones, 0.0)

    def collect(self) -> Iterator[Metric]:
        """Joules that each zone of the processor has used."""
        family = CounterMetricFamily(
            "sightline_energy_joules", "Energy that a part of the processor has used.", labels=("zone",),
        )  # fmt: skip
        with self._lock:
            for zone, name in self._zones.items():
                self._read(zone)
                family.add_metric((name,), self._joules[zone])
        yield family

    def _read(self, zone: Path) -> None:
        last, now = self._last[zone], _number(zone / "energy_uj")
        if now is None:
            return
        self._last[zone] = now
        if last is None:
            return
        if now < last:
            last -= _number(zone / "max_energy_range_uj") or last
        self._joules[zone] += (now - last) / 1e6


def _zones(folder: Path) -> list[Path]:
    """Zones whose counter may be read; on many systems only root may."""
    found = sorted(folder.glob("intel-rapl:*")) if folder.is_dir() else []
    return [zone for zone in found if _number(zone / "energy_uj") is not None]


def _zone_name(zone: Path) -> str:
    """``package-0``, or ``package-0/dram`` of a part of it."""
    try:
        name = (zone / "name").read_text().strip()
        if zone.name.count(":") < 2:
            return name
        parent = zone.with_name(zone.name.rpartition(":")[0])
        return f"{(parent / 'name').read_text().strip()}/{name}"
    except OSError as exc:
        log.debug("%s has no name: %s", zone, exc)
        return ""


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError) as exc:
        log.debug("no energy from %s: %s", path, exc)
        return None
