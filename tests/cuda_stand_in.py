"""A stand-in for ``cuda.bindings.runtime``: memory of this process, and streams that work when they are waited for.

Its functions have the names and parameters of the real ones (``tests/recorded/tensorrt_api.json``) and return
their error first. Work on a stream is done at ``cudaStreamSynchronize`` and no sooner: whoever reads an output
without waiting for it reads what was there before.
"""

# ruff: noqa: N802, N803 - the names of CUDA's own functions

from __future__ import annotations

import ctypes
import threading
from collections import Counter
from collections.abc import Callable
from enum import IntEnum
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

Work = Callable[[], None]


CudaError = IntEnum(
    "CudaError",
    {
        "cudaSuccess": 0, "cudaErrorInvalidValue": 1, "cudaErrorMemoryAllocation": 2, "cudaErrorNoDevice": 100,
        "cudaErrorStreamCaptureUnsupported": 900,
    },
)  # fmt: skip
MemcpyKind = IntEnum("MemcpyKind", {"cudaMemcpyHostToDevice": 1, "cudaMemcpyDeviceToHost": 2})
CaptureMode = IntEnum(
    "CaptureMode", {"cudaStreamCaptureModeGlobal": 0, "cudaStreamCaptureModeThreadLocal": 1}
)


class Stream:
    """Work that waits, and what is captured of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.work: list[Work] = []
        self.captured: list[Work] | None = None

    def __int__(self) -> int:
        return self.number

    def put(self, work: Work) -> None:
        (self.work if self.captured is None else self.captured).append(work)


class CudaStandIn:
    """A CUDA device that there is not.

    ``memory`` and ``pinned`` are what is allocated; ``streams`` are those that there are. ``fails`` names functions
    that return an error, and ``launched`` counts graphs.
    """

    def __init__(self, name: str = "Stand-in GPU", capability: tuple[int, int] = (8, 7)) -> None:
        self.name, self.capability, self.devices = name, capability, 1
        self.memory: dict[int, Any] = {}
        self.pinned: dict[int, Any] = {}
        self.streams: dict[int, Stream] = {}
        self.fails: dict[str, CudaError] = {}
        self.calls: Counter[str] = Counter()
        self.device_of: dict[int, int] = {}
        self._lock = threading.Lock()
        self._numbers = 0

    def bytes_at(self, address: int, size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Memory of the device. Raises KeyError: it was never allocated, was freed, or is too small."""
        for start, memory in list(self.memory.items()):
            if start <= address and address + size <= start + max(1, memory._length_):
                return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
        raise KeyError(f"no {size} bytes of the device at {address}")

    def stream(self, handle: int) -> Stream:
        return self.streams[int(handle)]

    def modules(self) -> dict[str, ModuleType]:
        """For ``sys.modules``."""
        cuda, bindings = ModuleType("cuda"), ModuleType("cuda.bindings")
        runtime = ModuleType("cuda.bindings.runtime")
        for name in FUNCTIONS:
            setattr(runtime, name, self._counted(name))
        runtime.cudaError_t = CudaError  # type: ignore[attr-defined]
        runtime.cudaMemcpyKind = MemcpyKind  # type: ignore[attr-defined]
        runtime.cudaStreamCaptureMode = CaptureMode  # type: ignore[attr-defined]
        bindings.runtime = runtime  # type: ignore[attr-defined]
        cuda.bindings = bindings  # type: ignore[attr-defined]
        return {"cuda": cuda, "cuda.bindings": bindings, "cuda.bindings.runtime": runtime}

    def _counted(self, name: str) -> Callable[..., Any]:
        function = getattr(self, name)

        def call(*arguments: Any) -> Any:
            self.calls[name] += 1
            if name in self.fails:
                if name == "cudaStreamEndCapture":
                    function(*arguments)  # it ends, whatever became of it
                return (self.fails[name], *([None] * (name in RETURNING)))
            return function(*arguments)

        return call

    def _allocate(self, where: dict[int, Any], size: int) -> tuple[CudaError, int]:
        memory = (ctypes.c_uint8 * size)()
        address = ctypes.addressof(memory)
        with self._lock:
            where[address] = memory
        return CudaError.cudaSuccess, address

    def _number(self) -> int:
        with self._lock:
            self._numbers += 1
            return self._numbers

    # The functions of the runtime, in its own names.

    def cudaGetDeviceCount(self) -> Any:
        return CudaError.cudaSuccess, self.devices

    def cudaSetDevice(self, device: int) -> Any:
        self.device_of[threading.get_ident()] = device
        return (CudaError.cudaSuccess,)

    def cudaGetDeviceProperties(self, device: int) -> Any:
        major, minor = self.capability
        found = SimpleNamespace(name=self.name.encode() + b"\0", major=major, minor=minor)
        return CudaError.cudaSuccess, found

    def cudaMalloc(self, size: int) -> Any:
        assert threading.get_ident() in self.device_of, "this thread has not chosen its device"
        return self._allocate(self.memory, size)

    def cudaFree(self, devPtr: int) -> Any:
        del self.memory[devPtr]
        return (CudaError.cudaSuccess,)

    def cudaMallocHost(self, size: int) -> Any:
        return self._allocate(self.pinned, size)

    def cudaFreeHost(self, ptr: int) -> Any:
        del self.pinned[ptr]
        return (CudaError.cudaSuccess,)

    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: MemcpyKind, stream: Any) -> Any:
        def work() -> None:
            ends = (dst, src) if kind == MemcpyKind.cudaMemcpyHostToDevice else (src, dst)
            self.bytes_at(ends[0], count)  # it must be the device's
            assert ends[1] in self.pinned, (
                "copies of memory that is not pinned are not asynchronous"
            )
            ctypes.memmove(dst, src, count)

        stream.put(work)
        return (CudaError.cudaSuccess,)

    def cudaStreamCreateWithFlags(self, flags: int) -> Any:
        stream = Stream(self._number())
        self.streams[int(stream)] = stream
        return CudaError.cudaSuccess, stream

    def cudaStreamSynchronize(self, stream: Stream) -> Any:
        if stream.captured is not None:
            return (CudaError.cudaErrorStreamCaptureUnsupported,)
        work, stream.work = stream.work, []
        for one in work:
            one()
        return (CudaError.cudaSuccess,)

    def cudaStreamDestroy(self, stream: Stream) -> Any:
        del self.streams[int(stream)]
        return (CudaError.cudaSuccess,)

    def cudaStreamBeginCapture(self, stream: Stream, mode: CaptureMode) -> Any:
        stream.captured = []
        return (CudaError.cudaSuccess,)

    def cudaStreamEndCapture(self, stream: Stream) -> Any:
        captured, stream.captured = stream.captured, None
        return CudaError.cudaSuccess, captured

    def cudaGraphInstantiate(self, graph: list[Work], flags: int) -> Any:
        return CudaError.cudaSuccess, list(graph)

    def cudaGraphLaunch(self, graphExec: list[Work], stream: Stream) -> Any:
        for work in graphExec:
            stream.put(work)
        return (CudaError.cudaSuccess,)

    def cudaGraphExecDestroy(self, graphExec: list[Work]) -> Any:
        return (CudaError.cudaSuccess,)

    def cudaGraphDestroy(self, graph: list[Work]) -> Any:
        return (CudaError.cudaSuccess,)

    def cudaGetErrorString(self, error: CudaError) -> Any:
        return CudaError.cudaSuccess, f"stand-in: {CudaError(error).name}".encode()


FUNCTIONS = tuple(name for name in vars(CudaStandIn) if name.startswith("cuda"))
RETURNING = ("cudaGetDeviceCount", "cudaGetDeviceProperties", "cudaMalloc", "cudaMallocHost", "cudaStreamCreateWithFlags", "cudaStreamEndCapture", "cudaGraphInstantiate")  # fmt: skip
