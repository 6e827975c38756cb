"""One inference of TensorRT: an execution context with its memory, stream and CUDA graph."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.engines.host_normalization import HostNormalization
from sightline.engines.requests import Shape, as_floats
from sightline.engines.tensorrt.cuda import CudaDevice, CudaGraph, DeviceMemory
from sightline.engines.tensorrt.library import said, tensorrt_log
from sightline.engines.tensorrt.tensors import PlanTensors
from sightline.errors import InferenceError, ModelError
from sightline.types import Array, Floats, Normalization, Pixels

log = logging.getLogger(__name__)


class TensorRtRequest:
    """A request for one shape, on a stream of its own.

    The way of a batch: pinned memory, where ``fill`` writes, to the device; inferred there; outputs back to
    pinned memory, where ``read`` looks. All of it is captured into one CUDA graph, so that an inference is one
    launch. An engine that cannot be captured (layers on a DLA, loops) runs without one.

    Args:
        number: of the optimisation profile that holds the shape.
        workspace: what TensorRT computes in; no other request may run at the same time that has the same.
        errors: what TensorRT logs while the request is made.

    Raises:
        InferenceError: there is no memory for it.
        ModelError: the engine does not take the shape.
    """

    def __init__(
        self,
        trt: Any,
        engine: Any,
        device: CudaDevice,
        tensors: PlanTensors,
        normalization: Normalization,
        shape: Shape,
        number: int,
        workspace: DeviceMemory,
        errors: list[str],
    ) -> None:
        self._log, self._tensors = tensorrt_log(trt), tensors
        self._workspace = workspace  # it must live as long as the context
        self._stream = device.stream()
        self._normalization: HostNormalization | None = None
        n, height, width = shape
        sides = (n, height, width, 3) if tensors.takes_pixels else (n, 3, height, width)
        self._context = engine.create_execution_context(
            trt.ExecutionContextAllocationStrategy.USER_MANAGED
        )
        if self._context is None:
            raise InferenceError(f"TensorRT made no execution context: {said(errors)}")
        if engine.num_optimization_profiles > 1:
            self._context.set_optimization_profile_async(number, self._stream.handle)
            self._stream.synchronize()
        if not self._context.set_input_shape(tensors.input, sides):
            raise ModelError(f"TensorRT does not take {sides}: {said(errors)}")
        self._context.set_device_memory(workspace.address, workspace.size)
        self._pinned, self._uploaded = self._bound(device, tensors.input, sides, tensors.dtype)
        given = self._pinned.view(tensors.dtype).reshape(sides)
        if tensors.takes_pixels:
            self.input: Pixels = given
        else:
            self.input = np.empty((*shape, 3), np.uint8)
            self._normalization = HostNormalization(normalization)
        self._planes: Array = given
        self._outputs = [
            self._output(device, spec.name, dtype)
            for spec, dtype in zip(tensors.outputs, tensors.dtypes, strict=True)
        ]
        self._graph = self._captured()

    def run(self) -> Sequence[Floats]:
        """Run the batch in ``input``; the outputs as float32 arrays. Raises InferenceError."""
        if self._normalization is not None:
            self._normalization.apply(self.input, self._planes)
        if self._graph is not None:
            self._graph.launch()
        else:
            self._launch()
        self._stream.synchronize()
        return as_floats([array for _, _, array in self._outputs])

    def _bound(
        self, device: CudaDevice, name: str, sides: tuple[int, ...], dtype: np.dtype[Any]
    ) -> tuple[Pixels, DeviceMemory]:
        """Pinned memory of a tensor, and memory of the device that TensorRT is told of."""
        size = math.prod(sides) * dtype.itemsize
        memory = device.allocate(size)
        self._context.set_tensor_address(name, memory.address)
        return device.pinned(size), memory

    def _output(
        self, device: CudaDevice, name: str, dtype: np.dtype[Any]
    ) -> tuple[Pixels, DeviceMemory, Array]:
        sides = tuple(self._context.get_tensor_shape(name))
        if any(side < 0 for side in sides):
            raise ModelError(
                f"the length of the engine's output {name} depends on what is in the picture, {sides}: export the "
                "model without NMS, which is then done here"
            )
        pinned, memory = self._bound(device, name, sides, dtype)
        return pinned, memory, pinned.view(dtype).reshape(sides)

    def _captured(self) -> CudaGraph | None:
        # TensorRT sets itself up in the first run after a change of shapes, which cannot be captured.
        self._launch()
        self._stream.synchronize()
        try:
            return self._stream.captured(self._launch)
        except InferenceError as exc:
            log.warning("the engine runs without a CUDA graph: %s", exc)
            self._stream.synchronize()
            return None

    def _launch(self) -> None:
        """Put one inference on the stream; returns before it has run."""
        self._stream.upload(self._pinned, self._uploaded)
        with self._log.errors() as errors:
            if not self._context.execute_async_v3(self._stream.handle):
                raise InferenceError(f"TensorRT failed: {said(errors)}")
        for pinned, memory, _ in self._outputs:
            self._stream.download(memory, pinned)
