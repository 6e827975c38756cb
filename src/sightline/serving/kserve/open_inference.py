"""The Open Inference Protocol (KServe v2), as Triton extends it, without a transport.

REST and gRPC ask here, so that both say the same. What is described is given as dicts in the
protocol's own JSON; a gRPC message has the same field names.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from sightline._version import __version__
from sightline.config import LimitOptions
from sightline.errors import InvalidRequest
from sightline.runtime.repository.models import ModelRepository
from sightline.runtime.scheduling.executions import Watch
from sightline.serving.answering import AnsweringModel
from sightline.serving.batches import run_all
from sightline.serving.http.limits import LARGE_BODIES, MEGABYTE
from sightline.serving.http.waiting import until
from sightline.serving.kserve.endpoint_names import VERSION, EndpointNames
from sightline.serving.kserve.endpoints import DETECT, ModelEndpoint
from sightline.serving.kserve.shared_memory import NotSupported, OutputRegion, Regions, taken
from sightline.serving.kserve.statistics import Statistics
from sightline.serving.kserve.tensors import InferRequest, InputTensor, Output, TensorMetadata
from sightline.serving.kserve.terms import terms_of
from sightline.serving.memory import Memory, MemoryReservation
from sightline.types import JsonObject

T = TypeVar("T")

EXTENSIONS = ("binary_tensor_data", "model_configuration", "model_repository", "statistics")


class OpenInference:
    """What the protocol's calls do, for all models of a repository.

    Args:
        repository: the models.
        limits: what a request may be.
        clock: monotonic, in seconds.
        regions: shared memory that requests may name; None: they may not.

    ``ready_too`` says whether the service takes requests, beside its models being ready.
    """

    def __init__(
        self,
        repository: ModelRepository,
        limits: LimitOptions,
        clock: Callable[[], float] = time.monotonic,
        *,
        regions: Regions | None = None,
    ) -> None:
        self.repository = repository
        self.limits = limits
        self.ready_too: Callable[[], bool] = lambda: True
        self._clock = clock
        self._names = EndpointNames(repository, limits)
        self._statistics = Statistics()
        self._regions = regions
        self._memory = Memory(int(LARGE_BODIES * limits.body_mb * MEGABYTE))

    def model(self, name: str, version: str = "") -> ModelEndpoint:
        """The model of the protocol that has this name. Raises NotFound."""
        return self._names.model(name, version)

    def _described(self, name: str, version: str) -> ModelEndpoint:
        """A model that can tell of its tensors; blocks where it must be loaded first."""
        endpoint = self.model(name, version)
        if load := endpoint.unloaded(()):
            load()
        return endpoint

    def ready(self) -> bool:
        """Whether the server takes requests."""
        return self.ready_too() and self.repository.ready

    def model_ready(self, name: str, version: str = "") -> bool:
        """Whether a model answers. Raises NotFound: there is no such model or version."""
        owner = self._names.owner(name, version)
        if not self.repository.answers(owner):
            return False
        self.model(name)
        return True

    @property
    def regions(self) -> Regions:
        """Shared memory. Raises NotSupported: it is off."""
        if self._regions is None:
            raise NotSupported(
                "shared memory is off: set serving.shared_memory to true to allow it"
            )
        return self._regions

    def server(self) -> JsonObject:
        """Name, version and extensions, as the protocol has its server metadata."""
        shared = () if self._regions is None else ("system_shared_memory",)
        return {
            "name": "sightline",
            "version": __version__,
            "extensions": [*EXTENSIONS, *shared],
        }

    def metadata(self, name: str, version: str = "") -> JsonObject:
        """Names, types and shapes. Blocks where the model's own tensors are to be loaded first."""
        endpoint = self._described(name, version)
        return {
            "name": endpoint.name,
            "versions": [VERSION],
            "platform": "sightline",
            "inputs": [spec.to_dict() for spec in endpoint.inputs],
            "outputs": [spec.to_dict() for spec in endpoint.outputs],
        }

    def config(self, name: str, version: str = "") -> JsonObject:
        """As Triton's model configuration. The batch's side is left out of ``dims`` where the model
        is ``batched``; it stands there otherwise. Blocks as ``metadata`` does."""
        endpoint = self._described(name, version)
        most = self.limits.parts if endpoint.batched else 0
        return {
            "name": endpoint.name,
            "platform": "sightline",
            "backend": "sightline",
            "max_batch_size": most,
            "input": [_config(spec, batched=endpoint.batched) for spec in endpoint.inputs],
            "output": [_config(spec, batched=endpoint.batched) for spec in endpoint.outputs],
            **({"dynamic_batching": {}} if endpoint.batched else {}),
            "parameters": {name: {"string_value": fact} for name, fact in endpoint.facts.items()},
        }

    def index(self, *, ready: bool = False) -> list[dict[str, str]]:
        """Every model and its state; with ``ready`` those that can be used."""
        return [
            {
                "name": name,
                "version": VERSION,
                "state": STATES[state.state],
                # An error's message may hold paths: it stands in the log.
                "reason": "" if state.state == "ready" else state.state,
            }
            for state in self.repository.states()
            for name in self._names.of(state)
            if state.state == "ready" or not ready
        ]

    def statistics(self, name: str = "", version: str = "") -> JsonObject:
        """Counts and times of one model, or of all that are ready."""
        if name:
            names = [self.model(name, version).name]
        else:
            names = [item["name"] for item in self.index(ready=True)]
        return {
            "model_stats": [
                {"name": n, "version": VERSION, **self._statistics.of(n)} for n in names
            ]
        }

    def load(self, name: str) -> None:
        """Load a model, or load it again; blocks until it can be used. Raises NotFound, Conflict."""
        self.repository.load_for_client(self._names.owner(name))

    def unload(self, name: str) -> None:
        """Free a model. Raises NotFound, or Conflict where a stream uses it."""
        self.repository.unload(self._names.owner(name))

    async def infer(
        self,
        request: InferRequest,
        client: str,
        write: Callable[[str, Sequence[Output]], T],
        deadline: float | None = None,
    ) -> T:
        """Run one request, and ``write`` its answer: of the model's name and the outputs asked for.

        Cancelling it cancels the work.

        Args:
            request: what is to be run.
            client: who asks, where the request does not say; fairness is between clients.
            write: see ``endpoints_v2.Write``; ``kept`` keeps the outputs as they are.
            deadline: on the monotonic clock, the transport's own.

        Raises:
            NotFound, InvalidRequest, DecodeError, Overloaded, DeadlineExceeded, InferenceError.
        """
        endpoint = self.model(request.model, request.version)
        started = time.perf_counter_ns()
        watch, work = Watch(started), None
        answered = False
        try:
            if load := endpoint.unloaded(request.inputs):
                await asyncio.to_thread(load)
            specs = _wanted(endpoint, request.outputs)
            terms = terms_of(
                request.parameters, client, deadline, watch, self.limits, self._clock()
            )
            answering = AnsweringModel(endpoint.name, DETECT)  # only detectors have second models
            terms = replace(terms, answered_by=answering.note)
            targets = {n: self.regions.target(n, place) for n, place in request.places.items()}
            chosen = partial(_chosen, targets, specs, lambda o: write(answering.model, o))
            with MemoryReservation(self._memory) as held:
                inputs = await self._fetched(request.inputs, held)
                work = endpoint.work(inputs, terms, request.parameters, chosen)
                watch.since = time.perf_counter_ns()
                async with until(terms.deadline, self._clock):
                    results = await run_all(work.jobs)
            written = work.finish(results)
            answered = True
            return written
        finally:
            took = time.perf_counter_ns() - started
            if answered and work is not None:
                self._statistics.answered(endpoint.name, took, work.rows, len(work.jobs), watch)
            else:
                self._statistics.failed(endpoint.name, took)

    async def _fetched(
        self, inputs: Sequence[InputTensor], held: MemoryReservation
    ) -> Sequence[InputTensor]:
        """The inputs, those in shared memory with a copy of their bytes."""
        if all(tensor.place is None for tensor in inputs):
            return inputs
        regions = self.regions
        held.take(taken(inputs, int(self.limits.body_mb * MEGABYTE)))
        return await asyncio.to_thread(lambda: [regions.fetched(tensor) for tensor in inputs])


def kept(model: str, outputs: Sequence[Output]) -> tuple[str, list[Output]]:
    """The model's name and the outputs, which stay when the engine goes on."""
    return model, [o if o.place else Output(o.name, o.array.copy()) for o in outputs]


STATES = {
    "ready": "READY",
    "loading": "LOADING",
    "unloaded": "UNAVAILABLE",
    "failed": "UNAVAILABLE",
}


def _config(spec: TensorMetadata, *, batched: bool) -> JsonObject:
    kind = "STRING" if spec.datatype == "BYTES" else spec.datatype
    dims = list(spec.shape[1:] if batched else spec.shape)
    return {"name": spec.name, "data_type": f"TYPE_{kind}", "dims": dims}


def _chosen(
    targets: Mapping[str, OutputRegion],
    specs: Sequence[TensorMetadata],
    write: Callable[[Sequence[Output]], T],
    outputs: Sequence[Output],
) -> T:
    """``write`` of the outputs that are wanted; those with a target are put there."""
    named = {output.name: output for output in outputs}
    for name, target in targets.items():
        named[name] = target.put(named[name])
    return write([named[spec.name] for spec in specs])


def _wanted(endpoint: ModelEndpoint, names: Sequence[str]) -> Sequence[TensorMetadata]:
    if not names:
        return endpoint.outputs
    known = {spec.name: spec for spec in endpoint.outputs}
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise InvalidRequest(f"output {twice!r:.80}: it is asked for twice")
    for name in names:
        if name not in known:
            raise InvalidRequest(
                f"output {name!r:.80}: the model has no such output; it has {', '.join(known)}"
            )
    return [known[name] for name in names]
