"""The two models of a rollout: both in the repository, or the second in a process of its own."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable

from sightline.errors import Conflict, DeadlineExceeded
from sightline.runtime.repository.models import ModelRepository
from sightline.runtime.repository.served_model import Overrides, SharedModel
from sightline.runtime.rollouts.background import BackgroundDetector, TimedDetections
from sightline.runtime.scheduling.items import Terms
from sightline.types import Frame

SHOW_S = 5.0
"""A picture that both are to see is given up after so long."""

log = logging.getLogger(__name__)


class ServedPair:
    """Two models that both answer clients.

    Args:
        repository: has both.
        names: of the first and the second.
        clock: that the scheduler's terms count on.
    """

    def __init__(
        self,
        repository: ModelRepository,
        names: tuple[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._repository, self._names, self._clock = repository, names, clock
        self._before: str | None = None

    def second(self) -> SharedModel:
        """See ``RolloutModels.second``."""
        return self._repository.get(self._names[True])

    def show(self, second: bool, frame: Frame, wanted: Overrides) -> TimedDetections:
        """See ``RolloutModels.show``. It waits behind all who want an answer."""
        begun = self._clock()
        terms = Terms(f"compare {self._names[0]}", "batch", deadline=begun + SHOW_S)
        detector = self._repository.get(self._names[second]).asked(terms, wanted)
        try:
            (found,) = detector.submit((frame,)).result(2 * SHOW_S)
        except concurrent.futures.TimeoutError as exc:
            raise DeadlineExceeded("a picture was not compared in time") from exc
        return TimedDetections(found, self._clock() - begun)

    def promote(self) -> None:
        """See ``RolloutModels.promote``: the repository loads the second's file in the first's place.

        Raises Conflict: the file is another one than the one that was judged.
        """
        first, second = self._names
        self._before = self._repository.get(first).content
        self._repository.load(first, of=second, content=self._judged())

    def restore(self) -> None:
        """See ``RolloutModels.restore``: the first's file, also where it is another one by now, which is logged."""
        first, _ = self._names
        self._repository.load(first, of=first)
        if (now := self._repository.get(first).content) != self._before:
            log.warning(
                "model %s was rolled back to its file, which is not the one that it had before (SHA-256 %.12s, not "
                "%.12s)", first, now, self._before,
            )  # fmt: skip

    def _judged(self) -> str | None:
        """The SHA-256 of what the second model was loaded from."""
        return self._repository.get(self._names[True]).content

    def restart(self) -> None:
        """Both are loaded already; clients reload them by their names."""

    def close(self) -> None:
        """They are the repository's."""


class ShadowPair(ServedPair):
    """A model that answers clients, and one in the background that does not.

    Args:
        repository: has the first.
        names: of the first and the second.
        background: the second.
    """

    def __init__(
        self,
        repository: ModelRepository,
        names: tuple[str, str],
        background: BackgroundDetector,
    ) -> None:
        super().__init__(repository, names)
        self._background = background
        self._one_at_a_time = threading.Lock()

    def second(self) -> SharedModel:
        """Raises Conflict: a shadow answers nobody."""
        raise Conflict(f"model {self._names[True]} is a shadow: it answers nobody")

    def show(self, second: bool, frame: Frame, wanted: Overrides) -> TimedDetections:
        """See ``RolloutModels.show``; only the second is shown what the first has answered."""
        assert second, "the second model of a shadow answers nobody"
        with self._one_at_a_time:
            return self._background.detect(frame, wanted)

    def _judged(self) -> str | None:
        return self._background.content

    def restart(self) -> None:
        """Load the second from its file again."""
        with self._one_at_a_time:
            self._background.restart()

    def close(self) -> None:
        """End the second's process."""
        self._background.close()
