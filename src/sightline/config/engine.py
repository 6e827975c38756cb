"""How a tensor runtime runs a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from sightline.config.options import Options
from sightline.config.paths import PathField

_DEVICES = frozenset(("AUTO", "CPU", "GPU", "CUDA", "NPU"))


def _device(value: object) -> object:
    """A kind, or a kind and a number; capitals of the known kinds do not matter."""
    bare = isinstance(value, int) and not isinstance(value, bool)
    if bare or (isinstance(value, str) and value.replace(",", "").isdecimal()):
        # Other libraries number their GPUs only.
        raise ValueError("a number alone is no device: the first GPU is cuda:0 (NVIDIA) or gpu:0")
    if not isinstance(value, str):
        return value
    kind, colon, number = value.partition(":")
    if colon and not (number.isascii() and number.isdecimal()):
        raise ValueError("behind the colon stands the device's number: cuda:0, cuda:1")
    return f"{kind.lower()}{colon}{number}" if kind.upper() in _DEVICES else value


Device = Annotated[str, BeforeValidator(_device)]
"""The kind of a device, which a number may follow: ``cpu``, ``cuda:1``."""


class EngineOptions(Options):
    """How a tensor runtime runs a model."""

    device: Device = Field(
        "auto", description="auto, cpu, gpu, cuda, npu; a number may follow: cuda:1"
    )
    precision: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="auto takes bf16 where the processor has it"
    )
    hint: Literal["throughput", "latency"] = Field(
        "throughput", description="many inferences side by side, or one as fast as can be"
    )
    requests: int = Field(0, ge=0, description="inferences in flight; 0: the runtime's optimum")
    threads: int = Field(0, ge=0, description="processor threads; 0: all cores")
    memory_limit_mb: int | None = Field(
        None, ge=64, description="of the GPU's memory arena; TensorRT: of an operator"
    )
    arena: bool = Field(True, description="ONNX Runtime keeps freed memory for the next inference")
    cudnn_search: Literal["exhaustive", "heuristic", "default"] = Field(
        "exhaustive", description="how cuDNN looks for its fastest convolutions (CUDA)"
    )
    graph_optimization: Literal["all", "extended", "basic", "off"] = Field(
        "all", description="how far ONNX Runtime rewrites the graph"
    )
    url: str | None = Field(
        None,
        description="of the backend `triton`: grpc://host:8001/model or http://host:8000/model",
    )
    hang_s: float = Field(60.0, gt=0, description="an inference that takes longer is given up")
    cache_dir: Annotated[Path | None, PathField("folder")] = Field(
        None, description="compiled models are kept here (OpenVINO, TensorRT)"
    )
