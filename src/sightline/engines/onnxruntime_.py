"""ONNX Runtime, on the processor or on CUDA."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sightline import interpreter
from sightline.config import EngineOptions
from sightline.engines.graphs.foreign_operators import remedy
from sightline.engines.graphs.onnx_fold import NAME, fold_input
from sightline.engines.requests import Shape, Workers, WorkersEngine, as_floats
from sightline.errors import EngineError, EngineUnavailable, InferenceError, ModelError
from sightline.types import EngineInfo, Floats, Normalization, Pixels, TensorSpec

log = logging.getLogger(__name__)
T = TypeVar("T")

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxRuntimeEngine(WorkersEngine):
    """Runs an ONNX model; sizes that the graph leaves open may differ from call to call.

    Args:
        model: path of an ``.onnx`` file, or its bytes.
        normalization: put in front of the graph as ONNX nodes.
        options: device, threads, requests, arena, memory limit, cuDNN search, graph optimisation.

    Raises:
        EngineUnavailable: ONNX Runtime is not installed, or has no such device here.
        ModelError: it cannot read the model.
        EngineError: a precision was asked for that it does not have.
    """

    def __init__(
        self,
        model: Path | bytes,
        normalization: Normalization,
        options: EngineOptions | None = None,
    ) -> None:
        try:
            import onnxruntime
        except ImportError as exc:
            raise EngineUnavailable.not_installed("ONNX Runtime", "onnxruntime") from exc

        options = options or EngineOptions()
        if options.precision not in {"auto", "fp32"}:
            raise EngineError(
                f"ONNX Runtime computes in the model's own precision, not in {options.precision}: "
                "convert the model, or use backend openvino"
            )
        cores = options.threads or len(os.sched_getaffinity(0))
        requests = options.requests or (cores if options.hint == "throughput" else 1)
        session_options = onnxruntime.SessionOptions()
        session_options.intra_op_num_threads = max(1, cores // requests)
        session_options.enable_cpu_mem_arena = options.arena
        session_options.log_severity_level = 3  # errors: its warnings are about graph internals
        session_options.graph_optimization_level = graph_level(onnxruntime, options)
        providers = onnx_providers(options, onnxruntime.get_available_providers())
        content = fold_input(model, normalization)
        try:
            self._session: Any = onnxruntime.InferenceSession(
                content, session_options, providers=providers
            )
        except Exception as exc:  # its exceptions share no base but this one
            name = model if isinstance(model, Path) else "the model"
            raise ModelError(f"ONNX Runtime cannot load {name}: {exc}{remedy(str(exc))}") from exc
        self._info = self._describe(requests, providers[0][0])
        self._workers = Workers("onnxruntime", requests, self._request, hang_s=options.hang_s)

    def close(self) -> None:
        """See ``Engine.close``; the session's memory goes back to the system."""
        super().close()
        self._session = None  # its weights need not wait until this object goes
        interpreter.give_back_memory()

    def _request(self, shape: Shape) -> _Request:
        own = self._info.input.shape
        if any(side not in {None, asked} for side, asked in zip(own, shape, strict=False)):
            n, height, width = shape
            raise ModelError(
                f"the model cannot take {n} pictures of {width}×{height}: its input is {own}"
            )
        return _Request(self._session, shape)

    def _describe(self, requests: int, wanted: str) -> EngineInfo:
        used = self._session.get_providers()[0]
        if used != wanted:
            log.warning("ONNX Runtime could not use %s and runs on %s", wanted, used)

        def spec(value: Any) -> TensorSpec:
            dims = tuple(d if isinstance(d, int) else None for d in value.shape)
            return TensorSpec(value.name, dims, "uint8" if "uint8" in value.type else "float32")

        pixels = spec(self._session.get_inputs()[0])
        names = self._session.get_modelmeta().custom_metadata_map
        return EngineInfo(
            backend="onnxruntime",
            device=next((d for d, p in PROVIDERS.items() if p == used), used),
            precision="fp32",
            requests=requests,
            input=replace(pixels, name=names.get(NAME, pixels.name)),
            outputs=tuple(spec(o) for o in self._session.get_outputs()),
        )


class _Request:
    """One worker's input memory; a session may be run from several threads at once."""

    def __init__(self, session: Any, shape: Shape) -> None:
        self.input: Pixels = np.empty((*shape, 3), np.uint8)
        self._session = session
        self._feed = {session.get_inputs()[0].name: self.input}

    def run(self) -> Sequence[Floats]:
        """Run the batch in ``input``; the outputs as float32 arrays. Raises InferenceError."""
        try:
            return as_floats(self._session.run(None, self._feed))
        except Exception as exc:  # its exceptions share no base but this one
            raise InferenceError(f"ONNX Runtime failed: {exc}") from exc


def graph_level(onnxruntime: Any, options: EngineOptions) -> Any:
    """ONNX Runtime's own constant for how far it rewrites graphs."""
    levels = onnxruntime.GraphOptimizationLevel
    return {
        "all": levels.ORT_ENABLE_ALL,
        "extended": levels.ORT_ENABLE_EXTENDED,
        "basic": levels.ORT_ENABLE_BASIC,
        "off": levels.ORT_DISABLE_ALL,
    }[options.graph_optimization]


def onnx_providers(
    options: EngineOptions, available: Sequence[str]
) -> list[tuple[str, dict[str, object]]]:
    """Execution providers in order of preference, the processor last. Raises EngineUnavailable: there is no such device."""
    kind, _, number = options.device.partition(":")
    cpu: list[tuple[str, dict[str, object]]] = [(PROVIDERS["cpu"], {})]
    if kind == "cpu" or (kind == "auto" and PROVIDERS["cuda"] not in available):
        return cpu
    if kind not in {"auto", "cuda", "gpu"}:
        raise EngineUnavailable(
            f"ONNX Runtime has no device {options.device!r}; it has {', '.join(PROVIDERS)}"
        )
    if PROVIDERS["cuda"] not in available:
        raise EngineUnavailable(
            f"device {options.device!r}: this ONNX Runtime has no CUDA: "
            "pip uninstall onnxruntime, then pip install onnxruntime-gpu"
        )
    cuda: dict[str, object] = {
        "device_id": int(number or 0),
        "cudnn_conv_algo_search": options.cudnn_search.upper(),
        "arena_extend_strategy": "kNextPowerOfTwo" if options.arena else "kSameAsRequested",
    }
    if options.memory_limit_mb is not None:
        cuda["gpu_mem_limit"] = options.memory_limit_mb * 2**20
    return [(PROVIDERS["cuda"], cuda), *cpu]
