"""The engines of a fallback, in order of preference: which one is active, and which have failed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from sightline.engines.fallback.attempts import Candidate, PendingBatch, check_alike, failure_of_all
from sightline.errors import ConfigError, EngineError
from sightline.protocols import Engine
from sightline.types import EngineInfo, FallbackStatus

log = logging.getLogger(__name__)


class FallbackEngines:
    """Makes the engines of one fallback, and chooses among them.

    Args:
        engines: label and maker of each.
        changed: its lock guards all of this and what is known of each engine; it is told when another
            engine becomes active.
        retry_s: from a failure to the trial.
        clock: monotonic seconds.

    Raises:
        ConfigError: no engines, or two of one label.
        EngineError: none can be made, or they differ.
    """

    def __init__(
        self,
        engines: Sequence[tuple[str, Callable[[], Engine]]],
        changed: threading.Condition,
        retry_s: float,
        clock: Callable[[], float],
    ) -> None:
        self.all = [Candidate(label, make) for label, make in engines]
        if not self.all or len({candidate.label for candidate in self.all}) < len(self.all):
            raise ConfigError("a fallback needs engines, each with a label of its own")
        self._changed, self._retry_s, self._clock = changed, retry_s, clock
        self.pinned: Candidate | None = None
        self.active = self._make_all()

    @property
    def info(self) -> EngineInfo:
        """What the active engine is."""
        engine = self.active.engine
        assert engine is not None
        return engine.info

    def use(self, label: str | None) -> None:
        """See ``Fallback.use``."""
        with self._changed:
            candidate = next(
                (candidate for candidate in self.all if candidate.label == label), None
            )
            if label is not None and candidate is None:
                labels = ", ".join(candidate.label for candidate in self.all)
                raise ConfigError(f"there is no engine {label!r}; there are {labels}")
            if candidate is not None and candidate.engine is None:
                raise EngineError(f"engine {label} could not be made: {candidate.error}")
            self.pinned = candidate
            if candidate is not None:
                candidate.recover()
            self.activate(candidate or next((x for x in self.all if not x.failed), self.active))

    def status(self) -> FallbackStatus:
        """A snapshot."""
        with self._changed:
            return FallbackStatus(
                self.active.label,
                self.pinned.label if self.pinned else None,
                tuple(candidate.state(active=candidate is self.active) for candidate in self.all),
            )

    def activate(self, candidate: Candidate) -> None:
        """With the lock held: give the work to an engine."""
        if candidate is not self.active:
            log.warning("engine %s takes over from %s", candidate.label, self.active.label)
            self.active = candidate
            candidate.since = time.time()
        self._changed.notify_all()

    def best_for(self, item: PendingBatch[Any]) -> Candidate | None:
        """With the lock held: the best engine that an item can still be tried on, if any.

        The active one comes first, failed ones last; one with nothing but stuck inferences is none.
        """
        untried = [
            candidate
            for candidate in self.all
            if candidate.engine is not None
            and candidate not in item.failed
            and not (candidate.failed and candidate.hung)
            and candidate.stuck < candidate.room
        ]
        order = sorted(untried, key=lambda x: (x is not self.active, x.failed))
        return order[0] if order else None

    def refusal(self) -> str:
        """Why no engine can run anything."""
        return failure_of_all([(candidate, candidate.error) for candidate in self.all])

    def trip(self, candidate: Candidate, error: BaseException) -> bool:
        """With the lock held: take an engine out of use, where another one can take over."""
        others = [x for x in self.all if x is not candidate and not x.failed]
        if not others or candidate is self.pinned or candidate.failed:
            return False
        candidate.fail(error, self._clock() + self._retry_s)
        if candidate is self.active:
            self.activate(others[0])
        return True

    def recover(self, candidate: Candidate) -> None:
        """With the lock held: an engine works again; it takes over from those that stand behind it."""
        candidate.recover()
        preferred = self.all.index(candidate) < self.all.index(self.active)
        if self.pinned is None and preferred:
            self.activate(candidate)

    def close(self, hang_s: float) -> None:
        """Close the engines; those that hang for so long are left behind."""
        closing = [
            (candidate, threading.Thread(target=candidate.engine.close, daemon=True))
            for candidate in self.all
            if candidate.engine is not None
        ]
        for _, thread in closing:
            thread.start()
        for candidate, thread in closing:
            thread.join(hang_s if candidate.in_flight else None)
            if thread.is_alive():
                log.warning("engine %s hangs and is left behind", candidate.label)

    def _make_all(self) -> Candidate:
        try:
            for candidate in self.all:
                try:
                    candidate.engine = candidate.make()
                except EngineError as exc:
                    log.warning("engine %s is not available: %s", candidate.label, exc)
                    candidate.fail(exc, self._clock() + self._retry_s)
            made = [candidate for candidate in self.all if candidate.engine is not None]
            if not made:
                raise EngineError(self.refusal())
            first = made[0].engine
            for candidate in made[1:]:
                if first is not None and candidate.engine is not None:
                    check_alike(made[0].label, first.info, candidate.label, candidate.engine.info)
        except BaseException:  # re-raised once all engines are closed
            for candidate in self.all:
                if candidate.engine is not None:
                    candidate.engine.close()
            raise
        return made[0]
