"""An engine, a detector and a classifier that go through the scheduler, with the faces of what they stand for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Protocol, Self, TypeVar

from sightline.protocols import Classifier, Detector, Engine
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Detections, EngineInfo, Floats, Frame, Label, Pixels

T = TypeVar("T")


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
        return self._scheduler.info(self._name)

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        return self._scheduler.submit(self._name, self._terms, shape, fill, read)

    def close(self) -> None:
        """The scheduler's engine belongs to whoever added it."""


class EngineUser(Detector, Protocol):
    """A detector that can be had around another engine."""

    def replaced(self, *, engine: Engine) -> Self: ...


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
        detector: EngineUser,
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
        return self._detector.class_names

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        """Detect in frames, each an item of its own.

        The future raises what the first frame that failed did: DeadlineExceeded, Overloaded or
        InferenceError. Raises Overloaded at once where a frame would wait for too long; frames
        before it are cancelled.
        """
        futures: list[Future[list[Detections]]] = []
        try:
            for frame in frames:
                futures.append(self._submit(frame))  # noqa: PERF401 - those before a refusal count
        except BaseException:  # whatever it is, it goes on; nobody would read the others' results
            for future in futures:
                future.cancel()
            raise
        return futures[0] if len(futures) == 1 else _joined(futures)

    def close(self) -> None:
        """The detector belongs to whoever made it."""

    def _submit(self, frame: Frame) -> Future[list[Detections]]:
        interval_s = None if self._interval is None else self._interval()
        terms = replace(self._terms, since=frame.captured_at, interval_s=interval_s)
        engine = ScheduledEngine(self._scheduler, self._name, terms)
        return self._detector.replaced(engine=engine).submit((frame,))


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
        return self._classifier.attributes

    def submit(self, frame: Frame, boxes: Floats) -> Future[list[tuple[Label, ...]]]:
        """As the classifier's; raises Overloaded at once where the crops would wait for too long."""
        return self._at(frame).submit(frame, boxes)

    def scores(self, frame: Frame, boxes: Floats) -> Future[list[Floats]]:
        """As the classifier's; raises Overloaded at once where the crops would wait for too long."""
        return self._at(frame).scores(frame, boxes)

    def labels(self, scores: Sequence[Floats]) -> list[tuple[Label, ...]]:
        return self._classifier.labels(scores)

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        classifier = self._classifier.with_engines(wrap)
        return type(self)(self._scheduler, self._name, classifier, self._terms)

    def close(self) -> None:
        """The classifier belongs to whoever made it."""

    def _at(self, frame: Frame) -> Classifier:
        terms = replace(self._terms, since=frame.captured_at)
        engine = ScheduledEngine(self._scheduler, self._name, terms)
        return self._classifier.with_engines(lambda _: engine)


def _joined(futures: list[Future[list[Detections]]]) -> Future[list[Detections]]:
    """One future for several: all results in order, or the first failure."""
    whole: Future[list[Detections]] = Future()
    whole.set_running_or_notify_cancel()
    done = itertools.count(1)  # next() is atomic, and the callbacks come from several threads

    def collect(_: Future[list[Detections]]) -> None:
        if next(done) < len(futures):
            return
        try:
            whole.set_result([found for future in futures for found in future.result()])
        except BaseException as exc:  # noqa: BLE001 - the caller gets it, whatever it is
            whole.set_exception(exc)

    for future in futures:
        future.add_done_callback(collect)
    if not futures:
        whole.set_result([])
    return whole
