"""Stand-ins for hardware that most machines lack."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest


class NVMLError(Exception):
    """As in nvidia-ml-py."""


class Nvml(ModuleType):
    """The part of ``pynvml`` that is used, with two GPUs; the second one is a slice of a GPU."""

    NVMLError = NVMLError
    broken = False

    def __init__(self) -> None:
        super().__init__("pynvml")

    def nvmlInit(self) -> None:  # noqa: N802
        if self.broken:
            raise NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return 100 + index

    def nvmlDeviceGetName(self, handle: int) -> str | bytes:  # noqa: N802
        return b"Old" if handle == 100 else "New"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(used=handle * 10**6, total=8 * 10**9)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:  # noqa: N802
        if handle == 101:
            raise NVMLError("Not Supported")
        return SimpleNamespace(gpu=37, memory=12)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:  # noqa: N802
        return 71_500


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    """A machine with two GPUs."""
    module = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module
