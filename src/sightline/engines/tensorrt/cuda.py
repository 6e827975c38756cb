"""CUDA as an engine needs it: a device, pinned and device memory, streams and graphs.

The calls are those of ``cuda-bindings``, which return their error first. Memory is given back when the
object that stands for it goes.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from sightline.errors import EngineUnavailable, InferenceError
from sightline.types import Pixels


def cuda_bindings() -> Any:
    """The module ``cuda.bindings.runtime``. Raises EngineUnavailable: it is not installed."""
    try:
        from cuda.bindings import runtime
    except ImportError as exc:
        raise EngineUnavailable.not_installed("cuda-bindings", "tensorrt") from exc
    return runtime


class CudaDevice:
    """A CUDA device of this computer.

    ``name`` and ``compute_capability`` (``8.7``) tell which plans of TensorRT run on it.

    Args:
        wanted: ``auto``, ``cuda``, ``gpu`` or ``cuda:1``.

    Raises:
        EngineUnavailable: there is no such device, or no CUDA.
    """

    def __init__(self, wanted: str = "auto") -> None:
        self._cuda = cuda_bindings()
        kind, _, number = wanted.partition(":")
        error, count = self._cuda.cudaGetDeviceCount()
        if error != self._cuda.cudaError_t.cudaSuccess:
            raise EngineUnavailable(f"TensorRT needs a CUDA device: {self._text(error)}")
        self.index = int(number or 0)
        if kind not in {"auto", "cuda", "gpu"} or self.index >= count:
            here = ", ".join(f"cuda:{i}" for i in range(count)) or "none"
            raise EngineUnavailable(f"TensorRT has no device {wanted!r} here; it has {here}")
        properties = self.call("cudaGetDeviceProperties", self.index)
        self.name = properties.name.decode().rstrip("\0")
        self.compute_capability = f"{properties.major}.{properties.minor}"

    def __str__(self) -> str:
        return f"{self.name} (compute capability {self.compute_capability})"

    def use(self) -> None:
        """Make it the calling thread's device."""
        self.call("cudaSetDevice", self.index)

    def call(self, name: str, *arguments: object) -> Any:
        """What a function of CUDA's runtime returns. Raises InferenceError, which names it."""
        error, *found = getattr(self._cuda, name)(*arguments)
        if error != self._cuda.cudaError_t.cudaSuccess:
            raise InferenceError(f"CUDA failed: {name}: {self._text(error)}")
        return found[0] if found else None

    def allocate(self, size: int) -> DeviceMemory:
        """Memory of the device, in bytes."""
        return DeviceMemory(self, size)

    def pinned(self, size: int) -> Pixels:
        """(size,) uint8 in memory of the computer that the device reads and writes by itself."""
        address = self.call("cudaMallocHost", max(size, 1))
        memory = (ctypes.c_uint8 * size).from_address(int(address))
        weakref.finalize(memory, _let_go, self._cuda.cudaFreeHost, address)
        return np.ctypeslib.as_array(memory)  # the array keeps `memory`

    def stream(self) -> CudaStream:
        """A stream that does not wait for the default one."""
        return CudaStream(self)

    def constant(self, enum: str, name: str) -> Any:
        """A value of one of the runtime's enumerations."""
        return getattr(getattr(self._cuda, enum), name)

    def on_exit(self, owner: object, function: str, handle: object) -> None:
        """Call a function of the runtime with a handle when ``owner`` goes."""
        weakref.finalize(owner, _let_go, getattr(self._cuda, function), handle)

    def _text(self, error: object) -> str:
        _, text = self._cuda.cudaGetErrorString(error)
        return str(text.decode()) if text else str(error)


class DeviceMemory:
    """Bytes on a device, at ``address``."""

    def __init__(self, device: CudaDevice, size: int) -> None:
        self.size = size
        self.address = int(device.call("cudaMalloc", max(size, 1)))
        device.on_exit(self, "cudaFree", self.address)


class CudaStream:
    """Work of a device in order; ``handle`` is what TensorRT takes."""

    def __init__(self, device: CudaDevice) -> None:
        self._device = device
        # cudaStreamNonBlocking: it never waits for the default stream.
        self._stream = device.call("cudaStreamCreateWithFlags", 1)
        self.handle = int(self._stream)
        device.on_exit(self, "cudaStreamDestroy", self._stream)

    def upload(self, pinned: Pixels, memory: DeviceMemory) -> None:
        """Begin to copy pinned bytes to the device."""
        kind = self._device.constant("cudaMemcpyKind", "cudaMemcpyHostToDevice")
        self._copy(memory.address, pinned.ctypes.data, pinned.nbytes, kind)

    def download(self, memory: DeviceMemory, pinned: Pixels) -> None:
        """Begin to copy bytes of the device to pinned memory."""
        kind = self._device.constant("cudaMemcpyKind", "cudaMemcpyDeviceToHost")
        self._copy(pinned.ctypes.data, memory.address, pinned.nbytes, kind)

    def synchronize(self) -> None:
        """Wait until all of it is done."""
        self._device.call("cudaStreamSynchronize", self._stream)

    def captured(self, work: Callable[[], None]) -> CudaGraph:
        """What ``work`` puts on this stream, as a graph; it is not run. Raises what ``work`` raises, InferenceError."""
        mode = self._device.constant("cudaStreamCaptureMode", "cudaStreamCaptureModeThreadLocal")
        self._device.call("cudaStreamBeginCapture", self._stream, mode)
        try:
            work()
        finally:
            graph = self._device.call("cudaStreamEndCapture", self._stream)
        return CudaGraph(self._device, graph, self._stream)

    def _copy(self, to: int, of: int, size: int, kind: object) -> None:
        self._device.call("cudaMemcpyAsync", to, of, size, kind, self._stream)


class CudaGraph:
    """Work of a stream that is launched as one."""

    def __init__(self, device: CudaDevice, graph: object, stream: object) -> None:
        self._device, self._stream = device, stream
        self._executable = device.call("cudaGraphInstantiate", graph, 0)
        device.on_exit(self, "cudaGraphExecDestroy", self._executable)
        device.call("cudaGraphDestroy", graph)

    def launch(self) -> None:
        """Put it on its stream."""
        self._device.call("cudaGraphLaunch", self._executable, self._stream)


def _let_go(free: Callable[[Any], object], handle: object) -> None:
    """Errors are left alone: the interpreter may be ending, and the driver with it."""
    free(handle)
