"""Watches a stream for drift, as a stage of its pipeline: what begins and ends becomes an event."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sightline.errors import ConfigError, SightlineError, SinkError
from sightline.monitoring.drift.causes import Cause, causes
from sightline.monitoring.drift.detector import DriftDetector, DriftState, anomaly
from sightline.monitoring.drift.learner import ReferenceLearner
from sightline.monitoring.drift.reference import Reference
from sightline.monitoring.profiles.profile import FrameSample
from sightline.monitoring.profiles.profiler import Profiler
from sightline.types import DriftStatus, Event, Observation
from sightline.whole_files import check_writable

log = logging.getLogger(__name__)

_KEPT_S = 3600.0
"""Seconds of learning after which what was learnt is kept in a file beside the reference."""
_TOLD = 5
"""Changes that an event tells, at most."""
_TRIED_AGAIN = 300
"""Samples after which a reference that could not be written is tried again: a full disk is emptied some time."""


@dataclass(frozen=True, slots=True)
class WatchedCamera:
    """What is watched: the stream, its model, where the reference is or will be, and how it is learnt."""

    stream: str
    model: str
    reference: Path
    learn_days: float
    every_s: float


class WatchDrift:
    """Looks at a frame in so many seconds, and adds events ``drift`` and ``drift_over``.

    Where the reference is not there, it is learnt first and written then; what cannot be written is kept, and
    tried again. A reference of another model or picture size is no reason to end the stream: it is told in the
    log and in the status, and nothing is judged.

    Args:
        camera: what is watched.
        profiler: looks at its frames, one in so many seconds as the camera says.
        clock: Unix seconds, for streams that do not know their own.
        on_sample: called with each frame that was looked at.
    """

    name = "drift"

    def __init__(
        self,
        camera: WatchedCamera,
        profiler: Profiler,
        clock: Callable[[], float] = time.time,
        on_sample: Callable[[FrameSample], None] | None = None,
    ) -> None:
        self._camera = camera
        self._clock = clock
        self._on_sample = on_sample
        self._profiler = profiler
        self._reference: Reference | None = None
        self._detector: DriftDetector | None = None
        self._learner: ReferenceLearner | None = None
        self._lock = threading.Lock()
        self._status = DriftStatus("waiting")
        self._since: float | None = None
        self._size: tuple[int, int] | None = None
        self._refusals: set[str] = set()
        self._write_at = 0
        self._kept_at = _KEPT_S
        self._progress = camera.reference.with_name(f"{camera.reference.name}.learning")

    def submit(self, seen: Observation) -> None:
        """There is nothing to wait for."""

    def settle(self, seen: Observation, found: None) -> Observation:  # noqa: ARG002 - the protocol's
        """The observation, with an event where drift begins or is over."""
        sample = self._profiler.see(seen)
        if sample is None:
            return seen
        if self._on_sample is not None:
            self._on_sample(sample)
        size = (seen.frame.width, seen.frame.height)
        if size != self._size:
            self._size = size
            self._begin(size)
        if self._learner is not None:
            self._learn(self._learner, sample)
        elif self._detector is not None:
            return self._judge(seen, sample, self._detector)
        return seen

    def status(self) -> DriftStatus:
        """How the stream stands. From any thread."""
        with self._lock:
            return self._status

    def end(self) -> None:
        """The stream has ended: what was learnt of it so far is kept."""
        if self._learner is not None and self._learner.samples:
            self._write_progress(self._learner)

    def _begin(self, size: tuple[int, int]) -> None:
        camera = self._camera
        if self._learner is not None:
            log.warning(
                "stream %s: its pictures have %d×%d now: what is usual is learnt from the beginning",
                camera.stream, *size,
            )  # fmt: skip
        self._learner = self._detector = self._reference = None
        try:
            if not os.path.lexists(camera.reference):
                self._begin_to_learn(size)
                return
            reference = Reference.load(camera.reference)
            reference.check_fits(None, camera.model, size)
        except (ConfigError, SinkError) as exc:
            self._refuse(exc)
            return
        self._reference = reference
        same = reference.interval_s == camera.every_s
        self._detector = DriftDetector(
            replace(reference, interval_s=camera.every_s), same_interval=same
        )
        self._tell(DriftStatus("waiting"))

    def _begin_to_learn(self, size: tuple[int, int]) -> None:
        """Raises SinkError: what is learnt could not be written."""
        camera = self._camera
        check_writable(camera.reference)
        self._learner = ReferenceLearner(
            camera.stream, camera.model, size, camera.every_s, camera.learn_days
        )
        self._write_at = 0
        self._kept_at = _KEPT_S
        log.info("stream %s: what is usual is learnt for %g days", camera.stream, camera.learn_days)
        if os.path.lexists(self._progress):
            found = self._learner.restore(self._progress)
            how = "goes on" if found else "begins anew: what was kept is of something else"
            log.info("stream %s: learning %s", camera.stream, how)

    def _refuse(self, why: SightlineError) -> None:
        if str(why) not in self._refusals:  # a camera may change its size again and again
            self._refusals.add(str(why))
            log.error("stream %s is not watched for drift: %s", self._camera.stream, why)
        self._tell(DriftStatus("refused", error=str(why)))

    def _learn(self, learner: ReferenceLearner, sample: FrameSample) -> None:
        over = learner.add(sample, self._clock() if sample.utc is None else sample.utc)
        learning = DriftStatus(
            "learning", samples=learner.samples, learnt=learner.share, error=self.status().error
        )
        self._tell(learning)
        self._keep(learner)
        if not over or learner.samples < self._write_at:
            return
        path = self._camera.reference
        try:
            if not os.path.lexists(path):  # somebody may have put one there meanwhile
                learner.reference().save(path)
        except (
            ConfigError
        ):  # a camera that was off nearly all the time: there are too few samples yet
            return
        except SinkError as exc:
            self._write_at = learner.samples + _TRIED_AGAIN
            log.error(
                "stream %s: what was learnt is kept, not written: %s", self._camera.stream, exc
            )
            self._tell(replace(learning, error=str(exc)))
            return
        self._learner = None
        self._progress.unlink(missing_ok=True)
        log.info("stream %s: what is usual was learnt", self._camera.stream)
        self._size = None  # it is read from the file with the next sample

    def _keep(self, learner: ReferenceLearner) -> None:
        """Write what was learnt so far once an hour: a service may be started again within days."""
        if learner.seconds < self._kept_at:
            return
        self._kept_at = learner.seconds + _KEPT_S
        self._write_progress(learner)

    def _write_progress(self, learner: ReferenceLearner) -> None:
        try:
            learner.save(self._progress)
        except SinkError as exc:  # the camera goes on; it is tried again
            log.error("stream %s: what was learnt is not kept: %s", self._camera.stream, exc)

    def _judge(
        self, seen: Observation, sample: FrameSample, detector: DriftDetector
    ) -> Observation:
        assert self._reference is not None
        now = self._clock() if sample.utc is None else sample.utc
        score = anomaly(sample, self._reference.usual_at(now))
        state = detector.add(replace(sample, utc=now))
        if state is None:
            self._tell(replace(self.status(), samples=self.status().samples + 1, anomaly=score))
            return seen
        was = self._since is not None
        if state.drifted and not was:
            self._since = now
        elif not state.drifted:
            self._since = None
        why = causes(state)
        self._tell(_status(state, why, score, self._since))
        if state.drifted == was:
            return seen
        event = self._event(seen, state, why)
        return replace(seen, events=(*seen.events, event))

    def _event(self, seen: Observation, state: DriftState, why: list[Cause]) -> Event:
        stream = self._camera.stream
        if not state.drifted:
            log.info("stream %s: drift is over", stream)
            return Event("drift_over", seen.frame.time, stream)
        words = [str(change) for change in state.changes[:_TOLD]]
        cause = why[0]
        log.warning(
            "stream %s: drift: %s: %s: %s", stream, cause.words, "; ".join(words), cause.advice,
            extra={"cause": cause.name},
        )  # fmt: skip
        data = {
            "cause": cause.name, "words": cause.words, "recommendation": cause.advice,
            "changes": {change.statistic: round(change.effect, 2) for change in state.changes},
        }  # fmt: skip
        return Event("drift", seen.frame.time, stream, data=data)

    def _tell(self, status: DriftStatus) -> None:
        with self._lock:
            self._status = status


def _status(state: DriftState, why: list[Cause], score: float, since: float | None) -> DriftStatus:
    return DriftStatus(
        "drift" if state.drifted else "usual",
        samples=state.samples,
        effect=max(abs(effect) for effect in state.effects.values()),
        anomaly=score,
        since=since,
        causes=tuple(cause.name for cause in why),
        changes={str(change): round(change.effect, 2) for change in state.changes},
        recommendation=why[0].advice if why else None,
    )
