"""Models by name, loaded and exchanged while they run.

Knows which model answers to a name. Knows no protocol: HTTP, gRPC and Python all ask here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from sightline.errors import (
    ConfigError,
    Conflict,
    EngineError,
    InvalidRequest,
    Loading,
    ModelError,
    NotFound,
)
from sightline.protocols import SharedDetector
from sightline.runtime.repository.loader import ModelLoader
from sightline.runtime.repository.served_model import (
    ExpectedUse,
    ServedTensors,
    SharedModel,
    TrafficRule,
)
from sightline.runtime.scheduling.scheduler import Scheduler

if TYPE_CHECKING:
    from sightline.engines.native import NativeEngine

Served: TypeAlias = SharedModel | ServedTensors

State = Literal["ready", "loading", "unloaded", "failed"]

log = logging.getLogger(__name__)

_REMEDIES: Mapping[State, str] = {
    "unloaded": "an administrator can load it",
    "failed": "the log says why; an administrator can load it again",
    # Its last load has just ended; what became of it can be asked for now.
    "ready": "try again",
}
"""What to do about a model that does not answer, by its state."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """What became of a model; ``error`` says why its last load failed, also where an older one
    goes on."""

    name: str
    state: State
    error: str | None = None


class ModelRepository:
    """The models that a configuration names.

    Args:
        scheduler: that runs their engines.
        make: a new detector, with an engine of its own, for a name. Raises SightlineError.
        names: of all models; the first is the default.
        cold: those that answer without having been run before.
        native: a new engine of the file's own tensors, for a name; None: they are not served.
        described: those that are described by the file's own tensors.
        expected: who uses each model, where no clients come; None: clients with pictures of any
            shape may come to each.
        content: the SHA-256 of the files of a model, for a name; None: it is in no rollout.

    Nothing is loaded yet: ``load`` does it, in the caller's thread, and takes seconds.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        make: Callable[[str], SharedDetector],
        names: Sequence[str],
        *,
        cold: Collection[str] = (),
        native: Callable[[str], NativeEngine] | None = None,
        described: Collection[str] = (),
        expected: Mapping[str, ExpectedUse] | None = None,
        content: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self.scheduler = scheduler
        self.names = tuple(names)
        self.described = frozenset(described)
        self._made_of: dict[str, str] = {}  # whose file a model runs, where it is not its own
        self._loader = ModelLoader(
            scheduler,
            lambda name: make(self._made_of.get(name, name)),
            cold,
            None if native is None else lambda name: native(self._made_of.get(name, name)),
            self.described,
            expected,
            lambda name: content(self._made_of.get(name, name)),
        )
        self._rollouts: Mapping[str, TrafficRule] = {}
        self.users: Callable[[], Collection[str]] = tuple
        """Gives the models that streams use, which are not unloaded."""
        self._served: dict[str, Served] = {}
        self._states: dict[str, ModelState] = {n: ModelState(n, "unloaded") for n in self.names}
        self._changing = threading.Lock()

    @property
    def default(self) -> str:
        """The name that ``default`` stands for."""
        return self.names[0]

    @property
    def ready(self) -> bool:
        """Every model answers, but those that were unloaded on purpose."""
        states = [state.state for state in self._states.values()]
        return "ready" in states and not {"loading", "failed"} & set(states)

    def get(self, name: str = "default") -> SharedModel:
        """The model of this name that detects in pictures.

        Raises:
            NotFound: there is none, or it is not loaded.
            Loading: it is being loaded for the first time.
            InvalidRequest: it takes no pictures.
        """
        served = self.find(name)
        if isinstance(served, ServedTensors):
            raise InvalidRequest(
                f"model {name!r} takes no pictures: it answers tensors of its own at "
                f"/v2/models/{served.name}/infer"
            )
        return served

    def answers(self, name: str) -> bool:
        """Whether requests for a model are answered, whatever its last load came to."""
        return self._full_name(name) in self._served

    def find(self, name: str = "default") -> Served:
        """The model of this name, whatever it takes. Raises NotFound and Loading, as ``get``."""
        served = self._served.get(name) or self._served.get(self._full_name(name))
        if served is None:
            state = self.state(name).state
            if state == "loading":
                raise Loading(f"model {name!r} is being loaded: try again in a while")
            raise NotFound(f"model {name!r} is not loaded ({state}): {_REMEDIES[state]}")
        return served

    def made_of(self, name: str) -> str:
        """The name of the model whose file a model runs: its own, or that of one that took its place."""
        name = self._full_name(name)
        return self._made_of.get(name, name)

    def version(self, name: str) -> tuple[str, float]:
        """Whose file a model runs, and since when (Unix time; 0: it is not loaded). It differs with each load."""
        served = self._served.get(self._full_name(name))
        return self.made_of(name), served.loaded_at if isinstance(served, SharedModel) else 0.0

    def state(self, name: str) -> ModelState:
        """Raises NotFound: there is no such model."""
        return self._states[self._full_name(name)]

    def states(self) -> list[ModelState]:
        """The state of every model, in the order of the configuration."""
        return list(self._states.values())

    def load_all(self) -> None:
        """Load every model; the first failure is raised."""
        for name in self.names:
            self.load(name)

    def use_rollouts(self, rollouts: Mapping[str, TrafficRule]) -> None:
        """From now on, what each of these rules says about the traffic of the model of that name."""
        with self._changing:
            self._rollouts = rollouts
            for name, served in self._served.items():
                if isinstance(served, SharedModel):
                    served.rollout = rollouts.get(name)

    def load(self, name: str, of: str | None = None, content: str | None = None) -> Served:
        """Load a model, or load it again; requests go on being answered meanwhile.

        Where a model of that name answers already, the new one takes its place once it has run;
        when it cannot, the old one stays.

        Args:
            name: of the model.
            of: the name of the model whose file it runs from now on; None: the same as before.
            content: the SHA-256 that its files must have; None: any.

        Raises:
            NotFound: there is no such model.
            Conflict: the new one is of another kind than the one it should replace, or its files are others.
            ModelError, ConfigError, EngineError: it cannot be used.
        """
        name = self._full_name(name)
        with self._changing:
            before = self._served.get(name)
            made_of = self._made_of.get(name, name)
            self._made_of[name] = made_of if of is None else of
            if before is None:
                self._states[name] = ModelState(name, "loading")
            try:
                served = self._loader.load(name, before, content)
            except Exception as exc:
                self._made_of[name] = made_of
                # It goes on to the caller. Clients see the state, which names no files; the log does.
                log.error("model %s was not loaded: %s", name, exc)
                error = f"the last load failed ({type(exc).__name__}): see the log"
                self._states[name] = ModelState(name, "ready" if before else "failed", error)
                raise
            if isinstance(served, SharedModel):
                served.rollout = self._rollouts.get(name)
            self._served[name] = served
            self._states[name] = ModelState(name, "ready")
        for rule in self._rollouts.values():
            rule.loaded_again(name)
        return served

    def load_for_client(self, name: str) -> Served:
        """As ``load``, but why a model cannot be used stays in the log. Raises NotFound, Conflict."""
        try:
            return self.load(name)
        except (ModelError, ConfigError, EngineError) as exc:
            raise Conflict(f"model {name} was not loaded: see the log") from exc

    def unload(self, name: str) -> None:
        """Free a model's engine once it has answered what it accepted. Idempotent.

        Raises:
            NotFound: there is no such model.
            Conflict: streams use it.
        """
        name = self._full_name(name)
        meant = {name, "default"} if name == self.default else {name}
        if meant.intersection(self.users()):
            raise Conflict(f"streams use the model {name}: remove them first")
        self._free(name)

    def close(self) -> None:
        """Free all."""
        for name in self.names:
            self._free(name)

    def _free(self, name: str) -> None:
        with self._changing:
            served = self._served.pop(name, None)
            if served is not None:
                self._loader.free(served)
            self._states[name] = ModelState(name, "unloaded")

    def _full_name(self, name: str) -> str:
        name = self.default if name == "default" and name not in self._states else name
        if name not in self._states:
            raise NotFound(f"there is no model {name!r}; there are {', '.join(self.names)}")
        return name
