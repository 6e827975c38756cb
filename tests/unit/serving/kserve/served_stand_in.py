"""A repository of one model that answers at once, and tensors for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np

from sightline.errors import (
    ConfigError,
    NotFound,
    Overloaded,
)
from sightline.models.model_card import ModelCard
from sightline.runtime.repository.models import ModelState
from sightline.runtime.scheduling.executions import Execution
from sightline.runtime.scheduling.items import Terms
from sightline.serving.kserve.open_inference import OpenInference, kept
from sightline.serving.kserve.tensors import (
    InferRequest,
    InputTensor,
    Output,
)
from sightline.types import Detections, EngineInfo, Frame, Pixels, TensorSpec

PICTURE = np.arange(18, dtype=np.uint8).reshape(1, 2, 3, 3)


class Served:
    """Stands in for a model: answers a picture with its sum, in two outputs."""

    native = None
    has_tensors = True

    def __init__(self, name: str = "tiny") -> None:
        self.name = name
        self.canvases = [(32, 32), (64, 32)]
        self.class_names = ("car", "bus")
        self.card = ModelCard(name=name, size=(64, 32), fixed_size=True)
        self.terms: list[Terms] = []
        self.wanted: list[dict[str, Any]] = []
        self.futures: list[Future[Any]] = []
        self.hold = False
        self.refuse_after: int | None = None
        self.rows = 1

    @property
    def info(self) -> EngineInfo:
        outputs = (TensorSpec("sum", (None, 1)), TensorSpec("mean", (None, 1)))
        size = (None, None, None, 3)
        return EngineInfo("fake", "cpu", "fp32", 1, TensorSpec("images", size, "uint8"), outputs)

    def infer(self, tensors: Pixels, terms: Terms, read: Callable[[list[Any]], Any]) -> Future[Any]:
        total, mean = np.float32(tensors.sum()), np.float32(tensors.mean())
        outputs = [np.full((self.rows, 1), total), np.full((self.rows, 1), mean)]
        result = read(outputs)
        for output in outputs:
            output.fill(-1)  # the engine goes on, and this was its memory
        return self._future(terms, result)

    def submit(self, frame: Frame, terms: Terms, **wanted: Any) -> Future[Any]:
        if wanted["classes"] == ("dragon",):
            raise ConfigError("this model has no class 'dragon'")
        self.wanted.append(wanted)
        n = frame.index + 1
        box = np.array([[0, 0, frame.width, frame.height]], np.float32)
        found = Detections(box.repeat(n, 0), np.ones(n, np.float32), np.arange(n))
        return self._future(terms, found)

    def _future(self, terms: Terms, result: Any) -> Future[Any]:
        if self.refuse_after is not None and len(self.futures) >= self.refuse_after:
            raise Overloaded("full")
        self.terms.append(terms)
        assert terms.watch is not None
        terms.watch.executions.append(Execution(1, begun=time.perf_counter_ns()))
        future: Future[Any] = Future()
        self.futures.append(future)
        if not self.hold:
            future.set_result(result)
        return future


class Repository:
    """Stands in for the models of a service."""

    def __init__(self, *served: Served) -> None:
        self._served = {model.name: model for model in served}
        self.names = tuple(self._served)
        self.ready = True
        self.described: frozenset[str] = frozenset()
        self.loaded: list[str] = []

    def get(self, name: str) -> Served:
        if name not in self._served:
            raise NotFound(f"there is no model {name!r}")
        return self._served[name]

    find = get

    def answers(self, name: str) -> bool:
        return bool(self.get(name))

    def state(self, name: str) -> ModelState:
        self.get(name)
        return ModelState(name, "ready")

    def states(self) -> list[ModelState]:
        return [*(ModelState(n, "ready") for n in self.names), ModelState("bad", "failed", "/x/y")]

    def load_for_client(self, name: str) -> None:
        self.get(name)
        self.loaded.append(name)

    def unload(self, name: str) -> None:
        self.loaded.remove(name)


def tensor(picture: Pixels, name: str = "images", datatype: str = "UINT8") -> InputTensor:
    return InputTensor(name, datatype, picture.shape, picture.tobytes())


def blank(n: int = 1, height: int = 32, width: int = 32, value: int = 1) -> InputTensor:
    return tensor(np.full((n, height, width, 3), value, np.uint8))


def ask(
    service: OpenInference, *tensors: InputTensor, model: str = "tiny", **more: Any
) -> list[Output]:
    request = InferRequest(model, tensors, **more)
    return asyncio.run(service.infer(request, "me", kept))[1]
