"""A Detector around the detectors of two models: one of them answers, and a share of pictures goes to both."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Protocol

from sightline.errors import ConfigError, DeadlineExceeded, DecodeError, Overloaded, RequestError
from sightline.protocols import Detector
from sightline.runtime.repository.served_model import ModelCall, Overrides, SharedModel
from sightline.runtime.rollouts.class_mapping import ClassMapping
from sightline.runtime.rollouts.jobs import JobThread
from sightline.runtime.rollouts.sharing import TrafficSharing
from sightline.types import Detections, Frame

FAULTS_OF_OTHERS = (DecodeError, DeadlineExceeded, ConfigError)
"""What the other model would fail with just as well: these are the picture's, the client's or the load's."""


class Rules(Protocol):
    """What decides, and is told what became of each picture."""

    name: str
    second_model: str
    mapping: ClassMapping
    again: JobThread
    sharing: TrafficSharing

    def understands(self, wanted: Overrides) -> bool:
        """Whether the second model can be asked this."""

    def second(self) -> SharedModel:
        """The second model, to answer. Raises SightlineError: it cannot now."""

    def answered(
        self, frame: Frame, wanted: Overrides, *, second: bool, seconds: float, found: Detections
    ) -> None:
        """One of the models has answered a picture."""

    def failed(self, *, second: bool, seconds: float) -> None:
        """One of the models has failed to answer a picture, after so long."""


class RolloutDetector:
    """Answers with one of two models. Where the second fails, the first answers.

    The future of the first model's answer is handed on as it is, so what is done beside it delays
    nobody.

    Args:
        rules: decide which of the two answers.
        first: the first model's detector.
        call: what is asked, and how to ask the second model the same.
    """

    def __init__(self, rules: Rules, first: Detector, call: ModelCall) -> None:
        self._rules, self._first, self._call = rules, first, call

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of the first model, whoever answers."""
        return self._first.class_names

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        """See ``Detector.submit``; all frames go to one of the two."""
        begun = time.monotonic()
        rules, call = self._rules, self._call
        if rules.understands(call.wanted) and rules.sharing.chooses_second(call.key(frames[0])):
            return self._by_second(frames, begun)
        return self._by_first(frames, begun)

    def close(self) -> None:
        """Both belong to whoever made them."""

    def _by_first(self, frames: Sequence[Frame], begun: float) -> Future[list[Detections]]:
        future = self._first.submit(frames)
        future.add_done_callback(partial(self._note, frames, begun, False))
        return future

    def _by_second(self, frames: Sequence[Frame], begun: float) -> Future[list[Detections]]:
        try:
            future = self._call.ask(self._rules.second()).submit(frames)
        except FAULTS_OF_OTHERS:
            raise
        except Exception as exc:  # noqa: BLE001 - any error is counted, and the first model answers
            self._count(exc, begun)
            return self._by_first(frames, begun)
        answer = _Answer(future)
        future.add_done_callback(partial(self._settle, answer, frames, begun))
        return answer

    def _settle(
        self,
        answer: _Answer,
        frames: Sequence[Frame],
        begun: float,
        future: Future[list[Detections]],
    ) -> None:
        """The second model is done: hand its answer on, or let the first answer."""
        error = None if future.cancelled() else future.exception()
        # A frame of a live stream that was pushed out has a newer one behind it.
        replaced = self._call.terms.live and isinstance(error, Overloaded)
        if error is None or replaced or isinstance(error, FAULTS_OF_OTHERS):
            self._note(frames, begun, True, future)
            answer.take(future, self._rules.mapping)
            return
        self._count(error, begun)
        # Not here: this may be an engine's thread, which must not submit.
        if not self._rules.again.put(partial(self._ask_first, answer, frames, begun)):
            answer.take(future, None)

    def _ask_first(self, answer: _Answer, frames: Sequence[Frame], begun: float) -> None:
        try:
            future = self._by_first(frames, begun)
        except Exception as exc:  # noqa: BLE001 - the caller gets any error
            answer.fail(exc)
            return
        answer.now(future)
        future.add_done_callback(lambda done: answer.take(done, None))

    def _count(self, error: BaseException, begun: float) -> None:
        """That it is full or being loaded is no fault of the model's."""
        if not isinstance(error, Overloaded | RequestError):
            self._rules.failed(second=True, seconds=time.monotonic() - begun)

    def _note(
        self,
        frames: Sequence[Frame],
        begun: float,
        second: bool,
        future: Future[list[Detections]],
    ) -> None:
        if future.cancelled():
            return
        if (error := future.exception()) is not None:
            if not isinstance(error, (*FAULTS_OF_OTHERS, Overloaded)):
                self._rules.failed(second=second, seconds=time.monotonic() - begun)
            return
        rules, call = self._rules, self._call
        if call.terms.answered_by is not None:
            call.terms.answered_by(rules.second_model if second else rules.name)
        seconds = time.monotonic() - begun
        for frame, found in zip(frames, future.result(), strict=True):
            rules.answered(frame, call.wanted, second=second, seconds=seconds, found=found)


class _Answer(Future[list[Detections]]):
    """An answer that the first model gives where the second fails."""

    def __init__(self, future: Future[list[Detections]]) -> None:
        super().__init__()
        self._now: Future[list[Detections]] | None = future

    def cancel(self) -> bool:
        """See ``Future.cancel``; what is waited for is cancelled as well."""
        cancelled, now = super().cancel(), self._now
        if cancelled and now is not None:
            now.cancel()
        return cancelled

    def now(self, future: Future[list[Detections]]) -> None:
        """Another one is waited for; it is cancelled where this one was meanwhile."""
        self._now = future
        if self.cancelled():
            future.cancel()

    def take(
        self,
        future: Future[list[Detections]],
        change: Callable[[Detections], Detections] | None,
    ) -> None:
        """Hand on what a future holds, changed."""
        self._now = None  # it knows this one, and its frames: no circle
        if future.cancelled() or not self.set_running_or_notify_cancel():
            self.cancel()
            return
        if (error := future.exception()) is not None:
            self.set_exception(error)
            return
        found = future.result()
        self.set_result(found if change is None else [change(one) for one in found])

    def fail(self, error: Exception) -> None:
        """There will be no answer."""
        self._now = None
        if self.set_running_or_notify_cancel():
            self.set_exception(error)
