"""Frames, detectors and workers whose answers a test gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from sightline.errors import SightlineError
from sightline.evaluation.estimation.calibration import AccuracyCalibration
from sightline.runtime.estimation.estimator import AccuracyEstimator, EstimatedModel
from sightline.runtime.estimation.worker import EstimationWorker
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame, Observation

NAMES = ("person", "car")


def frame(index: int = 0, fps: float = 5.0) -> Frame:
    picture = ArrayPicture(np.zeros((48, 64, 3), np.uint8))
    return Frame("gate", index, index / fps, 0.0, picture)


def observed(index: int, missing: str | None = None) -> Observation:
    seen = Observation(frame(index), Detections.empty(NAMES))
    return seen if missing is None else seen.without("detect", missing)


def objects(*scores: float) -> Detections:
    """Cars side by side."""
    n = len(scores)
    boxes = np.array([[20 * i, 0, 20 * i + 10, 10] for i in range(n)], np.float32).reshape(-1, 4)
    return Detections(boxes, np.array(scores, np.float32), np.ones(n, np.int64), class_names=NAMES)


class AskedDetector:
    """The stream's own model: ``found`` in each frame, or the error that detecting one comes to."""

    class_names = NAMES

    def __init__(self, found: Detections | Exception | None = None) -> None:
        self.found = objects(0.9, 0.8) if found is None else found
        self.seen: list[int] = []
        self.held: list[Future[list[Detections]]] | None = None

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        self.seen += [one.index for one in frames]
        done: Future[list[Detections]] = Future()
        if self.held is not None:
            self.held.append(done)
        elif isinstance(self.found, Exception):
            done.set_exception(self.found)
        else:
            done.set_result([self.found])
        return done

    def close(self) -> None: ...


class PlainWorker(EstimationWorker):
    """Does each job at once, or keeps it; ``reference`` is what the reference finds, or its error."""

    def __init__(self, reference: Detections | Exception | None = None) -> None:
        self.reference = reference
        self.classes: tuple[str, ...] | Exception = NAMES
        self.kept: list[Callable[[], None]] | None = None
        self.full = self.closed = False
        self.shown: list[int] = []

    def put(self, job: Callable[[], None]) -> bool:
        if self.full:
            return False
        if self.kept is not None:
            self.kept.append(job)
        else:
            job()
        return True

    def class_names(self) -> tuple[str, ...]:
        if isinstance(self.classes, Exception):
            raise self.classes
        return self.classes

    def look(self, frame: Frame) -> Detections:
        self.shown.append(frame.index)
        if isinstance(self.reference, Exception):
            raise self.reference
        assert self.reference is not None
        return self.reference

    def close(self) -> None:
        self.closed = True


class PlainWorkers:
    """One worker for all."""

    def __init__(self, worker: PlainWorker) -> None:
        self.worker = worker
        self.users = 0
        self.ended = False

    def take(self, reference: str | None) -> PlainWorker | None:
        del reference
        if self.ended:
            return None
        self.users += 1
        return self.worker

    def give_back(self, reference: str | None) -> None:
        del reference
        self.users -= 1


class Site:
    """An estimator with its model, and the worker that looks."""

    def __init__(
        self,
        reference: Detections | Exception | None = None,
        calibration: AccuracyCalibration | None = None,
        frames: int = 20,
    ) -> None:
        self.own = AskedDetector()
        self.worker = PlainWorker(reference)
        self.workers = PlainWorkers(self.worker)
        self.deadlines: list[float] = []
        self.calibration: AccuracyCalibration | SightlineError | None = calibration
        self.loaded, self.ticks = 0, 50.0
        workers: Any = self.workers
        self.estimator = AccuracyEstimator(
            EstimatedModel(
                "gate", "small", NAMES, self._ask, self._calibrate, lambda: self.loaded,
                None if reference is None else "large", frames, every_s=2.0,
            ),
            workers,
            lambda: 1000.0,
            lambda: self.ticks,
        )  # fmt: skip

    def _calibrate(self) -> AccuracyCalibration | None:
        if isinstance(self.calibration, SightlineError):
            raise self.calibration
        return self.calibration

    def _ask(self, until: float) -> AskedDetector:
        self.deadlines.append(until)
        return self.own
