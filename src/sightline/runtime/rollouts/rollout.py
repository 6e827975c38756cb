"""A model that has a second one beside it: which of them answers, what both saw, and what follows from it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from sightline.config import CanaryOptions, RolloutKind, RolloutOptions, ShadowOptions, SplitOptions
from sightline.errors import Conflict, SightlineError
from sightline.protocols import Detector
from sightline.runtime.repository.served_model import ModelCall, Overrides, SharedModel
from sightline.runtime.rollouts.canary import Canary
from sightline.runtime.rollouts.class_mapping import ClassMapping
from sightline.runtime.rollouts.comparisons import Comparisons, ModelPair
from sightline.runtime.rollouts.detector import RolloutDetector
from sightline.runtime.rollouts.jobs import JobThread
from sightline.runtime.rollouts.sharing import TrafficSharing
from sightline.types import Detections, Frame, RolloutReason, RolloutStats
from sightline.types.rollouts import RolloutState

_MEANS: Mapping[str, str] = {
    "promoted": "it answers everything now; name it in the configuration",
    "rolled back": "the first model answers everything",
}
_FAILED_WAITING = 1024
"""Pictures at which the second model has failed, and that wait for the first."""

log = logging.getLogger(__name__)


class RolloutModels(ModelPair, Protocol):
    """The two models of a rollout, and how the second takes the place of the first."""

    def second(self) -> SharedModel:
        """The second model, to answer traffic. Raises SightlineError: it cannot now."""

    def promote(self) -> None:
        """Let the second take the place of the first. No request fails. Raises SightlineError."""

    def restore(self) -> None:
        """Let the first have its place again. Raises SightlineError."""

    def restart(self) -> None:
        """Load what can be loaded again of the second. Raises SightlineError."""

    def close(self) -> None:
        """Free what only the rollout has. Idempotent."""


class Rollout:
    """The rules of one model's traffic, what came of them, and what is to be done.

    Args:
        name: of the first model.
        kind: what the second model is to it.
        options: of that kind.
        models: the two.
        mapping: the second model's classes as the first calls them.
        confs: the scores from which each reports objects.
        chance: gives numbers from 0 to 1, for pictures that belong to no key.
    """

    def __init__(
        self,
        name: str,
        kind: RolloutKind,
        options: RolloutOptions,
        models: RolloutModels,
        mapping: ClassMapping,
        confs: tuple[float, float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name, self.second_model, self.kind = name, options.model, kind
        self.mapping = mapping
        self._options, self._models, self._chance = options, models, chance
        names = (name, self.second_model)
        self.sharing = TrafficSharing(names, kind, lambda: self.share, chance)
        self._comparisons = Comparisons(names, options, models, mapping, confs, self._look)
        self.listen = self._comparisons.listen
        self._tally = self._comparisons.tally
        self.again = JobThread(f"answer-{name}", _FAILED_WAITING)
        self._lock = threading.RLock()
        self._begin()

    def _begin(self) -> None:
        self._state: RolloutState = "running"
        self._reasons: tuple[RolloutReason, ...] = ()
        self._since = time.time()
        self._canary = Canary(self._options) if isinstance(self._options, CanaryOptions) else None
        self._tally.reset()

    @property
    def header(self) -> str | None:
        """The header of requests whose value decides; None: none does."""
        return None if isinstance(self._options, ShadowOptions) else self._options.header

    @property
    def share(self) -> float:
        """The part of the traffic that the second model answers now; of a shadow, that it is shown."""
        if self._state in {"promoted", "rolled back"}:
            return 0.0
        if self._canary is not None:
            return self._canary.share
        assert isinstance(self._options, ShadowOptions | SplitOptions)
        return self._options.share

    def around(self, first: Detector, call: ModelCall) -> Detector:
        """See ``TrafficRule.around``."""
        return RolloutDetector(self, first, call)

    def second(self) -> SharedModel:
        """The second model, to answer. Raises SightlineError: it cannot now."""
        return self._models.second()

    def understands(self, wanted: Overrides) -> bool:
        """Whether the second model can be asked this: names of classes are the first model's."""
        return wanted.classes is None or self.mapping.ids is None

    def answered(
        self, frame: Frame, wanted: Overrides, *, second: bool, seconds: float, found: Detections
    ) -> None:
        """One of the models has answered a picture. From any thread; returns at once."""
        if self._tally.answered(second, seconds) and self._compares(wanted):
            self._comparisons.begin(
                frame, wanted, second=second, found=found, in_background=self.kind == "shadow"
            )

    def failed(self, *, second: bool, seconds: float) -> None:
        """One of the models has failed to answer a picture, after so long."""
        if self._tally.failed(second, seconds) and second:
            self._comparisons.look_soon()

    def loaded_again(self, name: str) -> None:
        """See ``TrafficRule.loaded_again``: what was counted says nothing of the new model, so it begins anew."""
        with self._lock:
            if name in (self.name, self.second_model) and self._state == "running":
                self._begin()
                log.info("%s %s of model %s begins anew: %s was loaded again", self.kind, self.second_model, self.name, name)  # fmt: skip

    def _compares(self, wanted: Overrides) -> bool:
        if self._state != "running" or not self.understands(wanted):
            return False
        options = self._options
        share = options.share if isinstance(options, ShadowOptions) else options.compare
        return self._chance() < share

    def _look(self) -> None:
        """Hold the figures against the rules. In the thread of comparisons."""
        with self._lock:
            if self._canary is None or self._state != "running":
                return
            step = self._canary.step
            decision, reasons = self._canary.decide(self.stats())
            if decision == "go on":
                if self._canary.step != step:
                    log.info(
                        "canary %s of model %s: it answers %.0f %% now: %s",
                        self.second_model, self.name, 100 * self.share, "; ".join(map(str, reasons)),
                    )  # fmt: skip
                return
        if decision == "roll back":
            self.roll_back(reasons)
            return
        try:
            self.promote(reasons)
        except SightlineError as exc:
            message = f"it cannot take the first model's place: {exc}"
            self.roll_back((RolloutReason("loading", message),))

    def promote(self, reasons: tuple[RolloutReason, ...]) -> None:
        """Let the second model take the place of the first. No request fails meanwhile.

        Raises:
            Conflict: that was done already, or is being done; or the second is of another kind.
            ModelError, ConfigError, EngineError: it cannot be loaded. The first goes on.
        """
        with self._lock:
            if self._state in {"promoting", "promoted"}:
                raise Conflict(f"model {self.second_model} has been promoted already")
            before, self._state = self._state, "promoting"
        self._exchange(self._models.promote, before)
        self._end("promoted", reasons)

    def roll_back(self, reasons: tuple[RolloutReason, ...]) -> None:
        """Let the first model answer everything, also where the second was promoted.

        Raises:
            Conflict: it is being promoted just now.
            ModelError, ConfigError, EngineError: the first cannot be loaded again. The second goes on.
        """
        with self._lock:
            before = self._state
            if before == "promoting":
                raise Conflict(
                    f"model {self.second_model} is being promoted: roll it back afterwards"
                )
            if before == "promoted":
                self._state = "promoting"
        if before == "promoted":
            self._exchange(self._models.restore, before)
        self._end("rolled back", reasons)

    def _exchange(self, load: Callable[[], None], before: RolloutState) -> None:
        """Load a model in the first one's place; where that fails, the state is what it was."""
        try:
            load()
        except BaseException:  # re-raised once the state is set back
            self._state = before
            raise

    def _end(self, state: RolloutState, reasons: tuple[RolloutReason, ...]) -> None:
        with self._lock:
            self._state, self._reasons = state, reasons
        log.warning(
            "%s %s of model %s: %s, %s: %s", self.kind, self.second_model, self.name, state,
            _MEANS[state], "; ".join(map(str, reasons)),
        )  # fmt: skip

    def restart(self) -> None:
        """Begin anew, with new figures, a canary at its first step; a shadow is loaded from its file again.

        Raises:
            Conflict: the second model has been promoted: it has nothing beside it.
            ModelError, ConfigError, EngineError: it cannot be loaded.
        """
        with self._lock:
            if self._state in {"promoting", "promoted"}:
                raise Conflict(f"model {self.second_model} has been promoted: roll it back first")
        self._models.restart()
        with self._lock:
            self._begin()

    def stats(self) -> RolloutStats:
        """A snapshot."""
        first, second = self._tally.models()
        canary, options = self._canary, self._options
        return RolloutStats(
            self.name, self.second_model, self.kind, self._state, self.share,
            1 if canary is None else canary.step + 1,
            len(options.steps) if isinstance(options, CanaryOptions) else 1,
            self._tally.compared, self._tally.per_class(), first, second, dict(self._tally.dropped),
            self._comparisons.examples, self._reasons, self._since,
        )  # fmt: skip

    def close(self) -> None:
        """End the comparisons. Idempotent."""
        self._comparisons.close()
        self.again.close()
        self._models.close()
