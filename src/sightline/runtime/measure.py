"""Where the time of one stream goes, and what is lost on the way from the engine to the results."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from sightline.engines.wrapper import EngineWrapper
from sightline.errors import SourceError
from sightline.protocols import Detector, Engine, Source, Tracker
from sightline.runtime.streams.pipeline import Pipeline
from sightline.runtime.streams.stream import Stream
from sightline.types import Floats, Pixels

T = TypeVar("T")

STAGES = ("decode", "preprocess", "infer", "postprocess", "track")


@dataclass
class Stages:
    """Milliseconds that each stage took, frame by frame, with nothing beside it."""

    ms: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the milliseconds of a block to a stage."""
        start = time.perf_counter()
        yield
        self.ms[stage].append((time.perf_counter() - start) * 1e3)

    def percentile(self, stage: str, q: float) -> float:
        """Milliseconds; 0 for a stage that did not run."""
        return float(np.percentile(self.ms[stage], q)) if self.ms[stage] else 0.0

    def share(self, stage: str) -> float:
        """The stage's part of all time, between 0 and 1."""
        total = sum(sum(times) for times in self.ms.values())
        return sum(self.ms[stage]) / total if total else 0.0


class TimedEngine(EngineWrapper):
    """An Engine that wraps an Engine and times what is done around it."""

    def __init__(self, engine: Engine, stages: Stages) -> None:
        super().__init__(engine)
        self._stages = stages

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``: one batch (N, H, W); the future has what ``read`` returned.

        Its parts are timed.
        """
        filled = 0.0

        def timed_fill(pixels: Pixels) -> None:
            nonlocal filled
            with self._stages.timed("preprocess"):
                fill(pixels)
            filled = time.perf_counter()

        def timed_read(outputs: Sequence[Floats]) -> T:
            self._stages.ms["infer"].append((time.perf_counter() - filled) * 1e3)
            with self._stages.timed("postprocess"):
                return read(outputs)

        return self.engine.submit(shape, timed_fill, timed_read)


def measure_stages(
    source: Source, detector: Detector, tracker: Tracker, stages: Stages, frames: int
) -> None:
    """Run ``frames`` frames one at a time; the detector's engine must be a TimedEngine.

    One more frame is run before them, so that no stage's time holds its preparation. Raises
    SourceError where there is none.
    """
    with closing(source):
        info = source.open()
        iterator = iter(source)
        first = next(iterator, None)
        if first is None:
            raise SourceError(f"{info.name} has no frames to measure")
        detector.submit((first,)).result()
        for times in stages.ms.values():
            times.clear()
        for _ in range(frames):
            with stages.timed("decode"):
                frame = next(iterator, None)
            if frame is None:
                stages.ms["decode"].pop()  # the end of the file is no frame
                break
            detections = detector.submit((frame,)).result()[0]
            with stages.timed("track"):
                tracker.update(detections, frame.time)


def measure_engines(
    engines: Sequence[Engine], batches: Sequence[tuple[int, int, int]], seconds: float
) -> float:
    """Pictures per second of the engines alone, one after another, each with its batch (N, H, W) for
    one picture; ``seconds`` are those of all."""
    each = seconds / len(engines)
    rates = [measure_engine(e, batch, each) for e, batch in zip(engines, batches, strict=True)]
    return 1 / sum(1 / rate for rate in rates)


def measure_engine(engine: Engine, shape: tuple[int, int, int], seconds: float) -> float:
    """Batches (N, H, W) per second of the engine alone, as many in flight as it takes."""

    def nothing(_: object) -> None:
        """Neither fill nor read: the engine alone is measured."""

    def run(until: float) -> int:
        count = 0
        flying: deque[Future[None]] = deque()
        while time.perf_counter() < until:
            flying.append(engine.submit(shape, nothing, nothing))
            while flying and flying[0].done():
                flying.popleft().result()
                count += 1
        for future in flying:
            future.result()
        return count + len(flying)

    run(time.perf_counter() + seconds / 4)
    start = time.perf_counter()
    return run(start + seconds) / (time.perf_counter() - start)


def measure_stream(source: Source, pipeline: Pipeline) -> float:
    """Frames per second from the file to tracked objects. Raises what ended the stream early."""
    result = Stream("bench", source, pipeline).run()
    if result.error is not None:
        raise result.error
    return result.fps
