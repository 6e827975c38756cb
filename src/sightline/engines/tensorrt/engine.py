"""TensorRT on CUDA devices: engine files, and ONNX models of which it builds an engine first.

Written against TensorRT's Python interface as its wheels document it; it has not run on a device yet.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from sightline.config import EngineOptions
from sightline.engines.requests import CUDA_REQUESTS, Shape, Workers, WorkersEngine
from sightline.engines.tensorrt.builder import Build
from sightline.engines.tensorrt.cuda import CudaDevice, DeviceMemory
from sightline.engines.tensorrt.graph import buildable
from sightline.engines.tensorrt.library import (
    major_version,
    said,
    tensorrt_library,
    tensorrt_log,
)
from sightline.engines.tensorrt.options import BuildOptions, OptimizationProfile, Precision
from sightline.engines.tensorrt.records import built_engine, check_record
from sightline.engines.tensorrt.request import TensorRtRequest
from sightline.engines.tensorrt.tensors import plan_tensors
from sightline.errors import EngineError, ModelError
from sightline.plan_file import PLAN_SUFFIXES, EngineRecord, read_plan, record_of
from sightline.types import EngineInfo, Normalization, TensorSpec

log = logging.getLogger(__name__)

PRECISIONS: dict[str, Precision] = {"auto": "fp16", "fp16": "fp16", "fp32": "fp32"}
"""``EngineOptions.precision`` -> that of an engine that is built of an ONNX model."""


class TensorRtEngine(WorkersEngine):
    """Runs an engine of TensorRT: a file with a plan, or one that it builds of an ONNX model.

    Every request has its own execution context, stream and pinned memory for each shape, and a CUDA graph
    where the engine can be captured. The memory that TensorRT computes in is a worker's: its contexts share it.

    A plan whose input is uint8 (N, H, W, 3) normalises pixels itself, as those do that Sightline builds. For
    another with floats (N, 3, H, W), Ultralytics' for example, the processor does it.

    Args:
        model: path of an engine (``plan_file.PLAN_SUFFIXES``) or of an ``.onnx`` file, or an ONNX model's bytes.
        normalization: what a plan that normalises must do, or what is done for one that does not.
        options: device, requests; for an ONNX model also precision (``auto`` is fp16; a graph that is quantised
            stays as it is), memory limit of an operator, and the folder where built engines are kept.

    Raises:
        EngineUnavailable: TensorRT or cuda-bindings is not installed, or there is no such device here.
        ModelError: the engine is of another version or device, or cannot be read or built.
        EngineError: TensorRT has no such precision.
        SinkError: a built engine cannot be kept.
    """

    def __init__(
        self,
        model: Path | bytes,
        normalization: Normalization,
        options: EngineOptions | None = None,
    ) -> None:
        options = options or EngineOptions()
        self._trt = tensorrt_library()
        self._log = tensorrt_log(self._trt)
        self._device = CudaDevice(options.device)
        self._device.use()
        self._normalization = normalization
        record: EngineRecord | None
        if isinstance(model, Path) and model.suffix.lower() in PLAN_SUFFIXES:
            words, plan = read_plan(model)
            record, name = record_of(words, model), str(model)
            if record is not None:
                check_record(record, model, self._trt.__version__, self._device, normalization)
        else:
            name = str(model) if isinstance(model, Path) else "the model"
            record, plan = self._built(model, options)
        self._runtime: Any
        self._engine: Any
        self._runtime, self._engine = self._deserialized(plan, record, name)
        self._tensors = plan_tensors(self._trt, self._engine, name)
        self._workspaces = threading.local()
        self._preparing = threading.Lock()
        self._info = self._describe(record, options)
        self._workers = Workers(
            "tensorrt", self._info.requests, self._request, hang_s=options.hang_s
        )

    def close(self) -> None:
        """See ``Engine.close``; the engine's memory on the device is freed."""
        super().close()
        self._engine = self._runtime = None  # in this order: an engine must go before its runtime

    def _built(self, model: Path | bytes, options: EngineOptions) -> tuple[EngineRecord, bytes]:
        """An engine of an ONNX model: the one that was kept, or a new one."""
        if options.precision not in PRECISIONS:
            raise EngineError(
                f"TensorRT builds {', '.join(PRECISIONS)} here, not {options.precision}: convert the model"
            )
        how = BuildOptions(
            precision=PRECISIONS[options.precision], workspace_mb=options.memory_limit_mb
        )
        name = model.name if isinstance(model, Path) else "model.onnx"
        graph = buildable(model, self._normalization, how, major_version(self._trt), name)
        if options.cache_dir is None:
            log.warning(
                "the engine of %s is built anew each time, which takes minutes: engine.cache_dir keeps it, or "
                "`sightline export` writes it", name,
            )  # fmt: skip
        build = Build(self._trt, self._device, graph, how, options.cache_dir)
        command = f"sightline export {name} {Path(name).stem}.engine"
        return built_engine(build, self._normalization, command=command)

    def _deserialized(self, plan: bytes, record: EngineRecord | None, name: str) -> tuple[Any, Any]:
        with self._log.errors() as errors:
            runtime = self._log.runtime()
            if record is not None and record.dla_core is not None:
                runtime.DLA_core = record.dla_core
            engine = runtime.deserialize_cuda_engine(plan)
            if engine is None:
                raise ModelError(
                    f"TensorRT {self._trt.__version__} cannot load {name} on {self._device}: {said(errors)}: an "
                    "engine runs with the version and on the kind of GPU that it was built with: build it again "
                    f"here, of the ONNX model: `sightline export MODEL.onnx {name}`"
                )
        return runtime, engine

    def _describe(self, record: EngineRecord | None, options: EngineOptions) -> EngineInfo:
        tensors = self._tensors
        precision = record.precision if record is not None else tensors.precision
        return EngineInfo(
            backend="tensorrt",
            device=f"cuda:{self._device.index}",
            precision=precision,
            requests=options.requests or CUDA_REQUESTS[options.hint],
            input=TensorSpec(tensors.input, tensors.shape, "uint8"),
            outputs=tensors.outputs,
        )

    def _request(self, shape: Shape) -> TensorRtRequest:
        """Called in the worker that will use it: a device is a thread's."""
        number = self._profile_number(shape)
        self._device.use()
        if not hasattr(self._workspaces, "memory"):
            self._workspaces.memory = self._device.allocate(self._engine.device_memory_size_v2)
        workspace: DeviceMemory = self._workspaces.memory
        with self._preparing, self._log.errors() as errors:
            return TensorRtRequest(
                self._trt,
                self._engine,
                self._device,
                self._tensors,
                self._normalization,
                shape,
                number,
                workspace,
                errors,
            )

    def _profile_number(self, shape: Shape) -> int:
        for number, profile in enumerate(self._tensors.profiles):
            if profile.holds(shape):
                return number
        n, height, width = shape
        able = " or ".join(_range(profile) for profile in self._tensors.profiles)
        raise ModelError(
            f"the engine cannot take {n} pictures of {width}×{height}: it takes {able}; `sightline export` "
            "builds it for others, with --profile"
        )


def _range(profile: OptimizationProfile) -> str:
    low, high = profile.minimum, profile.maximum
    if low == high:
        return f"{low[0]} of {low[2]}×{low[1]}"
    return f"{low[0]} to {high[0]} of {low[2]}×{low[1]} to {high[2]}×{high[1]}"
