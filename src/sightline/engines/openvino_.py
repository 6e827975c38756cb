"""OpenVINO on Intel processors, GPUs and NPUs."""

from __future__ import annotations

import os
import platform
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sightline import interpreter
from sightline.config import EngineOptions
from sightline.engines.graphs.foreign_operators import remedy
from sightline.engines.graphs.openvino_inputs import dims, port_name, take_one_picture
from sightline.engines.graphs.openvino_stem import channels_last
from sightline.engines.requests import KEPT_SHAPES, Shape, Workers, WorkersEngine, as_floats
from sightline.errors import EngineError, EngineUnavailable, InferenceError, ModelError, SinkError
from sightline.types import EngineInfo, Floats, Normalization, Pixels, TensorSpec
from sightline.whole_files import sink_error

T = TypeVar("T")

PRECISIONS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}
CAPABILITIES = {"fp32": "FP32", "fp16": "FP16", "bf16": "BF16"}


class OpenVinoEngine(WorkersEngine):
    """Runs an ONNX or IR model; one compiled network per input shape, made when it first comes.

    Static shapes run about 7 % faster than dynamic ones on a processor (benchmarks/engines.py), and the
    streams of an installation have few sizes.

    Args:
        model: path of an ``.onnx`` or ``.xml`` file, or the bytes of an ONNX model.
        normalization: folded into the graph.
        options: device, precision, hint, threads, requests, cache folder.

    Raises:
        EngineUnavailable: OpenVINO is not installed, or has no such device here.
        ModelError: it cannot read the model.
        EngineError: the device cannot do that precision.
    """

    def __init__(
        self,
        model: Path | bytes,
        normalization: Normalization,
        options: EngineOptions | None = None,
    ) -> None:
        self._ov = _runtime()
        self._core = shared_core()
        self._options = options or EngineOptions()
        self._normalization = normalization
        self._device = _device(self._options.device, self._core.available_devices)
        self._is_x86 = self._device == "CPU" and platform.machine() in {"x86_64", "AMD64"}
        self._precision = self._pick_precision()
        try:
            # The bytes are kept: compiling reshapes a model of its own each time.
            read = self._core.read_model(str(model) if isinstance(model, Path) else model)
            self._model = take_one_picture(read, self._ov)
        except RuntimeError as exc:
            name = model if isinstance(model, Path) else "the model"
            said = first_line(exc)
            raise ModelError(f"OpenVINO cannot read {name}: {said}{remedy(said)}") from exc
        self._compiled: OrderedDict[Shape, Any] = OrderedDict()
        self._compiling = threading.Lock()
        self._info = self._describe()
        self._workers = Workers(
            "openvino", self._info.requests, self._request, hang_s=self._options.hang_s
        )

    def close(self) -> None:
        """See ``Engine.close``; compiled networks and weights are freed."""
        super().close()
        self._compiled.clear()
        self._model = None  # its weights need not wait until this object goes

    def _request(self, shape: Shape) -> _Request:
        compiled = self._compile(shape)
        return _Request(compiled, shape, self._ov)

    def _compile(self, shape: Shape) -> Any:
        with self._compiling:
            compiled = self._compiled.get(shape)
            if compiled is None:
                compiled = self._compiled[shape] = self._build(shape)
                if len(self._compiled) > KEPT_SHAPES:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end(shape)
            return compiled

    def _build(self, shape: Shape) -> Any:
        """A network for one input shape, taking uint8 NHWC."""
        n, height, width = shape
        model = self._model.clone()
        try:
            model.reshape([n, 3, height, width])
            return self._core.compile_model(self._prepared(model), self._device, self._properties())
        except RuntimeError as exc:
            raise ModelError(
                f"the model cannot take {n} pictures of {width}×{height}: {first_line(exc)}"
            ) from exc

    def _prepared(self, model: Any) -> Any:
        """The model with cast, normalisation and, where it needs that, transposition put in front."""
        norm = self._normalization
        # A mean stays in front: the zeros of the first convolution's padding come after it.
        factors = None if any(norm.mean) else [norm.scale / s for s in norm.std]
        wide = channels_last(model, self._ov, factors or [1.0] * 3) if self._is_x86 else None
        prepare = self._ov.preprocess.PrePostProcessor(wide or model)
        layout = self._ov.Layout
        prepare.input().tensor().set_element_type(self._ov.Type.u8).set_layout(layout("NHWC"))
        prepare.input().model().set_layout(layout("NHWC" if wide else "NCHW"))
        steps = prepare.input().preprocess().convert_element_type(self._ov.Type.f32)
        if not (wide and factors):
            _normalise(steps, norm)
        for i in range(len(model.outputs)):
            prepare.output(i).tensor().set_element_type(self._ov.Type.f32)
        return prepare.build()

    def _properties(self) -> dict[str, object]:
        options = self._options
        properties: dict[str, object] = {
            "PERFORMANCE_HINT": options.hint.upper(),
            "INFERENCE_PRECISION_HINT": PRECISIONS[self._precision],
        }
        if options.threads:
            properties["INFERENCE_NUM_THREADS"] = options.threads
        if options.cache_dir is not None:
            properties["CACHE_DIR"] = str(options.cache_dir)
        return properties

    def _pick_precision(self) -> str:
        able = precisions(self._core, self._device)
        wanted = self._options.precision
        if wanted == "auto":
            if self._device.startswith("CPU"):
                return "bf16" if "bf16" in able else "fp32"
            return "fp16" if "fp16" in able else "fp32"
        if wanted not in able:
            raise EngineError(
                f"{self._device} here cannot run {wanted}; it can run {', '.join(able)}"
            )
        return str(wanted)

    def _describe(self) -> EngineInfo:
        model = self._model
        n, _, height, width = dims(model.inputs[0])
        streams = self._options.requests or self._optimal_requests()
        return EngineInfo(
            backend="openvino",
            device=self._device,
            precision=self._precision,
            requests=streams,
            input=TensorSpec(port_name(model.inputs[0]), (n, height, width, 3), "uint8"),
            outputs=tuple(TensorSpec(port_name(o), dims(o)) for o in model.outputs),
        )

    def _optimal_requests(self) -> int:
        """Twice the streams of this device: while one half runs, the other is filled and read."""
        if self._options.hint == "latency":
            return 2
        if not self._device.startswith("CPU"):
            return 8
        threads = self._options.threads or len(os.sched_getaffinity(0))
        return min(16, 2 * threads)


def _normalise(steps: Any, norm: Normalization) -> None:
    """Add what makes floats of pixels: scale, mean and standard deviation."""
    if norm.scale != 1.0:
        steps.scale(1.0 / norm.scale)
    if any(norm.mean):
        steps.mean(list(norm.mean))
    if any(s != 1.0 for s in norm.std):
        steps.scale(list(norm.std))


def _runtime() -> Any:
    try:
        import openvino
    except ImportError as exc:
        raise EngineUnavailable.not_installed("OpenVINO", "openvino") from exc
    return openvino


def shared_core() -> Any:
    """The process's one ``openvino.Core``, which is never freed. A forked child has its own.

    Its processor plugin gives the thread that loads it a stack for signal handlers (AMX registers do
    not fit the usual one), and frees that stack with the core, in whichever thread the last reference
    happens to go. The first thread would then run its next handler, Ctrl-C's, on freed memory.

    Raises EngineUnavailable where OpenVINO is not installed.
    """
    return _core(interpreter.forks())


@cache
def _core(_forks: int) -> Any:
    core = _runtime().Core()
    interpreter.abandon(core)
    return core


def precisions(core: Any, device: str) -> list[str]:
    """The precisions that a device of an ``openvino.Core`` computes in."""
    has = set(core.get_property(device, "OPTIMIZATION_CAPABILITIES"))
    return [p for p, name in CAPABILITIES.items() if name in has]


def save_ir(model: Path | bytes | object, path: Path, *, fp16: bool = True) -> None:
    """Write an ONNX model, or an ``openvino.Model``, as OpenVINO IR: ``path`` .xml and a .bin beside
    it, weights in FP16.

    Raises:
        EngineUnavailable: OpenVINO is not installed.
        ModelError: the model cannot be read, or not be converted.
        SinkError: the file cannot be written.
    """
    openvino, core = _runtime(), shared_core()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(model, Path | bytes):
            model = core.read_model(str(model) if isinstance(model, Path) else model)
        openvino.save_model(model, str(path), compress_to_fp16=fp16)
    except OSError as exc:
        raise sink_error(path, exc) from exc
    except RuntimeError as exc:
        if "iostream error" in str(exc):  # all that a C++ stream tells of a write that failed
            raise SinkError(
                f"cannot write {path}: not all of it could be written: is the disk full?"
            ) from exc
        raise ModelError(f"cannot convert to {path}: {first_line(exc)}") from exc


class _Request:
    """One infer request; its input, and its outputs where their shapes are known, stay in place."""

    def __init__(self, compiled: Any, shape: Shape, ov: Any) -> None:
        self._request = compiled.create_infer_request()
        self._request.set_input_tensor(ov.Tensor(ov.Type.u8, ov.Shape([*shape, 3])))
        self.input: Pixels = self._request.get_input_tensor().data
        self._count = len(compiled.outputs)
        self._outputs: list[Floats] | None = None
        if all(port.partial_shape.is_static for port in compiled.outputs):
            tensors = [ov.Tensor(ov.Type.f32, port.shape) for port in compiled.outputs]
            for i, tensor in enumerate(tensors):
                self._request.set_output_tensor(i, tensor)
            self._outputs = as_floats([tensor.data for tensor in tensors])

    def run(self) -> Sequence[Floats]:
        """Run the batch in ``input``; the outputs as float32 arrays. Raises InferenceError."""
        try:
            self._request.start_async()
            self._request.wait()
        except RuntimeError as exc:
            raise InferenceError(f"OpenVINO failed: {first_line(exc)}") from exc
        if self._outputs is not None:
            return self._outputs
        return as_floats([self._request.get_output_tensor(i).data for i in range(self._count)])


def _device(wanted: str, available: Sequence[str]) -> str:
    """OpenVINO's name for a device: ``cpu``, ``gpu:1``, ``npu``; auto is the processor."""
    name = "CPU" if wanted == "auto" else wanted.upper().replace(":", ".")
    if name not in available and not any(a.startswith(f"{name}.") for a in available):
        raise EngineUnavailable(
            f"OpenVINO has no device {wanted!r} here; it has {', '.join(available)}"
        )
    return name


_UNCONVERTED = ("-- Conversion is failed for: ", "-- No conversion rule found for operations: ")
"""What the lines of OpenVINO's report begin with that name the operators."""


def first_line(exc: BaseException) -> str:
    """The first line of OpenVINO's message that says something; the rest are source locations."""
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    for line in lines:
        if line.startswith(_UNCONVERTED):
            return f"it cannot convert {line.rpartition(': ')[2]}"
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (telling or lines or [type(exc).__name__])[0]
