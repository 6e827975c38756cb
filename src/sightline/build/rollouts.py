"""Second models beside those that answer, as a configuration says: shadows, splits and canaries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from sightline.build.model_files import PEOPLE, model_content
from sightline.build.models import served_detector
from sightline.config import (
    CanaryOptions,
    Configuration,
    RolloutKind,
    RolloutOptions,
    SharedModelOptions,
)
from sightline.errors import ConfigError, Conflict
from sightline.models.composites.parts import USUAL_CONF, conf_of
from sightline.monitoring import logs
from sightline.protocols import SharedDetector
from sightline.runtime.repository.loader import check_alike
from sightline.runtime.repository.models import ModelRepository
from sightline.runtime.rollouts.background import BackgroundDetector
from sightline.runtime.rollouts.class_mapping import ClassMapping, ModelClasses, class_mapping
from sightline.runtime.rollouts.models import ServedPair, ShadowPair
from sightline.runtime.rollouts.rollout import Rollout
from sightline.types import RolloutStats
from sightline.whole_files import writable_folder


class Rollouts:
    """All rollouts of a configuration, by the first model's name.

    Args:
        configuration: names the models.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._wanted = {
            name: model.rollout for name, model in configuration.models.items() if model.rollout
        }
        self._background: dict[str, BackgroundDetector] = {}
        self.by_model: Mapping[str, Rollout] = {}

    def begin(self) -> None:
        """Let shadows load, each in its process; ``open`` waits for them.

        Raises SinkError: the folder of examples cannot be written to.
        """
        for name, (kind, options) in self._wanted.items():
            if options.examples is not None:
                writable_folder(options.examples)
            if kind == "shadow":
                second = self._configuration.models[options.model]
                hang_s = self._configuration.scheduler.hang_s
                make = partial(_shadow, logs.verbosity(), options.model, second, hang_s)
                self._background[name] = BackgroundDetector(
                    options.model, make, content=partial(model_content, second)
                )

    def content(self, name: str) -> str | None:
        """The SHA-256 of the files of a model that is in a rollout; None: it is in none.

        Raises ModelError, ConfigError: see ``model_content``.
        """
        seconds = {options.model for _, options in self._wanted.values()}
        if name not in self._wanted.keys() | seconds:
            return None
        options = self._configuration.models[name]
        has_files = all(file.model != PEOPLE for file in options.files)  # others are refused later
        return model_content(options) if has_files else None

    def open(self, repository: ModelRepository) -> None:
        """Begin with the rollouts of models that are loaded.

        Raises:
            ConfigError: two models have other classes, or a canary could not take the first one's place.
            ModelError, EngineError: a shadow cannot be loaded.
        """
        made: dict[str, Rollout] = {}
        self.by_model = made
        for name, (kind, options) in self._wanted.items():
            made[name] = self._made(name, kind, options, repository)
        repository.use_rollouts(made)

    def of(self, model: str) -> Rollout | None:
        """That of a model; None: it has no second model."""
        return self.by_model.get(model)

    def stats(self) -> Mapping[str, RolloutStats]:
        """A snapshot of each."""
        return {name: rollout.stats() for name, rollout in self.by_model.items()}

    def close(self) -> None:
        """End the comparisons and the processes of shadows. Idempotent."""
        for background in self._background.values():
            background.close()
        for rollout in self.by_model.values():
            rollout.close()

    def _made(
        self, name: str, kind: RolloutKind, options: RolloutOptions, repository: ModelRepository
    ) -> Rollout:
        first, second = repository.get(name).detector, options.model
        own = ModelClasses(name, first.class_names)
        names = (name, second)
        if kind == "shadow":
            background = self._background[name]
            ready = background.wait()
            mapping = _mapping(own, ModelClasses(second, ready.class_names), options)
            conf = USUAL_CONF if ready.conf is None else ready.conf
            pair: ServedPair = ShadowPair(repository, names, background)
        else:
            other = repository.get(second).detector
            mapping = _mapping(own, ModelClasses(second, other.class_names), options)
            if isinstance(options, CanaryOptions):
                try:
                    check_alike(name, first, other)
                except Conflict as exc:
                    raise ConfigError(
                        f"models.{name}.canary: {second} could not take its place: {exc}"
                    ) from exc
            conf = conf_of(other)
            pair = ServedPair(repository, names)
        return Rollout(name, kind, options, pair, mapping, (conf_of(first), conf))


def _shadow(verbose: int, name: str, options: SharedModelOptions, hang_s: float) -> SharedDetector:
    """The detector of a shadow, in its process."""
    logs.set_up(verbose)  # stderr is the parent's
    return served_detector(name, options, hang_s)


def _mapping(first: ModelClasses, second: ModelClasses, options: RolloutOptions) -> ClassMapping:
    """Raises ConfigError, which names the classes."""
    if not isinstance(options, CanaryOptions):
        return class_mapping(first, second, options.class_map)
    mapping = class_mapping(first, second)
    if mapping.ids is not None:
        raise ConfigError(
            f"models.{first.model}.canary: {second.model} has the classes {', '.join(second.classes)}, "
            f"and not {', '.join(first.classes)} in this order: it could not take the first one's "
            "place; compare it as a `shadow` or `split`"
        )
    return mapping
