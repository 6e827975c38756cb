"""Classifiers that clients ask for the names of whole pictures. Knows no protocol."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from sightline.errors import ConfigError, Conflict, EngineError, ModelError, NotFound
from sightline.futures import joined
from sightline.geometry import whole_box
from sightline.runtime.repository.served_model import Started, StartNotifyingEngine
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import scheduled
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Frame, Label

if TYPE_CHECKING:
    from sightline.models.classifier import CropClassifier

log = logging.getLogger(__name__)

GetClassifier = Callable[[str], "tuple[str, CropClassifier]"]
"""A classifier by its name, and what the scheduler calls it. Raises SightlineError."""


def no_classifier(name: str) -> tuple[str, CropClassifier]:
    """For a service without any. Raises NotFound."""
    raise NotFound(f"there is no classifier {name!r}")


class ClassifierRepository:
    """The classifiers by name, each loaded when it is first asked for; stages use the same ones.

    Args:
        scheduler: that runs them.
        get: loads them.
        configured: names of the configuration; the first is the default.
        bundled: further names that may be asked for.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        get: GetClassifier,
        configured: Sequence[str],
        bundled: Sequence[str] = (),
    ) -> None:
        self._scheduler = scheduler
        self._get = get
        self._configured = tuple(configured)
        self._loaded: dict[str, str] = {}
        self.names = tuple(dict.fromkeys((*configured, *bundled)))

    def full_name(self, name: str) -> str:
        """The name that ``default`` stands for. Raises NotFound: there is no such classifier."""
        if name in self.names:
            return name
        if name == "default" and self._configured:
            return self._configured[0]
        known = ", ".join(self.names) or "none: the service has no classifiers"
        meant = f"there is no classifier {name!r}" if name != "default" else "none is the default"
        raise NotFound(f"{meant}: give `model`, one of {known}")

    def loaded(self, name: str) -> str | None:
        """What the scheduler calls a classifier that clients have used; None for others. Raises NotFound."""
        return self._loaded.get(self.full_name(name))

    def submit(
        self, name: str, frame: Frame, terms: Terms, *, conf: float, top: int, started: Started
    ) -> Future[tuple[Label, ...]]:
        """Name a whole frame. It is decoded here, and the first time the model is loaded: that takes seconds.

        What would be refused is refused before it is decoded.

        ``started`` is called, in another thread, when its turn comes.

        Raises:
            NotFound: there is no such classifier.
            Conflict: it cannot be used; the log says why.
            Overloaded: the scheduler accepts no more.
            DecodeError: the picture is damaged.
        """
        name = self.full_name(name)
        try:
            key, classifier = self._get(name)
        except (ModelError, ConfigError, EngineError) as exc:  # they name files of this computer
            log.error("classifier %s cannot be used: %s", name, exc)
            raise Conflict(f"model {name!r} cannot classify: see the log") from exc
        self._loaded[name] = key
        self._scheduler.check(key, terms)  # before the picture is decoded
        asked = scheduled(classifier.replaced(conf=conf, top=top), self._scheduler, key, terms)
        asked = asked.with_engines(lambda engine: StartNotifyingEngine(engine, started))
        whole = whole_box(frame.width, frame.height)
        return joined([asked.submit(frame, whole)], lambda found: found[0][0])
