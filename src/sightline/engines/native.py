"""Any ONNX model by its own tensors, vision or not: named arrays of any type in, arrays out.

The graph is the file's own: nothing is folded into it. A ``NativeEngine`` has the form of an
``Engine``, so the scheduler queues, joins and refuses its jobs like all others. Its input memory does
not hold pixels: it is an array of objects (N,), with one ``Feed`` for each row of the batch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from sightline.config import EngineOptions
from sightline.engines.onnxruntime_ import graph_level, onnx_providers
from sightline.engines.requests import Shape, Workers, WorkersEngine
from sightline.errors import EngineUnavailable, InferenceError, InvalidRequest, ModelError
from sightline.types import Array, EngineInfo, TensorSpec

Feed: TypeAlias = dict[str, Array]
"""InputTensor name -> array; texts are arrays of ``object``."""

TYPES = {
    "tensor(bool)": "bool",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(string)": "object",
}
"""ONNX Runtime's names of element types -> NumPy's."""


class NativeEngine(WorkersEngine):
    """Runs an ONNX model as its file is.

    ``inputs`` and ``outputs`` are what the file declares. ``batched`` says that the first axis of every
    input and output is open: rows of several requests may then share an inference.

    Args:
        model: path of an ``.onnx`` file.
        options: device, threads, requests, arena, memory limit, graph optimisation.

    Raises:
        EngineUnavailable: ONNX Runtime is not installed, or has no such device here.
        ModelError: it cannot read the model, or an input is no tensor.
    """

    def __init__(self, model: Path, options: EngineOptions) -> None:
        try:
            import onnxruntime
            from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument
        except ImportError as exc:
            raise EngineUnavailable.not_installed("ONNX Runtime", "onnxruntime") from exc

        self._client_faults: tuple[type[Exception], ...] = (InvalidArgument,)
        cores = options.threads or len(os.sched_getaffinity(0))
        requests = options.requests or (cores if options.hint == "throughput" else 1)
        session_options = onnxruntime.SessionOptions()
        session_options.intra_op_num_threads = max(1, cores // requests)
        session_options.enable_cpu_mem_arena = options.arena
        session_options.log_severity_level = (
            4  # what fails in a run is raised, and may be a client's
        )
        session_options.graph_optimization_level = graph_level(onnxruntime, options)
        providers = onnx_providers(options, onnxruntime.get_available_providers())
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), session_options, providers=providers
            )
        except Exception as exc:  # its exceptions share no base but this one
            raise ModelError(f"ONNX Runtime cannot load {model}: {exc}") from exc
        self.inputs = tuple(_spec(model, value) for value in self._session.get_inputs())
        self.outputs = tuple(_spec(model, value) for value in self._session.get_outputs())
        self.batched = bool(self.inputs) and all(
            spec.shape and spec.shape[0] is None for spec in (*self.inputs, *self.outputs)
        )
        rows = None if self.batched else 1
        self._info = EngineInfo(
            backend="onnxruntime",
            device=self._session.get_providers()[0].removesuffix("ExecutionProvider").lower(),
            precision="native",
            requests=requests,
            input=TensorSpec("feeds", (rows,), "object"),
            outputs=self.outputs,
        )
        self._workers = Workers("onnx-native", requests, self._request, hang_s=options.hang_s)

    def trial(self) -> Feed | None:
        """One row of zeros, or None where a shape beyond the first axis is open."""
        if not self.batched:
            return None
        feed: Feed = {}
        for spec in self.inputs:
            sides = [side for side in spec.shape[1:] if side is not None]
            if len(sides) < len(spec.shape) - 1:
                return None
            feed[spec.name] = np.full((1, *sides), "" if spec.dtype == "object" else 0, spec.dtype)
        return feed

    def run(self, feed: Feed) -> Sequence[Array]:
        """The outputs of one inference.

        Raises:
            InvalidRequest: the runtime says that an argument is wrong.
            InferenceError: it failed.
        """
        try:
            return [np.asarray(output) for output in self._session.run(None, feed)]
        except self._client_faults as exc:
            raise InvalidRequest(f"the model cannot run these inputs: {exc}") from exc
        except Exception as exc:  # its exceptions share no base but this one
            raise InferenceError(f"ONNX Runtime failed: {exc}") from exc

    def _request(self, shape: Shape) -> _Request:
        return _Request(self, shape[0])


class _Request:
    """The feeds of one batch; each stands where the scheduler has put its row."""

    def __init__(self, engine: NativeEngine, rows: int) -> None:
        self.input: Any = np.full(rows, None, object)
        self._engine = engine

    def run(self) -> Sequence[Any]:
        """Run the tensors of the batch; the outputs as the file has them. Raises InferenceError."""
        slots = list(self.input)
        self.input[:] = None  # tensors of clients are not kept until the next batch
        given = [slot for slot in slots if isinstance(slot, dict)]
        if not given:  # all were cancelled at the last moment, or it is the scheduler's own trial
            trial = self._engine.trial()
            if trial is None:
                return []
            given = [trial]
        if len(slots) == 1:
            return self._engine.run(given[0])
        # An empty row belongs to a request that was cancelled: any row will do.
        feeds = [slot if isinstance(slot, dict) else given[0] for slot in slots]
        if any(array.shape != feeds[0][name].shape for f in feeds for name, array in f.items()):
            raise InferenceError("rows of different shapes cannot share an inference")
        return self._engine.run(
            {name: np.concatenate([f[name] for f in feeds]) for name in given[0]}
        )


def _spec(model: Path, value: Any) -> TensorSpec:
    dtype = TYPES.get(value.type)
    if dtype is None:
        raise ModelError(
            f"{model}: {value.name} is a {value.type}, which cannot be served; "
            f"tensors of {', '.join(sorted(set(TYPES.values())))} can"
        )
    dims = tuple(d if isinstance(d, int) and d >= 0 else None for d in value.shape)
    return TensorSpec(value.name, dims, dtype)
