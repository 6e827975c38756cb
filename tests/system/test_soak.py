"""Long runs, by name: ``make soak``."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightline import build
from sightline.config import ByteTrackOptions, ModelOptions
from sightline.runtime.streams.stream import observe
from sightline.sinks.jsonl import JsonLinesSink
from sightline.sources.file import FileSource
from sightline.types import Frame, SourceStatus, StreamInfo

FRAMES, WARM = 100_000, 5_000


def resident_mb() -> float:
    """Memory of this process that is in RAM, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


class Limited:
    """A source that ends after so many frames of another."""

    def __init__(self, source: FileSource, frames: int) -> None:
        self._source, self._frames = source, frames

    def open(self) -> StreamInfo:
        return self._source.open()

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            if frame.index >= self._frames:
                return
            yield frame

    @property
    def status(self) -> SourceStatus:
        return self._source.status

    def close(self) -> None:
        self._source.close()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_does_not_grow_with_time(data: Path) -> None:
    """100,000 frames of a looped file through detector, tracker and JSON lines."""
    model = ModelOptions(model=str(data / "models" / "yolox_nano.onnx"), size=128)
    detector = build.detector(model)
    source = Limited(FileSource(data / "videos" / "car-detection.mp4", loop=0), FRAMES)
    sink = JsonLinesSink("/dev/null")
    sink.open(source.open())
    before = 0.0
    for observation in observe(source, build.pipeline(detector, ByteTrackOptions())):
        sink.write(observation)
        if observation.frame.index == WARM:
            before = resident_mb()
    grown = resident_mb() - before
    sink.close()
    detector.close()
    print(f"{grown:.2f} MB more after {FRAMES} frames than after {WARM}")  # noqa: T201 - the figure
    assert observation.frame.index == FRAMES - 1
    assert grown < 5
