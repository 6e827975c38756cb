"""A model whose inferences go through the scheduler: a detector, or the tensors of its file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from sightline.engines.fallback import Fallback
from sightline.engines.wrapper import EngineWrapper
from sightline.futures import joined
from sightline.protocols import Engine
from sightline.runtime.repository.native_model import NativeModel
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledEngine
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Detections, EngineInfo, Floats, Frame, Pixels

if TYPE_CHECKING:
    from sightline.models.detector import EngineDetector

T = TypeVar("T")
Started = Callable[[], None]

ASPECTS = ((1, 1), (4, 3), (3, 4), (16, 9), (9, 16))
"""Pictures of clients run on inputs of these shapes (width, height) only: some engines compile each
shape, which takes a second, and pictures of one shape can share a batch."""

STREAM_ASPECT = (16, 9)
"""Of cameras and videos, as far as anyone can tell before they are open."""

OWN_QUEUE = ":native"
"""Behind a model's name for the queue of its own tensors; no model can be called so."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Who uses a model where no clients come: so many streams, some of which are ``live``."""

    streams: int = 0
    live: bool = False


NOBODY = Expected()


class ServedModel:
    """A detector whose inferences go through the scheduler.

    Args:
        name: that clients, and the scheduler, call it by.
        detector: with the engine itself.
        scheduler: that runs it.
        native: runs the file's own tensors; None where they are not served.
    """

    def __init__(
        self,
        name: str,
        detector: EngineDetector,
        scheduler: Scheduler,
        native: NativeModel | None = None,
    ) -> None:
        self.name = name
        self.native = native
        self.detector = detector
        self.loaded_at = time.time()
        self._scheduler = scheduler
        shapes = {detector.canvas((w * 1000, h * 1000)) for w, h in ASPECTS}
        self.canvases = sorted(shapes, key=lambda canvas: canvas[0] * canvas[1])
        """The inputs (width, height) of pictures, the smallest first."""

    @property
    def info(self) -> EngineInfo:
        """Of the engine: what tensors go in and come out."""
        return self.detector.engine.info

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class id, from 0."""
        return self.detector.class_names

    @property
    def fallback(self) -> Fallback | None:
        """The engines that take over from one another, where there are several."""
        engine = self.detector.engine
        return engine if isinstance(engine, Fallback) else None

    def canvas(self, source: tuple[int, int]) -> tuple[int, int]:
        """The smallest of ``canvases`` that holds a picture (width, height) at its full scale."""
        width, height = self.detector.canvas(source)
        fitting = (c for c in self.canvases if c[0] >= width and c[1] >= height)
        return next(fitting, (width, height))

    def warm_up(self, expected: Expected | None = None) -> None:
        """Run every canvas once, and measure batches at the largest; takes seconds.

        What is ``expected`` may be less: one stream has nobody to share a batch with, and a recording
        waits for what its first frame compiles.
        """
        if expected is None:
            self._scheduler.warm_up(self.name, self.canvases[-1])
            try_out(self, self.canvases[:-1])
            return
        width, height = STREAM_ASPECT
        canvas = self.detector.canvas((width * 1000, height * 1000))
        if expected.streams > 1:
            self._scheduler.warm_up(self.name, canvas, most=expected.streams)
        elif expected.live:
            try_out(self, [canvas])

    def submit(
        self,
        frame: Frame,
        terms: Terms,
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Sequence[str] | None = None,
        started: Started | None = None,
    ) -> Future[Detections]:
        """Detect in one frame; ``started`` is called, in another thread, when its turn comes.

        Cancelling the future takes the frame out of the queue.

        Raises:
            Overloaded: the scheduler accepts no more.
            ConfigError: the model has no such class.
        """
        engine: Engine = ScheduledEngine(self._scheduler, self.name, terms)
        canvas = self.canvas((frame.width, frame.height))
        if started is not None:
            engine = Announced(engine, started)
        detector = self.detector.replaced(conf=conf, iou=iou, classes=classes, size=canvas)
        found = detector.with_engines(lambda _: engine).submit((frame,))
        return joined([found], lambda results: results[0][0])

    def infer(
        self, tensors: Pixels, terms: Terms, read: Callable[[Sequence[Floats]], T]
    ) -> Future[T]:
        """Run the network on ready ``tensors``, (N, H, W, 3) uint8, and ``read`` its raw outputs, as
        engines do: in a thread of theirs, and the outputs are gone when it returns."""

        def fill(batch: Pixels) -> None:
            np.copyto(batch, tensors)

        n, height, width = tensors.shape[:3]
        return ScheduledEngine(self._scheduler, self.name, terms).submit(
            (n, height, width), fill, read
        )


class ServedTensors:
    """A model that takes no pictures: it is served by the tensors of its file only."""

    def __init__(self, name: str, native: NativeModel) -> None:
        self.name = name
        self.native = native


class Announced(EngineWrapper):
    """An Engine that tells when a job's turn comes."""

    def __init__(self, engine: Engine, started: Started) -> None:
        super().__init__(engine)
        self._started = started

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``: one batch (N, H, W); the future has what ``read`` returned."""

        def announce(batch: Pixels) -> None:
            self._started()
            fill(batch)

        return self.engine.submit(shape, announce, read)


def try_out(served: ServedModel, canvases: Sequence[tuple[int, int]]) -> None:
    """Run a grey picture of each shape through an engine. Nobody asked for them: they count nowhere."""

    def fill(batch: Pixels) -> None:
        batch[:] = 114

    for width, height in canvases:
        served.detector.engine.submit((1, height, width), fill, lambda _: None).result()
