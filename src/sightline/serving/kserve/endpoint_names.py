"""The names that a repository's models have in the Open Inference Protocol.

A model ``m`` takes pictures as tensors; its other endpoints, objects in pictures and the tensors of
its file, have names of their own.
"""

from __future__ import annotations

from typing import cast

from sightline.config import LimitOptions
from sightline.errors import NotFound
from sightline.runtime.repository.models import ModelRepository, ModelState
from sightline.runtime.repository.served_model import ServedModel, ServedTensors
from sightline.serving.kserve.endpoints import (
    DETECT,
    NATIVE,
    ModelEndpoint,
    Network,
    Pictures,
    Tensors,
)

VERSION = "1"
"""Every model has this one version."""


class EndpointNames:
    """Finds endpoints of a repository's models by name; requests are within ``limits``."""

    def __init__(self, repository: ModelRepository, limits: LimitOptions) -> None:
        self._repository = repository
        self._limits = limits

    def model(self, name: str, version: str = "") -> ModelEndpoint:
        """The model of the protocol that has this name. Raises NotFound."""
        served = self._repository.find(self.owner(name, version))
        owner, endpoint = self._parts(name)
        native = served.native
        if isinstance(served, ServedTensors):
            if endpoint == DETECT:
                raise NotFound(f"model {owner!r:.80} takes no pictures: there is no {name!r:.80}")
            return Tensors(served.name + endpoint, served.native)
        if endpoint == DETECT:
            return Pictures(served, self._limits)
        if not served.has_tensors:
            raise NotFound(
                f"model {owner!r:.80} is made of several parts and has no tensors: {owner + DETECT!r:.80} "
                "takes pictures"
            )
        if endpoint == NATIVE:
            if native is None:
                raise NotFound(f"model {owner!r:.80} is not served by its file's own tensors")
            return Tensors(served.name + endpoint, native)
        described = native if served.name in self._repository.described else None
        return Network(cast("ServedModel", served), self._limits, described)

    def owner(self, name: str, version: str = "") -> str:
        """The model of the repository that a name means, loaded or not.

        Raises NotFound: there is no such model, or not this version of it.
        """
        owner, _ = self._parts(name)
        self._repository.state(owner)
        if version not in {"", VERSION}:
            raise NotFound(
                f"model {name!r:.80} has version {VERSION} only, not {version!r:.40}: leave the "
                "version out"
            )
        return owner

    def of(self, state: ModelState) -> list[str]:
        """The names of a model in the protocol; of one that is not loaded, all that it may have."""
        served = self._repository.find(state.name) if state.state == "ready" else None
        names = [state.name] if served is None or served.has_tensors else []
        if not isinstance(served, ServedTensors):
            names.append(state.name + DETECT)
        if served is not None and served.native is not None:
            names.append(state.name + NATIVE)
        return [name for name in names if name == state.name or name not in self._repository.names]

    def _parts(self, name: str) -> tuple[str, str]:
        """The loaded model and the endpoint of it that a name means; a model's own name comes first."""
        for endpoint in (DETECT, NATIVE):
            if name.endswith(endpoint) and name not in self._repository.names:
                return name.removesuffix(endpoint), endpoint
        return name, ""
