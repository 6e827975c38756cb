"""Graphs and builds for a stand-in of TensorRT."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.engines.tensorrt.builder import Build
from sightline.engines.tensorrt.calibration import CalibrationPictures
from sightline.engines.tensorrt.cuda import CudaDevice
from sightline.engines.tensorrt.graph import buildable
from sightline.engines.tensorrt.library import major_version
from sightline.engines.tensorrt.options import BuildOptions
from sightline.errors import SourceError
from sightline.types import Normalization, Pixels

PLAIN = Normalization()
MakeBuild = Callable[..., Build]


@pytest.fixture
def make_build() -> MakeBuild:
    """A build of a model with whatever stand-in is installed."""

    def make(
        model: Path | bytes,
        *,
        normalization: Normalization = PLAIN,
        cache: Path | None = None,
        pictures: CalibrationPictures | None = None,
        **options: Any,
    ) -> Build:
        trt, device, how = sys.modules["tensorrt"], CudaDevice(), BuildOptions(**options)
        device.use()
        graph = buildable(model, normalization, how, major_version(trt), "net.onnx")
        return Build(trt, device, graph, how, cache, pictures)

    return make


class Street:
    """Footage of ``count`` pictures, each of one brightness; it may break off."""

    def __init__(self, count: int, *, breaks: bool = False) -> None:
        self.count, self.breaks, self.read = count, breaks, 0

    def batches(self, shape: tuple[int, int, int]) -> Iterable[Pixels]:
        n, height, width = shape
        for first in range(0, self.count - n + 1, n):
            batch = np.empty((n, height, width, 3), np.uint8)
            for i in range(n):
                batch[i] = first + i
            self.read += n
            yield batch
        if self.breaks:
            raise SourceError("street.mp4: broken")

    def pictures(self, name: str = "street.mp4") -> CalibrationPictures:
        return CalibrationPictures(name, name, self.batches)


@pytest.fixture
def street() -> type[Street]:
    return Street
