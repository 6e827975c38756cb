"""Trials of failed engines: an inference that no request waits for shows whether one works again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from sightline.engines.fallback.attempts import Candidate, check_alike
from sightline.engines.fallback.engines import FallbackEngines
from sightline.engines.requests import Shape
from sightline.errors import EngineError, InferenceError
from sightline.types import Floats, Pixels


class Trials:
    """Tries the failed engines of one fallback, each in a thread of its own.

    ``shape`` is that of the batch that was run last; ``closed`` is set when the fallback ends. The lock
    of ``changed`` guards both. ``retry_s`` lies between two trials of one engine.
    """

    def __init__(
        self,
        candidates: FallbackEngines,
        changed: threading.Condition,
        retry_s: float,
        clock: Callable[[], float],
    ) -> None:
        self.shape: Shape | None = None
        self.closed = False
        self._candidates, self._changed = candidates, changed
        self._retry_s, self._clock = retry_s, clock

    def due(self, now: float) -> list[Candidate]:
        """With the lock held: the engines to be tried now; ``start`` their trials."""
        due = [x for x in self._candidates.all if x.failed and now >= x.retry_at and not x.trying]
        for candidate in due:
            candidate.trying = True
        return due

    def start(self, candidate: Candidate, hang_s: float) -> None:
        """Begin a trial; an inference that takes longer than ``hang_s`` has failed."""
        threading.Thread(
            target=self._try,
            args=(candidate, hang_s),
            name=f"fallback-trial-{candidate.label}",
            daemon=True,
        ).start()

    def _try(self, candidate: Candidate, hang_s: float) -> None:
        """See whether a failed engine works again; in a thread of its own."""
        error: BaseException | None = None
        try:
            if candidate.engine is None:
                self._make(candidate)
            self._infer_nothing(candidate, hang_s)
        except TimeoutError:
            error = InferenceError(f"its trial took longer than {hang_s:g} s")
        except Exception as exc:  # noqa: BLE001 - any error means that the trial failed
            error = exc
        with self._changed:
            candidate.trying = False
            if error is not None:
                candidate.error, candidate.retry_at = str(error), self._clock() + self._retry_s
                return
            self._candidates.recover(candidate)

    def _make(self, candidate: Candidate) -> None:
        engine = candidate.make()
        try:
            check_alike(
                self._candidates.active.label, self._candidates.info, candidate.label, engine.info
            )
            with self._changed:
                if self.closed:
                    raise EngineError("engine fallback was closed")
                candidate.engine = engine
        except BaseException:  # re-raised once the engine is closed
            engine.close()
            raise

    def _infer_nothing(self, candidate: Candidate, hang_s: float) -> None:
        """Run an empty picture of the last size; it counts in the engine's room like any other."""
        assert candidate.engine is not None
        with self._changed:
            shape = self.shape
            if shape is None:
                return
            if candidate.in_flight >= candidate.room:
                raise InferenceError(f"{candidate.in_flight} inferences hang")
            candidate.in_flight += 1

        def over(_: object) -> None:
            with self._changed:
                candidate.in_flight -= 1
                self._changed.notify_all()

        try:
            future = candidate.engine.submit(shape, _blacken, _look)
        except BaseException:  # re-raised; nothing is in flight
            over(None)
            raise
        future.add_done_callback(over)
        future.result(timeout=hang_s)


def _blacken(pixels: Pixels) -> None:
    pixels[:] = 0


def _look(outputs: Sequence[Floats]) -> None:
    """Read nothing: of a trial it counts only that it ends."""
