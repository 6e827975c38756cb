"""Which tensor runtime runs a model, and whether it is here."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path

from sightline.config import EngineOptions
from sightline.errors import EngineUnavailable
from sightline.models.file import TORCH_SUFFIXES
from sightline.plan_file import PLAN_SUFFIXES

ONLY_RUNTIME = {
    ".xml": "openvino",
    **dict.fromkeys(TORCH_SUFFIXES, "torch"),
    **dict.fromkeys(PLAN_SUFFIXES, "tensorrt"),
}
"""Runtimes of the files that only one can read."""


def runs_here(backend: str) -> bool:
    """Whether a runtime is installed and, where it needs a device of its own, has one."""
    if backend != "tensorrt":
        return importlib.util.find_spec(backend) is not None
    from sightline.engines.tensorrt.cuda import CudaDevice
    from sightline.engines.tensorrt.library import tensorrt_library

    try:
        tensorrt_library()
        CudaDevice()
    except EngineUnavailable:
        return False
    return True


def pick_backend(backend: str, options: EngineOptions, *, stills: bool, model: Path | bytes) -> str:
    """The runtime for ``auto``: OpenVINO where it is installed and fast, else ONNX Runtime.

    For a few still pictures ONNX Runtime is taken: it is ready several times sooner, and no speed
    per picture makes up for that.
    """
    if backend != "auto":
        return backend
    if options.url is not None:
        return "triton"
    only = ONLY_RUNTIME.get(model.suffix.lower()) if isinstance(model, Path) else None
    if only is not None:
        return only
    if options.device.startswith("cuda"):
        return "onnxruntime"
    intel_like = platform.machine().lower() in {"x86_64", "amd64", "i386"}
    has = {name for name in ("openvino", "onnxruntime") if importlib.util.find_spec(name)}
    wants_openvino = options.device.startswith(("gpu", "npu")) or options.precision in {
        "bf16",
        "fp16",
    }
    if "openvino" in has and (wants_openvino or (intel_like and not stills)):
        return "openvino"
    return "onnxruntime" if "onnxruntime" in has or "openvino" not in has else "openvino"
