"""Estimates how accurate the model of one stream is, from the moments of it that were looked at."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from sightline.errors import (
    ConfigError,
    DeadlineExceeded,
    EngineUnavailable,
    Overloaded,
    SightlineError,
)
from sightline.evaluation.estimation.calibration import AccuracyCalibration
from sightline.evaluation.estimation.evidence import DetectionEvidence, SeenFrame, frame_evidence
from sightline.protocols import Detector
from sightline.runtime.estimation.window import LookWindow
from sightline.runtime.estimation.worker import EstimationWorker, EstimationWorkers
from sightline.runtime.rollouts.class_mapping import ClassMapping, ModelClasses, class_mapping
from sightline.types import AccuracyStatus, Detections, Frame

log = logging.getLogger(__name__)

OWN_S = 5.0
"""A frame that waits so long for the stream's own model is given up: the model has other work."""
_LONGEST = 4.0
"""A look counts for as many times the time in which the window fills, where moments are left out."""


@dataclass(eq=False)
class FrameContext:
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
        calibrate: the calibration that suits the model as it is now; None: there is none. Raises SightlineError.
        version: differs when the model was loaded again.
        reference: the name of a better model; None: there is none.
        frames: the estimate is of so many, the newest.
        every_s: seconds between two of them.
    """

    stream: str
    name: str
    class_names: tuple[str, ...]
    ask: Callable[[float], Detector]
    calibrate: Callable[[], AccuracyCalibration | None]
    version: Callable[[], object]
    reference: str | None
    frames: int
    every_s: float


class AccuracyEstimator:
    """Looks at moments of a stream, one at a time and in a worker's thread, and says what they come to.

    Of a moment only what it says about each detection is kept, no frame. When the model is loaded again, the estimate
    begins anew.

    Args:
        model: whose accuracy is estimated.
        workers: one of them looks.
        clock: Unix seconds, for frames that do not know their own.
        monotonic: seconds that nobody sets.
    """

    def __init__(
        self,
        model: EstimatedModel,
        workers: EstimationWorkers,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model, self._workers = model, workers
        self._clock, self._monotonic = clock, monotonic
        self._lock = threading.Lock()
        self._worker: EstimationWorker | None = None
        self._looking = self._closed = False
        self._awaited: Future[list[Detections]] | None = None
        self._mapping: tuple[tuple[str, ...], ClassMapping] | None = None
        self._left_out: Counter[str] = Counter()
        self._status = AccuracyStatus("waiting")
        self._window = self._begin()

    @property
    def wants_moments(self) -> bool:
        """Whether moments are looked at still: nothing was refused since the model was loaded."""
        refused = self._status.state == "refused" and self._version == self._model.version()
        return not self._closed and not refused

    @property
    def apart_s(self) -> float:
        """Seconds between two frames of a moment, at least; 0: they follow one another."""
        return self._window.apart_s

    def offer(self, moment: FrameContext) -> Future[None] | None:
        """Look at a moment soon; the future is done when that is over. Returns at once. None: there is no time for it."""
        done: Future[None] = Future()
        with self._lock:
            if self._looking or self._closed:
                return None
            if self._worker is None:
                self._worker = self._workers.take(self._model.reference)
            if self._worker is None:
                return None
            worker, self._looking = self._worker, True
        if worker.put(partial(self._look, worker, moment, done)):
            return done
        with self._lock:
            self._looking = False
        return None

    def leave_out(self, reason: str) -> None:
        """Count a moment that was not looked at. From any thread."""
        with self._lock:
            self._left_out[reason] += 1
            self._status = replace(self._status, left_out=dict(self._left_out))

    def status(self) -> AccuracyStatus:
        """How accurate the model is; of what was seen long ago, nothing is said. From any thread."""
        with self._lock:
            found = self._status
        if found.state in ("estimated", "empty") and self._window.expired and not self._closed:
            waiting = AccuracyStatus("waiting", looked_at=found.looked_at, newest=found.newest)
            return replace(waiting, left_out=found.left_out, error=found.error)
        return found

    def close(self) -> None:
        """Look at nothing more; what is being looked at is forgotten. From any thread, once."""
        with self._lock:
            self._closed = True
            worker, awaited = self._worker, self._awaited
        if awaited is not None:
            awaited.cancel()
        if worker is not None:
            self._workers.give_back(self._model.reference)

    def _begin(self) -> LookWindow:
        """Begin with the model as it is now."""
        model, calibration, error = self._model, None, None
        self._version = model.version()
        try:
            calibration = model.calibrate()
        except SightlineError as exc:
            error = str(exc)
        longest_s = _LONGEST * model.frames * model.every_s
        window = LookWindow(
            model.class_names, calibration, model.frames, longest_s, self._monotonic,
            referred=model.reference is not None,
        )  # fmt: skip
        if error is None:
            self._show(AccuracyStatus("waiting"))
        else:
            self._refuse(error)
        return window

    def _look(self, worker: EstimationWorker, moment: FrameContext, done: Future[None]) -> None:
        try:
            self._judge(worker, moment)
        finally:
            with self._lock:
                self._looking = False
            if done.set_running_or_notify_cancel():
                done.set_result(None)

    def _judge(self, worker: EstimationWorker, moment: FrameContext) -> None:
        utc = self._clock() if moment.frame.utc is None else moment.frame.utc
        if self._version != self._model.version():
            log.info("stream %s: its model was loaded again: the estimate of its accuracy begins anew", self._model.stream)  # fmt: skip
            self._window = self._begin()
        try:
            found = self._evidence(worker, moment) if self.wants_moments else None
        except (Overloaded, DeadlineExceeded):
            self.leave_out("busy")
        except EngineUnavailable:
            self.leave_out("restarting")
        except concurrent.futures.CancelledError:
            pass  # the stream has ended
        except SightlineError as exc:
            if not self._closed:
                self._failed(str(exc))
        else:
            # Where a model was loaded meanwhile, nobody knows which of the two has looked.
            if found is not None and not self._closed and self._version == self._model.version():
                self._show(replace(self._window.add(found), newest=utc), more=1)

    def _evidence(self, worker: EstimationWorker, moment: FrameContext) -> DetectionEvidence | None:
        """What a moment says; None: nothing, since the reference cannot judge this model.

        Raises SightlineError: one of the models does not answer.
        """
        mapping = None
        if self._window.uses_reference:
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
            self._awaited = None
        return objects

    def _mapped(self, classes: tuple[str, ...]) -> ClassMapping | None:
        """How the reference's classes are called by the model; None: it lacks some, which is told."""
        if self._mapping is not None and self._mapping[0] == classes:
            return self._mapping[1]
        model = self._model
        own, theirs = ModelClasses(model.name, model.class_names), ModelClasses(str(model.reference), classes)  # fmt: skip
        try:
            mapping = class_mapping(own, theirs)
        except ConfigError as exc:
            self._refuse(str(exc))
            return None
        self._mapping = (classes, mapping)
        return mapping

    def _failed(self, error: str) -> None:
        if self._status.error != error:  # once: what fails may last
            log.error("stream %s: a frame was not judged: %s", self._model.stream, error)
        self.leave_out("failed")
        with self._lock:
            self._status = replace(self._status, error=error)

    def _refuse(self, why: str) -> None:
        log.error("stream %s: its accuracy is not estimated: %s", self._model.stream, why)
        self._show(AccuracyStatus("refused", error=why))

    def _show(self, status: AccuracyStatus, more: int = 0) -> None:
        with self._lock:
            looked_at = self._status.looked_at + more
            self._status = replace(status, looked_at=looked_at, left_out=dict(self._left_out))
