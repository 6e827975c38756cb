"""INT8 calibration of weakly typed networks (TensorRT 10): pictures are streamed, scales are kept in a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sightline.engines.requests import Shape
from sightline.engines.tensorrt.cuda import CudaDevice
from sightline.errors import ModelError
from sightline.types import Pixels
from sightline.whole_files import write_whole

log = logging.getLogger(__name__)

FEWEST = 32
"""Fewer pictures than this say too little about the ranges of values."""


@dataclass(frozen=True)
class CalibrationPictures:
    """What a network is shown to find its ranges.

    Args:
        name: of the footage, for messages.
        identity: of what is in it: scales that were found on the same are used again.
        batches: begins to read it; each batch is (N, H, W, 3) uint8, of the profile's usual shape.
    """

    name: str
    identity: str
    batches: Callable[[Shape], Iterable[Pixels]]


class Calibration:
    """An entropy calibrator of TensorRT and what became of it.

    TensorRT swallows what its callbacks raise, so the first failure is kept: ``check`` raises it.

    Args:
        cache: the file with the scales; None: they are found anew each time.
    """

    def __init__(
        self,
        trt: object,
        device: CudaDevice,
        pictures: CalibrationPictures,
        shape: Shape,
        cache: Path | None,
    ) -> None:
        self._device, self._pictures, self._shape, self._cache = device, pictures, shape, cache
        self._memory = device.allocate(int(np.prod(shape)) * 3)
        self._pinned = device.pinned(self._memory.size)
        self._stream = device.stream()
        self._batches: Iterator[Pixels] | None = None
        self._failure: Exception | None = None
        self.shown = 0
        self.from_cache = False
        self.calibrator = _calibrator(trt, self)

    def check(self) -> None:
        """Raise what failed meanwhile; ModelError where there were too few pictures."""
        if self._failure is not None:
            raise self._failure
        if not self.from_cache and self.shown < FEWEST:
            raise ModelError(
                f"INT8: {self._pictures.name} has {self.shown} pictures for the calibration, and {FEWEST} are "
                "the fewest that say enough: give more footage"
            )

    @property
    def batch_size(self) -> int:
        """Pictures in a batch."""
        return self._shape[0]

    def next_batch(self) -> list[int] | None:
        """The address of the next batch on the device; None: there are no more."""
        try:
            if self._batches is None:
                self._batches = iter(self._pictures.batches(self._shape))
            batch = next(self._batches, None)
            if batch is None:
                return None
            self._pinned[:] = batch.reshape(-1)
            self._stream.upload(self._pinned, self._memory)
            self._stream.synchronize()
            self.shown += len(batch)
        except Exception as exc:  # noqa: BLE001 - raised by `check`: it must not pass through C++
            self._failure = self._failure or exc
            return None
        return [self._memory.address]

    def read(self) -> bytes | None:
        """The scales of an earlier calibration."""
        try:
            kept = self._cache.read_bytes() if self._cache is not None else b""
        except OSError:
            return None  # they are found anew
        self.from_cache = bool(kept)
        if kept:
            log.info("INT8: scales are taken from %s", self._cache)
        return kept or None

    def write(self, scales: bytes) -> None:
        """Keep the scales, where there were enough pictures to find them."""
        try:
            if self._cache is not None and self._failure is None and self.shown >= FEWEST:
                write_whole(self._cache, scales)
        except Exception as exc:  # noqa: BLE001 - as above
            self._failure = self._failure or exc


def _calibrator(trt: Any, calibration: Calibration) -> object:
    """The object that TensorRT calls. Its class is TensorRT's, so it is made where TensorRT is known."""

    class EntropyCalibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)

        def get_batch_size(self) -> int:
            return calibration.batch_size

        def get_batch(self, names: Sequence[str]) -> list[int] | None:  # noqa: ARG002 - one input
            return calibration.next_batch()

        def read_calibration_cache(self) -> bytes | None:
            return calibration.read()

        def write_calibration_cache(self, cache: Any) -> None:
            calibration.write(bytes(cache))

    return EntropyCalibrator()
