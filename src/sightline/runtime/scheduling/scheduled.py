"""An engine, and models that go through the scheduler, with the faces of what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Self, TypeVar

from sightline.futures import all_begun, joined
from sightline.protocols import (
    Classifier,
    Engine,
    IdentifiedEmbedder,
    SharedDetector,
    UsesEngines,
)
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Detections, EngineInfo, Floats, Frame, Label, Pixels

T = TypeVar("T")
M = TypeVar("M", bound=UsesEngines)


class ScheduledEngine:
    """An ``Engine`` whose jobs wait in a scheduler, under the terms of one client.

    ``submit`` returns at once; close has nothing to do. Cheap to make.

    ``submit`` raises Overloaded at once where the job would wait for too long, and NotFound where the
    scheduler has no such model (``info`` too). Its futures raise Overloaded, DeadlineExceeded or what
    the job failed with.

    Args:
        scheduler: runs the jobs.
        name: of the model.
        terms: of the client.
    """

    __slots__ = ("_name", "_scheduler", "_terms")

    def __init__(self, scheduler: Scheduler, name: str, terms: Terms) -> None:
        self._scheduler = scheduler
        self._name = name
        self._terms = terms

    @property
    def info(self) -> EngineInfo:
        """The scheduler's engine's. Raises NotFound."""
        return self._scheduler.info(self._name)

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``; returns at once. Raises Overloaded and NotFound."""
        return self._scheduler.submit(self._name, self._terms, shape, fill, read)

    def close(self) -> None:
        """The scheduler's engine belongs to whoever added it."""


def engine_name(model: str, place: int) -> str:
    """What the scheduler calls the engine at a place of a model's: the first has the model's name."""
    return f"{model}:{place + 1}" if place else model


def scheduled(model: M, scheduler: Scheduler, name: str, terms: Terms) -> M:
    """A model whose inferences a scheduler runs, under the terms of one client. Cheap to make."""
    places = count()
    return model.with_engines(
        lambda _: ScheduledEngine(scheduler, engine_name(name, next(places)), terms)
    )


class ScheduledDetector:
    """A ``Detector`` whose inferences a scheduler runs; frames age from when they were captured.

    Args:
        scheduler: that knows the detector's engine by ``name``.
        name: of the model.
        detector: what is done around the engine; it stays its owner's to close.
        terms: of the stream.
        interval: returns the seconds between two frames of the stream, None where that is not known.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        name: str,
        detector: SharedDetector,
        terms: Terms,
        interval: Callable[[], float | None] | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._name = name
        self._detector = detector
        self._terms = terms
        self._interval = interval

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class id, from 0."""
        return self._detector.class_names

    def canvas(self, source: tuple[int, int]) -> tuple[int, int]:
        """The input (width, height) of the detector's first engine for a source picture (width, height)."""
        _, height, width = self._detector.batches(source)[0]
        return width, height

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        """Detect in frames, each an item of its own.

        The future raises what the first frame that failed did: DeadlineExceeded, Overloaded or
        InferenceError. Raises Overloaded at once where a frame would wait for too long; frames
        before it are cancelled.
        """
        futures = all_begun(partial(self._submit, frame) for frame in frames)
        return futures[0] if len(futures) == 1 else joined(futures, _chained)

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        """See ``UsesEngines``; ``wrap`` is given the detector's own engines."""
        detector = self._detector.with_engines(wrap)
        return type(self)(self._scheduler, self._name, detector, self._terms, self._interval)

    def close(self) -> None:
        """The detector belongs to whoever made it."""

    def _submit(self, frame: Frame) -> Future[list[Detections]]:
        interval_s = None if self._interval is None else self._interval()
        terms = replace(self._terms, since=frame.captured_at, interval_s=interval_s)
        return scheduled(self._detector, self._scheduler, self._name, terms).submit((frame,))


class ScheduledClassifier:
    """A ``Classifier`` whose inferences a scheduler runs; crops age from when their frame was captured.

    Args:
        scheduler: that knows the classifier's engine by ``name``.
        name: of the model.
        classifier: what is done around the engine; it stays its owner's to close.
        terms: of the stream.
    """

    def __init__(
        self, scheduler: Scheduler, name: str, classifier: Classifier, terms: Terms
    ) -> None:
        self._scheduler = scheduler
        self._name = name
        self._classifier = classifier
        self._terms = terms

    @property
    def attributes(self) -> Mapping[str, tuple[str, ...]]:
        """The names that each attribute may have."""
        return self._classifier.attributes

    def submit(self, frame: Frame, boxes: Floats) -> Future[list[tuple[Label, ...]]]:
        """As the classifier's; raises Overloaded at once where the crops would wait for too long."""
        return self._at(frame).submit(frame, boxes)

    def scores(self, frame: Frame, boxes: Floats) -> Future[list[Floats]]:
        """As the classifier's; raises Overloaded at once where the crops would wait for too long."""
        return self._at(frame).scores(frame, boxes)

    def labels(self, scores: Sequence[Floats]) -> list[tuple[Label, ...]]:
        """Labels of each row of ``scores``, as ``submit`` gives them."""
        return self._classifier.labels(scores)

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        """See ``UsesEngines``; ``wrap`` is given the classifier's own engines."""
        classifier = self._classifier.with_engines(wrap)
        return type(self)(self._scheduler, self._name, classifier, self._terms)

    def close(self) -> None:
        """The classifier belongs to whoever made it."""

    def _at(self, frame: Frame) -> Classifier:
        terms = replace(self._terms, since=frame.captured_at)
        return scheduled(self._classifier, self._scheduler, self._name, terms)


class ScheduledEmbedder:
    """An ``Embedder`` whose inferences a scheduler runs; crops age from when their frame was captured.

    Args:
        scheduler: that knows the embedder's engine by ``name``.
        name: of the model.
        embedder: what is done around the engine; it stays its owner's to close.
        terms: of the stream.
    """

    def __init__(
        self, scheduler: Scheduler, name: str, embedder: IdentifiedEmbedder, terms: Terms
    ) -> None:
        self._scheduler = scheduler
        self._name = name
        self._embedder = embedder
        self._terms = terms
        self.dimensions = embedder.dimensions
        self.info = embedder.info

    def submit(self, frame: Frame, boxes: Floats) -> Future[Floats]:
        """As the embedder's; raises Overloaded at once where the crops would wait for too long."""
        terms = replace(self._terms, since=frame.captured_at)
        return scheduled(self._embedder, self._scheduler, self._name, terms).submit(frame, boxes)

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        """See ``UsesEngines``; ``wrap`` is given the embedder's own engines."""
        embedder = self._embedder.with_engines(wrap)
        return type(self)(self._scheduler, self._name, embedder, self._terms)

    def close(self) -> None:
        """The embedder belongs to whoever made it."""


def _chained(parts: list[list[Detections]]) -> list[Detections]:
    return [found for part in parts for found in part]
