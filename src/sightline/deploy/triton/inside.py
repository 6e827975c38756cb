"""Triton as an engine of a model that itself runs in Triton's Python backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import numpy as np

from sightline.engines.requests import as_floats
from sightline.errors import InferenceError
from sightline.types import EngineInfo, Floats, Pixels

T = TypeVar("T")


class InnerTritonEngine:
    """Sends batches to another model of the same server, in this process's memory.

    Args:
        backend: Triton's module ``triton_python_backend_utils``.
        model: the other model's name; it takes pixels (N, H, W, 3) uint8.
        version: of it. Without one Triton runs the newest, which may be another network.
        info: its input and outputs.
    """

    def __init__(self, backend: Any, model: str, version: int, info: EngineInfo) -> None:
        self._backend, self._model, self._version = backend, model, version
        self.info = info

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``. The batch is run before it returns."""
        future: Future[T] = Future()
        try:
            pixels = np.empty((*shape, 3), np.uint8)
            fill(pixels)
            future.set_result(read(self._run(pixels)))
        except Exception as exc:  # noqa: BLE001 - the future hands it on
            future.set_exception(exc)
        return future

    def _run(self, pixels: Pixels) -> Sequence[Floats]:
        names = [output.name for output in self.info.outputs]
        request = self._backend.InferenceRequest(
            model_name=self._model,
            model_version=self._version,
            requested_output_names=names,
            inputs=[self._backend.Tensor(self.info.input.name, pixels)],
        )
        response = request.exec()
        if response.has_error():
            raise InferenceError(f"{self._model} refuses: {response.error().message()}")
        found = [self._backend.get_output_tensor_by_name(response, name) for name in names]
        return as_floats([output.as_numpy() for output in found])

    def close(self) -> None:
        """There is nothing to free: the other model is the server's."""
