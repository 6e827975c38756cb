"""Loading a model: made, tried, and given to the scheduler, beside or in the place of an older one.

Knows how a model becomes one that answers. Does not know which models there are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING

from sightline.errors import Conflict, ModelError, NotVision
from sightline.protocols import SharedDetector
from sightline.runtime.repository.native_model import NativeModel
from sightline.runtime.repository.served_model import (
    NOBODY,
    OWN_QUEUE,
    ExpectedUse,
    ServedModel,
    ServedTensors,
    SharedModel,
)
from sightline.runtime.scheduling.scheduler import Scheduler

if TYPE_CHECKING:
    from sightline.engines.native import NativeEngine

log = logging.getLogger(__name__)


class ModelLoader:
    """Loads and frees the models of a repository, whose arguments it has. Not for several threads."""

    def __init__(
        self,
        scheduler: Scheduler,
        make: Callable[[str], SharedDetector],
        cold: Collection[str],
        native: Callable[[str], NativeEngine] | None,
        described: Collection[str],
        expected: Mapping[str, ExpectedUse] | None,
        content: Callable[[str], str | None],
    ) -> None:
        self._scheduler = scheduler
        self._make = make
        self._cold = frozenset(cold)
        self._native = native
        self._described = described
        self._expected = expected
        self._content = content

    def load(
        self,
        name: str,
        before: SharedModel | ServedTensors | None,
        wanted: str | None = None,
    ) -> SharedModel | ServedTensors:
        """Load a model; where one answers ``before`` it, take its place without a failed job.

        Args:
            name: of the model.
            before: what answers to that name now.
            wanted: the SHA-256 that its files must have; None: any.

        Raises:
            Conflict: it is of another kind than the one before, which goes on, or its files are not those wanted.
            ModelError, ConfigError, EngineError: it cannot be used.
        """
        try:
            detector, content = self._made(name, wanted)
        except NotVision as exc:
            return self._exchange_tensors(name, before, exc)
        if isinstance(before, ServedTensors):
            detector.close()
            raise Conflict(f"the new model {name} takes pictures: give it a name of its own")
        served = self._around(name, detector, before)
        served.content = content
        native = served.native
        try:
            if before is not None:
                check_alike(name, before.detector, detector)
                served.try_out()
                if native is not None:
                    native.reload()
        except BaseException:  # re-raised once the engine is closed
            detector.close()
            raise
        if before is not None:
            served.replace()
        else:
            served.add()
            if name not in self._cold:
                served.warm_up(None if self._expected is None else self._expected.get(name, NOBODY))
            if native is not None and name in self._described:
                native.load(measure=name not in self._cold)
        return served

    def _made(self, name: str, wanted: str | None) -> tuple[SharedDetector, str | None]:
        """A detector, and the SHA-256 of the files that it was made of."""
        content = self._content(name)
        if wanted is not None and content != wanted:
            raise Conflict(
                f"the files on disk are not those that were loaded and judged (SHA-256 {content!s:.12}, and "
                f"{wanted:.12} was judged): load that model again, so that it is judged"
            )
        detector = self._make(name)
        if self._content(name) != content:
            detector.close()
            raise ModelError(
                f"files of model {name} were changed while it was loaded: load it again"
            )
        return detector, content

    def _around(
        self, name: str, detector: SharedDetector, before: SharedModel | None
    ) -> SharedModel:
        """A detector as it is served: that of one file has tensors too."""
        from sightline.models.detector import EngineDetector  # it brings OpenCV

        if not isinstance(detector, EngineDetector):
            return SharedModel(name, detector, self._scheduler)
        if isinstance(before, ServedModel):
            native = before.native
        else:
            native = self._native_of(name, f"{name}{OWN_QUEUE}")
        return ServedModel(name, detector, self._scheduler, native)

    def _exchange_tensors(
        self, name: str, before: SharedModel | ServedTensors | None, reason: NotVision
    ) -> ServedTensors:
        """A model that is no vision model is served by the tensors of its file.

        Raises ``reason`` where that cannot be either.
        """
        if isinstance(before, SharedModel):
            raise reason
        if before is not None:
            before.native.reload()
            return before
        native = self._native_of(name, name)
        if native is None:
            raise reason
        try:
            native.load(measure=name not in self._cold)
        except ModelError as exc:
            native.close()
            raise (exc if name in self._described else reason) from exc
        if name not in self._described:
            log.warning(
                "model %s is served by its tensors only, it takes no pictures: %s", name, reason
            )
        return ServedTensors(name, native)

    def _native_of(self, name: str, key: str) -> NativeModel | None:
        if self._native is None:
            return None
        return NativeModel(key, self._scheduler, partial(self._native, name))

    def free(self, served: SharedModel | ServedTensors) -> None:
        """Free a model's engines once they have answered what was accepted."""
        if served.native is not None:
            served.native.close()
        if isinstance(served, SharedModel):
            served.remove()


def check_alike(name: str, old: SharedDetector, new: SharedDetector) -> None:
    """Raises Conflict: a new model cannot take the place of an old one of this name.

    Streams and waiting requests read the new network's answers as they read the old one's.
    """
    from sightline.models.detector import EngineDetector  # it brings OpenCV

    if not (isinstance(old, EngineDetector) and isinstance(new, EngineDetector)):
        if len(old.engines) != len(new.engines) or old.class_names != new.class_names:
            raise Conflict(
                f"the new model {name} has other class names or another number of engines than the one "
                "that answers: give it a name of its own"
            )
        return
    for what in (
        "decoder", "outputs", "class_names", "first_class", "anchors", "keypoint_shape", "size", "stride", "resize",
        "order", "max_batch",
    ):  # fmt: skip
        if getattr(old.card, what) != getattr(new.card, what):
            raise Conflict(
                f"the new model {name} has another {what.replace('_', ' ')} than the one that "
                "answers: give it a name of its own"
            )
