"""Estimates how accurate the model of one stream is, from the moments of it that were looked at."""

from __future__ import annotations

import concurrent.futures
import logging
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from sightline.config import FEWEST_LOOKS
from sightline.errors import (
    ConfigError,
    DeadlineExceeded,
    EngineUnavailable,
    Overloaded,
    SightlineError,
)
from sightline.evaluation.estimation.accuracy import AccuracyEstimate, accuracy_of, uses_reference
from sightline.evaluation.estimation.calibration import AccuracyCalibration
from sightline.evaluation.estimation.evidence import (
    DetectionEvidence,
    SeenFrame,
    frame_evidence,
    joined_evidence,
)
from sightline.protocols import Detector
from sightline.runtime.estimation.worker import EstimationWorker, EstimationWorkers
from sightline.runtime.rollouts.class_mapping import ClassMapping, ModelClasses, class_mapping
from sightline.types import AccuracyStatus, Detections, Frame

log = logging.getLogger(__name__)

OWN_S = 5.0
"""A frame that waits so long for the stream's own model is given up: the model has other work."""


@dataclass(eq=False)
class Moment:
    """A frame of a stream, and those around it; None where it has nothing to do with them."""

    frame: Frame
    before: Frame | None = None
    after: Frame | None = None


@dataclass(frozen=True)
class EstimatedModel:
    """Whose accuracy is estimated: the model of a stream.

    Args:
        stream, name: of the stream, and of its model.
        class_names: of the model.
        ask: makes its detector, down to low scores, for one frame: given the monotonic moment until which it waits.
        calibration: of this model; None: there is none.
        reference: the name of a better model; None: there is none.
        frames: the estimate is of so many, the newest.
    """

    stream: str
    name: str
    class_names: tuple[str, ...]
    ask: Callable[[float], Detector]
    calibration: AccuracyCalibration | None
    reference: str | None
    frames: int


class AccuracyEstimator:
    """Looks at moments of a stream, one at a time and in a worker's thread, and says what they come to.

    Of a moment only what it says about each detection is kept, no frame.

    Args:
        model: whose accuracy is estimated.
        workers: one of them looks.
        clock: Unix seconds, for frames that do not know their own.
    """

    def __init__(
        self,
        model: EstimatedModel,
        workers: EstimationWorkers,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._model, self._workers, self._clock = model, workers, clock
        self._of_both = model.reference is not None and uses_reference(model.calibration)
        self._lock = threading.Lock()
        self._worker: EstimationWorker | None = None
        self._looking = self._closed = False
        self._awaited: Future[list[Detections]] | None = None
        self._mapping: tuple[tuple[str, ...], ClassMapping] | None = None
        self._looks: deque[DetectionEvidence] = deque(maxlen=model.frames)
        self._left_out: Counter[str] = Counter()
        self._status = AccuracyStatus("waiting")

    @property
    def wants_moments(self) -> bool:
        """Whether moments are looked at still: the reference suits the model, and the stream runs."""
        return not self._closed and self._status.state != "refused"

    def offer(self, moment: Moment) -> Future[None] | None:
        """Look at a moment soon; the future is done when that is over. None: there is no time for it. Returns at once."""
        done: Future[None] = Future()
        with self._lock:
            if self._looking or self._closed:
                return None
            if self._worker is None:
                self._worker = self._workers.take(self._model.reference)
            worker, self._looking = self._worker, True
        if worker.put(partial(self._look, worker, moment, done)):
            return done
        with self._lock:
            self._looking = False
        return None

    def leave_out(self, reason: str, error: str | None = None) -> None:
        """Count a moment that was not looked at. From any thread."""
        with self._lock:
            self._left_out[reason] += 1
            self._status = replace(self._status, left_out=dict(self._left_out), error=error)

    def status(self) -> AccuracyStatus:
        """How accurate the model is. From any thread."""
        with self._lock:
            return self._status

    def close(self) -> None:
        """Look at nothing more; what is being looked at is forgotten. From any thread, once."""
        with self._lock:
            self._closed = True
            worker, awaited = self._worker, self._awaited
        if awaited is not None:
            awaited.cancel()
        if worker is not None:
            self._workers.give_back(self._model.reference)

    def _look(self, worker: EstimationWorker, moment: Moment, done: Future[None]) -> None:
        try:
            self._judge(worker, moment)
        finally:
            with self._lock:
                self._looking = False
            if done.set_running_or_notify_cancel():
                done.set_result(None)

    def _judge(self, worker: EstimationWorker, moment: Moment) -> None:
        utc = self._clock() if moment.frame.utc is None else moment.frame.utc
        try:
            found = self._evidence(worker, moment)
        except (Overloaded, DeadlineExceeded):
            self.leave_out("busy")
        except EngineUnavailable:
            self.leave_out("restarting", self.status().error)
        except concurrent.futures.CancelledError:
            pass  # the stream has ended
        except SightlineError as exc:
            if not self._closed:
                self._failed(str(exc))
        else:
            if found is not None and not self._closed:
                self._looks.append(found)
                self._tell(utc)

    def _evidence(self, worker: EstimationWorker, moment: Moment) -> DetectionEvidence | None:
        """What a moment says; None: nothing, since the reference cannot judge this model.

        Raises SightlineError: one of the models does not answer.
        """
        mapping = None
        if self._of_both:
            mapping = self._mapped(worker.class_names())
            if mapping is None:
                return None
        before, own, after = (
            None if frame is None else self._found(frame)
            for frame in (moment.before, moment.frame, moment.after)
        )
        moment.before = moment.after = None  # the reference takes its time, and frames their memory
        assert own is not None
        theirs = None if mapping is None else mapping(worker.look(moment.frame))
        return frame_evidence(SeenFrame(own, theirs), before, after)

    def _found(self, frame: Frame) -> Detections:
        """What the stream's own model finds. Raises what detecting raises, and DeadlineExceeded."""
        detector = self._model.ask(time.monotonic() + OWN_S)
        found = detector.submit((frame,))
        with self._lock:
            self._awaited = found
        if self._closed:
            found.cancel()
        try:
            (objects,) = found.result(2 * OWN_S)
        except concurrent.futures.TimeoutError as exc:
            found.cancel()
            raise DeadlineExceeded("a frame was not looked at in time") from exc
        finally:
            with self._lock:
                self._awaited = None
        return objects

    def _mapped(self, classes: tuple[str, ...]) -> ClassMapping | None:
        """How the reference's classes are called by the model; None: it lacks some, which is told."""
        if self._mapping is not None and self._mapping[0] == classes:
            return self._mapping[1]
        model = self._model
        try:
            mapping = class_mapping(
                ModelClasses(model.name, model.class_names),
                ModelClasses(str(model.reference), classes),
            )
        except ConfigError as exc:
            log.error("stream %s: its accuracy is not estimated: %s", model.stream, exc)
            with self._lock:
                self._status = AccuracyStatus("refused", error=str(exc))
            return None
        self._mapping = (classes, mapping)
        return mapping

    def _failed(self, error: str) -> None:
        if self.status().error != error:  # once: what fails may last
            log.error("stream %s: a frame was not judged: %s", self._model.stream, error)
        self.leave_out("failed", error)

    def _tell(self, utc: float) -> None:
        model, found = self._model, None
        if len(self._looks) >= FEWEST_LOOKS:
            found = accuracy_of(
                joined_evidence(self._looks, referred=self._of_both),
                model.class_names,
                model.calibration,
                referred=model.reference is not None,
            )
        with self._lock:
            status = _status(found)
            self._status = replace(
                status,
                frames=len(self._looks),
                looked_at=self._status.looked_at + 1,
                newest=utc,
                left_out=dict(self._left_out),
            )


def refused(stream: str, why: str) -> AccuracyStatus:
    """The status of a stream of whose model nothing can be said, which is told in the log."""
    log.error("stream %s: its accuracy is not estimated: %s", stream, why)
    return AccuracyStatus("refused", error=why)


def _status(found: AccuracyEstimate | None) -> AccuracyStatus:
    if found is None:
        return AccuracyStatus("waiting")
    if math.isnan(found.map50):
        return AccuracyStatus("empty", notes=found.notes)
    return AccuracyStatus(
        "estimated",
        round(found.map50, 4),
        round(found.low, 4),
        round(found.high, 4),
        {
            name: {"ap50": round(one.ap50, 4), "objects": round(one.objects, 2)}
            for name, one in found.per_class.items()
        },
        notes=found.notes,
    )
