"""What a network was given, kept so that each variant of it can be given the very same.

Pictures lie in a temporary file, not in memory: 1,000 of them at 640×640 are 1.2 GB.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sightline.engines.wrapper import EngineWrapper
from sightline.optimize.variants.finite import FiniteEngine
from sightline.protocols import Engine, SharedDetector
from sightline.temporary_files import temporary_error
from sightline.types import Detections, Floats, Frame, Normalization, Pixels

T = TypeVar("T")

IN_FLIGHT = 4
"""Pictures that are looked at again at the same time."""


@dataclass(frozen=True)
class _StoredPicture:
    """Where a picture of the network lies, its shape, and the size of the frame that it was made of."""

    offset: int
    shape: tuple[int, int, int]
    source: tuple[int, int]


class NetworkPictures:
    """The pictures (H, W, 3), uint8, that a network was given, one for each frame."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with its owner
        self._kept: list[_StoredPicture] = []

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, place: int) -> Pixels:
        """A picture (H, W, 3), uint8."""
        kept = self._kept[place]
        self._file.seek(kept.offset)
        pixels = np.frombuffer(self._file.read(int(np.prod(kept.shape))), np.uint8)
        return pixels.reshape(kept.shape)

    def add(self, pixels: Pixels, source: tuple[int, int]) -> None:
        """Keep a picture that was made of a frame of this width and height. Raises SinkError: the disk is full."""
        offset = self._file.seek(0, 2)
        try:
            self._file.write(np.ascontiguousarray(pixels).tobytes())
        except OSError as error:
            raise temporary_error(error) from error
        self._kept.append(_StoredPicture(offset, pixels.shape, source))

    def source(self, place: int) -> tuple[int, int]:
        """Width and height of the frame that a picture was made of."""
        return self._kept[place].source

    def shape(self, place: int) -> tuple[int, int]:
        """The height and width of a picture, which is not read for it."""
        return self._kept[place].shape[:2]

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()


def network_input(pixels: Pixels, normalization: Normalization, dtype: str = "float32") -> Floats:
    """What the model itself takes for a picture (H, W, 3): (1, 3, H, W), normalised."""
    mean, std = np.array(normalization.mean, np.float32), np.array(normalization.std, np.float32)
    values = (pixels.astype(np.float32) * np.float32(normalization.scale) - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None]).astype(dtype)


class RecordingDetector:
    """A ``Detector`` that keeps what its network is given. Frames are looked at one by one.

    Raises InferenceError where the model's outputs are not numbers (NaN or infinite).
    """

    def __init__(self, detector: SharedDetector, pictures: NetworkPictures) -> None:
        self._pictures = pictures
        self._source = (0, 0)
        self._detector = detector.with_engines(self._recorded)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class id, from 0."""
        return self._detector.class_names

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        """Detect in frames, each of which is looked at before the next one is begun."""
        found: list[Detections] = []
        for frame in frames:
            self._source = (frame.width, frame.height)
            found += self._detector.submit([frame]).result()
        done: Future[list[Detections]] = Future()
        done.set_result(found)
        return done

    def close(self) -> None:
        """Nothing: who lent the detector closes it."""

    def _recorded(self, engine: Engine) -> Engine:
        finite = FiniteEngine(engine)
        return _Recording(finite, lambda pixels: self._pictures.add(pixels, self._source))


class _Recording(EngineWrapper):
    """An engine that keeps each picture that it is given."""

    def __init__(self, engine: Engine, keep: Callable[[Pixels], None]) -> None:
        super().__init__(engine)
        self._keep = keep

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``."""

        def kept_fill(batch: Pixels) -> None:
            fill(batch)
            for pixels in batch:
                self._keep(pixels)

        return self.engine.submit(shape, kept_fill, read)


class _Replaying(EngineWrapper):
    """An engine that is given a kept picture in place of the frame's."""

    def __init__(self, engine: Engine, pixels: Pixels) -> None:
        super().__init__(engine)
        self._pixels = pixels

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],  # noqa: ARG002 - the frame has no pixels
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``; ``fill`` is not called."""
        return self.engine.submit(shape, lambda batch: np.copyto(batch[0], self._pixels), read)


@dataclass(frozen=True)
class _SizeOnly:
    """A picture of which only the size is asked for."""

    width: int
    height: int

    def scaled(self, *_: object) -> Pixels:
        """Never called: the network is given a kept picture."""
        raise AssertionError("a frame that is looked at again has no pixels")


def detect_again(
    detector: SharedDetector, engine: Engine, pictures: NetworkPictures, places: Sequence[int]
) -> Iterator[Detections]:
    """What a detector with another engine finds in kept pictures, in the order of ``places``, one by one: masks
    of all of them would take much memory.

    Raises InferenceError: an output is not a number (NaN or infinite).
    """
    flying: deque[Future[list[Detections]]] = deque()
    for future in _begun(detector, engine, pictures, places):
        flying.append(future)
        if len(flying) == IN_FLIGHT:
            yield from flying.popleft().result()
    for future in flying:
        yield from future.result()


def _begun(
    detector: SharedDetector, engine: Engine, pictures: NetworkPictures, places: Sequence[int]
) -> Iterator[Future[list[Detections]]]:
    finite = FiniteEngine(engine)
    for place in places:
        pixels = pictures[place]
        again = detector.with_engines(lambda _, pixels=pixels: _Replaying(finite, pixels))  # type: ignore[misc]  # mypy knows no such default
        frame = Frame("again", place, 0.0, 0.0, _SizeOnly(*pictures.source(place)))
        yield again.submit([frame])
