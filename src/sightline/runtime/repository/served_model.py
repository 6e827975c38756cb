"""A model whose inferences go through the scheduler: a detector, or the tensors of its file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np

from sightline.engines.fallback.breaker import Fallback
from sightline.engines.wrapper import EngineWrapper
from sightline.futures import joined
from sightline.protocols import Detector, Engine, SharedDetector
from sightline.runtime.repository.native_model import NativeModel
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledEngine, engine_name, scheduled
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Detections, EngineInfo, Floats, Frame, Pixels

if TYPE_CHECKING:
    from sightline.models.detector import EngineDetector
    from sightline.models.model_card import ModelCard

T = TypeVar("T")
Canvas = tuple[int, int]
Started = Callable[[], None]

ASPECTS = ((1, 1), (4, 3), (3, 4), (16, 9), (9, 16))
"""Pictures of clients run on inputs of these shapes (width, height) only: some engines compile each
shape, which takes a second, and pictures of one shape can share a batch."""

STREAM_ASPECT = (16, 9)
"""The aspect that cameras and videos are thought to have before they are open."""

OWN_QUEUE = ":native"
"""Behind a model's name for the queue of its own tensors; no model can be called so."""


@dataclass(frozen=True, slots=True)
class ExpectedUse:
    """Who uses a model where no clients come: so many streams, some of which are ``live``."""

    streams: int = 0
    live: bool = False


NOBODY = ExpectedUse()


class Overrides(NamedTuple):
    """What a call asks for instead of the model's own thresholds and classes; None: the model's."""

    conf: float | None = None
    iou: float | None = None
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What one client or stream asks of a model, so that another model can be asked the same.

    Args:
        terms: under which it is run.
        wanted: thresholds and classes.
        ask: makes a detector of another model under the same terms, for the same picture.
        key: of a picture: where two models share the traffic, those of one key go to one of them. None:
            to any.
    """

    terms: Terms
    wanted: Overrides
    ask: Callable[[SharedModel], Detector]
    key: Callable[[Frame], str | None]


class TrafficRule(Protocol):
    """Says which of two models answers, where a model has another beside it."""

    @property
    def header(self) -> str | None:
        """The header of requests whose value is the key of their terms; None: none is."""

    def around(self, first: Detector, call: ModelCall) -> Detector:
        """The detector that answers in the place of ``first``."""

    def loaded_again(self, name: str) -> None:
        """A model has been loaded, in the place of one of that name or for the first time."""


class SharedModel:
    """A detector whose inferences go through the scheduler.

    Args:
        name: that clients, and the scheduler, call it by.
        detector: with the engines themselves.
        scheduler: that runs them.
    """

    native: NativeModel | None = None
    """Runs the file's own tensors; None where they are not served."""

    rollout: TrafficRule | None = None
    """Shows its traffic to a second model, or gives a part of it to that; None: there is none."""

    content: str | None = None
    """The SHA-256 of the files that it was loaded from; None: it is compared with no other."""

    has_tensors = False
    """Whether clients may give it tensors: a detector of several parts has none of its own."""

    def __init__(self, name: str, detector: SharedDetector, scheduler: Scheduler) -> None:
        self.name = name
        self.detector = detector
        self.loaded_at = time.time()
        self._scheduler = scheduler
        self._padded = detector.with_aspects(ASPECTS)
        self._names = [engine_name(name, place) for place in range(len(detector.engines))]

    def add(self) -> None:
        """Give the engines to the scheduler. Raises Conflict: a name is taken."""
        sizes = _batch_sizes(self.detector.max_batch)
        for name, engine in zip(self._names, self.detector.engines, strict=True):
            self._scheduler.add(name, engine, sizes)

    def replace(self) -> None:
        """Put the engines in the place of those that the scheduler has, which are closed."""
        for name, engine in zip(self._names, self.detector.engines, strict=True):
            self._scheduler.replace(name, engine).close()

    def remove(self) -> None:
        """Take the engines from the scheduler, and close them once they have answered what it accepted."""
        for name in self._names:
            self._scheduler.remove(name).close()

    def try_out(self) -> None:
        """Run every input size once. Raises what running raises."""
        for place, engine in enumerate(self.detector.engines):
            try_out(engine, self._canvases(place))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class id, from 0."""
        return self.detector.class_names

    @property
    def card(self) -> ModelCard | None:
        """How the model is fed and read, and what it tells; None: there is no single one."""
        return None

    @property
    def fallback(self) -> Fallback | None:
        """The engines that take over from one another, where one model has several."""
        return next((e for e in self.detector.engines if isinstance(e, Fallback)), None)

    def warm_up(self, expected: ExpectedUse | None = None) -> None:
        """Run every input size once, and measure batches at the largest; takes seconds.

        What is ``expected`` may be less: one stream has nobody to share a batch with, and a recording
        waits for what its first frame compiles.
        """
        for place, name in enumerate(self._names):
            engine = self.detector.engines[place]
            if expected is None:
                *others, largest = self._canvases(place)
                self._scheduler.warm_up(name, largest)
                try_out(engine, others)
                continue
            canvas = _canvas(self.detector, place, STREAM_ASPECT)
            if expected.streams > 1:
                self._scheduler.warm_up(name, canvas, most=expected.streams)
            elif expected.live:
                try_out(engine, [canvas])

    def _canvases(self, place: int) -> list[Canvas]:
        shapes = {_canvas(self.detector, place, aspect) for aspect in ASPECTS}
        return sorted(shapes, key=lambda canvas: canvas[0] * canvas[1])

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
        wanted = Overrides(conf, iou, None if classes is None else tuple(classes))
        detector = self.asked(terms, wanted, started)
        if self.rollout is not None:
            call = ModelCall(
                terms,
                wanted,
                lambda other: other.asked(terms, wanted, started),
                lambda _: terms.key,
            )
            detector = self.rollout.around(detector, call)
        return joined([detector.submit((frame,))], lambda results: results[0][0])

    def asked(self, terms: Terms, wanted: Overrides, started: Started | None = None) -> Detector:
        """This model, and no other beside it, for one client. Raises ConfigError as ``submit``."""
        detector = self._padded.replaced(**wanted._asdict())
        detector = scheduled(detector, self._scheduler, self.name, terms)
        if started is not None:
            detector = detector.with_engines(lambda engine: StartNotifyingEngine(engine, started))
        return detector


class ServedModel(SharedModel):
    """A model of a file: clients may also give it tensors.

    Args:
        name, detector, scheduler: as of a ``SharedModel``.
        native: runs the file's own tensors; None where they are not served.
    """

    detector: EngineDetector
    has_tensors = True

    def __init__(
        self,
        name: str,
        detector: EngineDetector,
        scheduler: Scheduler,
        native: NativeModel | None = None,
    ) -> None:
        super().__init__(name, detector, scheduler)
        self.native = native
        self.canvases = self._canvases(0)
        """The inputs (width, height) of pictures, the smallest first."""

    @property
    def info(self) -> EngineInfo:
        """The engine's tensors, in and out."""
        return self.detector.engine.info

    @property
    def card(self) -> ModelCard:
        """How the model is fed and read, and what it tells."""
        return self.detector.card

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

    has_tensors = True

    def __init__(self, name: str, native: NativeModel) -> None:
        self.name = name
        self.native = native


class StartNotifyingEngine(EngineWrapper):
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


def try_out(engine: Engine, canvases: Sequence[Canvas]) -> None:
    """Run a grey picture of each size through an engine. Nobody asked for them: they count nowhere."""

    def fill(batch: Pixels) -> None:
        batch[:] = 114

    for width, height in canvases:
        engine.submit((1, height, width), fill, lambda _: None).result()


def _canvas(detector: SharedDetector, place: int, aspect: tuple[int, int]) -> Canvas:
    """The input (width, height) of one of a detector's engines for large pictures of an aspect."""
    width, height = aspect
    _, height, width = detector.batches((width * 1000, height * 1000))[place]
    return width, height


def _batch_sizes(limit: int | None) -> list[int] | None:
    """None: as many as the scheduler's options allow."""
    return None if limit is None else [n for n in (1, 2, 4, 8, 16, 32) if n <= limit]
