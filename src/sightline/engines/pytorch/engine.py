"""PyTorch: TorchScript and exported programs, on the processor or on CUDA."""

from __future__ import annotations

import io
import logging
import os
import re
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sightline import interpreter
from sightline.config import EngineOptions
from sightline.engines.pytorch.archive import archive_kind
from sightline.engines.pytorch.cuda import CudaRequest, Outputs
from sightline.engines.requests import CUDA_REQUESTS, Shape, Workers, WorkersEngine
from sightline.errors import EngineError, EngineUnavailable, InferenceError, ModelError
from sightline.types import EngineInfo, Floats, Normalization, Pixels, TensorSpec

if TYPE_CHECKING:
    import torch as pytorch
    from torch import Tensor

log = logging.getLogger(__name__)
T = TypeVar("T")

ERROR = re.compile(r"[\w.]*Error: ")
PRECISIONS = {"cpu": ("fp32", "bf16"), "cuda": ("fp16", "bf16", "fp32")}
"""What each kind of device can do; the first is taken for ``auto``."""
PROBES = (64, 128, 224, 256, 320, 416, 512, 640)
"""Sides of the empty picture that tells the outputs of a model: TorchScript does not say them."""


class TorchEngine(WorkersEngine):
    """Runs TorchScript (``torch.jit.save``) or an exported program (``torch.export.save``).

    Checkpoints are refused: see ``torch_archive``. Weights and input lie channels last, so that the
    uint8 NHWC input becomes the network's without being moved. On CUDA every request has its own
    stream, pinned memory and CUDA graph for each shape: see ``torch_cuda``.

    Args:
        model: path of the file, or its bytes.
        normalization: computed in front of the network, in its precision.
        options: device (``auto`` is CUDA where there is one), precision (``auto`` is fp16 on CUDA
            and fp32 on the processor), requests, threads, memory limit (of all that PyTorch takes
            on that CUDA device, in this process).

    Raises:
        EngineUnavailable: PyTorch is not installed, or has no such device here.
        ModelError: it cannot read the model.
        EngineError: the device cannot do that precision.
    """

    def __init__(
        self,
        model: Path | bytes,
        normalization: Normalization,
        options: EngineOptions | None = None,
    ) -> None:
        try:
            import torch
        except ImportError as exc:
            raise EngineUnavailable.not_installed("PyTorch", "torch") from exc
        options = options or EngineOptions()
        self._torch: Any = torch
        self._device = _device(torch, options.device)
        self._precision = _precision(options.precision, self._device.type)
        self._dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[
            self._precision
        ]
        self._normalization = normalization
        requests, self._threads = _shares(options, self._device.type)
        if interpreter.forks():
            # OpenMP's threads are the parent's: a computation that wants them would never end.
            torch.set_num_threads(1)
            self._threads = 1
        if self._device.type == "cuda" and options.memory_limit_mb is not None:
            total = torch.cuda.get_device_properties(self._device).total_memory
            share = min(1.0, options.memory_limit_mb * 2**20 / total)
            torch.cuda.set_per_process_memory_fraction(share, self._device)
        self._network: Any
        self._network, shape = self._load(model)
        self._able: set[Shape] = set()
        self._trying = threading.Lock()
        name = str(model) if isinstance(model, Path) else "the model"
        self._info = EngineInfo(
            backend="torch",
            device=str(self._device),
            precision=self._precision,
            requests=requests,
            input=TensorSpec("pixels", shape, "uint8"),
            outputs=self._outputs(shape, name),
        )
        self._workers = Workers("torch", requests, self._request, hang_s=options.hang_s)

    def close(self) -> None:
        """See ``Engine.close``; the network's weights are freed."""
        super().close()
        self._network = None  # its weights need not wait until this object goes

    def _load(
        self, model: Path | bytes
    ) -> tuple[Callable[[Tensor], object], tuple[int | None, ...]]:
        """The network in its place and precision, and the input that it says it takes."""
        torch, kind = self._torch, archive_kind(model)
        file = str(model) if isinstance(model, Path) else io.BytesIO(model)
        shape: tuple[int | None, ...] = (None, None, None, 3)
        try:
            if kind == "torchscript":
                network = torch.jit.load(file, map_location=self._device).eval()
            else:
                from torch.export.passes import move_to_device_pass

                program = torch.export.load(file)
                shape = exported_input(program)
                program = move_to_device_pass(program, self._device)
                network = program.module()
            network = network.to(dtype=self._dtype).to(memory_format=torch.channels_last)
            if kind == "torchscript":
                network = torch.jit.freeze(network)
        except Exception as exc:  # its readers raise whatever comes along
            name = model if isinstance(model, Path) else "the model"
            raise ModelError(f"PyTorch cannot load {name}: {_telling_line(exc)}") from exc
        return network, shape

    def _outputs(self, shape: tuple[int | None, ...], name: str) -> tuple[TensorSpec, ...]:
        """The outputs that an empty picture gives, or none where the model runs with no probe.

        Only those of a fixed input have known sides.
        """
        fixed = None not in shape
        for side in PROBES:
            n, height, width = (
                own or asked for own, asked in zip(shape, (1, side, side), strict=False)
            )
            try:
                outputs = self._infer(self._prepared((n, height, width))())
            except Exception as exc:  # noqa: BLE001 - another size may do
                log.debug("%s does not run with %d×%d: %s", name, width, height, exc)
                continue
            return tuple(
                TensorSpec(key, tuple(o.shape) if fixed else (None,) * o.ndim) for key, o in outputs
            )
        log.warning("%s runs with no square picture of %s: its outputs are unknown", name, PROBES)
        return ()

    def _request(self, shape: Shape) -> Any:
        """Called in the worker that will use it: PyTorch keeps its number of threads by thread."""
        own = self._info.input.shape
        n, height, width = shape
        refusal = f"the model cannot take {n} pictures of {width}×{height}"
        if any(side not in {None, asked} for side, asked in zip(own, shape, strict=False)):
            raise ModelError(f"{refusal}: its input is {own}")
        if self._device.type == "cpu":
            self._torch.set_num_threads(self._threads)
        with self._trying:
            if shape not in self._able:
                try:
                    self._infer(self._prepared(shape)())
                except self._torch.OutOfMemoryError as exc:
                    raise InferenceError(f"{self._device}: {_telling_line(exc)}") from exc
                except Exception as exc:  # a network raises whatever it is written to raise
                    raise ModelError(f"{refusal}: {_telling_line(exc)}") from exc
                self._able.add(shape)
        if self._device.type == "cuda":
            return CudaRequest(
                self._torch,
                self._device,
                self._dtype,
                shape,
                self._normalize(),
                self._infer,
                self._trying,
            )
        return _CpuRequest(self._torch, self._prepared(shape), self._infer)

    def _prepared(self, shape: Shape) -> _Input:
        return _Input(self._torch, self._device, self._dtype, shape, self._normalize())

    def _normalize(self) -> Callable[[Tensor, Tensor], Tensor]:
        """``normalize(pixels, out)``: uint8 NCHW into floats of the same layout."""
        torch, norm = self._torch, self._normalization
        std = np.array(norm.std)
        factor, offset = norm.scale / std, -np.array(norm.mean) / std

        def constant(values: Any) -> Any:
            return torch.tensor(values, dtype=torch.float32, device=self._device).view(1, -1, 1, 1)

        scale = constant(factor) if np.any(factor != 1.0) else None
        shift = constant(offset) if np.any(offset != 0.0) else None
        return partial(_normalized, torch, scale, shift)

    def _infer(self, images: Tensor) -> Outputs:
        with self._torch.inference_mode():
            return named(self._network(images))


class _Input:
    """A request's input memory, and the floats that are made of it, both reused."""

    def __init__(
        self,
        torch: Any,
        device: pytorch.device,
        dtype: pytorch.dtype,
        shape: Shape,
        normalize: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        self.pixels = torch.zeros((*shape, 3), dtype=torch.uint8, device=device)
        # A view: NHWC memory seen as NCHW is what PyTorch calls channels last.
        self._images = self.pixels.permute(0, 3, 1, 2)
        self._floats = torch.empty_like(self._images, dtype=dtype)
        self._normalize = normalize

    def __call__(self) -> Any:
        return self._normalize(self._images, self._floats)


class _CpuRequest:
    """One worker's memory on the processor."""

    def __init__(self, torch: Any, prepared: _Input, infer: Callable[[Tensor], Outputs]) -> None:
        self.input: Pixels = prepared.pixels.numpy()
        self._torch, self._prepared, self._infer = torch, prepared, infer

    def run(self) -> Sequence[Floats]:
        """Run the batch in ``input``; the outputs as float32 arrays. Raises InferenceError."""
        try:
            outputs = self._infer(self._prepared())
            return [o.to(self._torch.float32).numpy() for _, o in outputs]
        except Exception as exc:  # a network raises whatever it is written to raise
            raise InferenceError(f"PyTorch failed: {_telling_line(exc)}") from exc


def _normalized(torch: Any, scale: Tensor, shift: Tensor, images: Tensor, out: Tensor) -> Tensor:
    """``images * scale + shift`` in ``out``: a pass for each of them that there is."""
    with torch.inference_mode():
        if scale is None:
            out.copy_(images)
        else:
            torch.mul(images, scale, out=out)
        return out if shift is None else out.add_(shift)


def named(outputs: Any, name: str = "output") -> Outputs:
    """A network's tensors in order: one, a list or tuple of them, a dict, or these in each other.

    Raises:
        TypeError: it answers with something else.
    """
    if isinstance(outputs, dict):
        return [pair for key, value in outputs.items() for pair in named(value, str(key))]
    if isinstance(outputs, list | tuple):
        pairs = [named(value, f"{name}{i}") for i, value in enumerate(outputs)]
        return [pair for some in pairs for pair in some]
    if not hasattr(outputs, "ndim"):
        raise TypeError(f"the model answers with {type(outputs).__name__}, not with tensors")
    return [(name, outputs)]


def exported_input(program: Any) -> tuple[int | None, ...]:
    """(N, H, W, 3) that an exported program takes; open dimensions are None. Raises ValueError: it takes something else."""
    wanted = program.graph_signature.user_inputs
    shapes = [n.meta["val"].shape for n in program.graph.nodes if n.name in wanted]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1] != 3:
        raise ValueError(
            f"its inputs are {[tuple(s) for s in shapes]}, and one of (N, 3, height, width) is needed"
        )
    n, _, height, width = (d if isinstance(d, int) else None for d in shapes[0])
    return (n, height, width, 3)


def _device(torch: Any, wanted: str) -> pytorch.device:
    kind, _, number = wanted.partition(":")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "auto":
        kind = "cuda" if count else "cpu"
    if kind == "cpu":
        return torch.device("cpu")
    here = ", ".join(["cpu", *(f"cuda:{i}" for i in range(count))])
    if kind not in {"cuda", "gpu"} or int(number or 0) >= count:
        raise EngineUnavailable(f"PyTorch has no device {wanted!r} here; it has {here}")
    return torch.device("cuda", int(number or 0))


def _precision(wanted: str, kind: str) -> str:
    able = PRECISIONS[kind]
    if wanted == "auto":
        return able[0]
    if wanted not in able:
        raise EngineError(f"PyTorch on {kind} runs {', '.join(able)} here, not {wanted}")
    return wanted


def _shares(options: EngineOptions, kind: str) -> tuple[int, int]:
    """Requests in flight, and processor threads for each."""
    if kind == "cuda":
        return options.requests or CUDA_REQUESTS[options.hint], 1
    cores = options.threads or len(os.sched_getaffinity(0))
    requests = options.requests or (cores if options.hint == "throughput" else 1)
    return requests, max(1, cores // requests)


def _telling_line(exc: BaseException) -> str:
    """PyTorch's message; TorchScript puts it behind its tracebacks, at the end."""
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    telling = [line for line in lines if ERROR.match(line)]
    return telling[-1] if telling else (lines or [type(exc).__name__])[0]
