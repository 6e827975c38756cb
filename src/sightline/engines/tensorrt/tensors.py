"""The input and outputs of an engine of TensorRT, as far as they are understood here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.engines.tensorrt.options import OptimizationProfile
from sightline.errors import ModelError
from sightline.types import TensorSpec


@dataclass(frozen=True)
class PlanTensors:
    """What goes into an engine, and what comes out.

    Args:
        input: name of its one input.
        dtype: of the input: uint8 (N, H, W, 3), or floats (N, 3, H, W).
        profiles: the shapes (N, H, W) that it takes.
        outputs: names and shapes; open dimensions are None.
        dtypes: of the outputs.
    """

    input: str
    dtype: np.dtype[Any]
    profiles: tuple[OptimizationProfile, ...]
    outputs: tuple[TensorSpec, ...]
    dtypes: tuple[np.dtype[Any], ...]

    @property
    def takes_pixels(self) -> bool:
        """Whether pixels go in as they are."""
        return self.dtype == np.uint8

    @property
    def shape(self) -> tuple[int | None, ...]:
        """(N, H, W, 3) of all profiles together; open dimensions are None."""
        first, *others = [profile.open for profile in self.profiles]
        sides = [
            side if all(other[i] == side for other in others) else None
            for i, side in enumerate(first)
        ]
        return (*sides, 3)

    @property
    def precision(self) -> str:
        """The precision that is reported where the engine does not tell its own."""
        return {"float16": "fp16", "float32": "fp32"}.get(self.dtype.name, "native")


def plan_tensors(trt: Any, engine: Any, name: str) -> PlanTensors:
    """The tensors of a ``tensorrt.ICudaEngine``. Raises ModelError: they are not those of a vision model."""
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    inputs = [n for n in names if engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
    outputs = [n for n in names if n not in inputs]
    told = ", ".join(f"{n} {tuple(engine.get_tensor_shape(n))}" for n in inputs)
    wrong = (
        f"{name}: its inputs are {told}, and one of uint8 (N, height, width, 3) or of floats "
        "(N, 3, height, width) is needed"
    )
    if len(inputs) != 1:
        raise ModelError(wrong)
    (pixels,) = inputs
    dtype, shape = _dtype(trt, engine, pixels, name), tuple(engine.get_tensor_shape(pixels))
    last = dtype == np.uint8
    if (
        len(shape) != 4
        or dtype not in {np.dtype(t) for t in (np.uint8, np.float16, np.float32)}
        or shape[3 if last else 1] != 3
    ):
        raise ModelError(wrong)
    return PlanTensors(
        pixels,
        dtype,
        tuple(
            _profile(engine.get_tensor_profile_shape(pixels, i), last=last)
            for i in range(engine.num_optimization_profiles)
        ),
        tuple(
            TensorSpec(n, tuple(d if d >= 0 else None for d in engine.get_tensor_shape(n)))
            for n in outputs
        ),
        tuple(_dtype(trt, engine, n, name) for n in outputs),
    )


def _profile(shapes: Any, *, last: bool) -> OptimizationProfile:
    """(N, H, W) of the smallest, the usual and the largest input."""
    sides = (0, 1, 2) if last else (0, 2, 3)
    low, usual, high = (tuple(int(tuple(shape)[i]) for i in sides) for shape in shapes)
    return OptimizationProfile(low, usual, high)  # type: ignore[arg-type]


def _dtype(trt: Any, engine: Any, tensor: str, name: str) -> np.dtype[Any]:
    """NumPy's type of a tensor. Raises ModelError: NumPy has none, or its elements lie in blocks."""
    kind = engine.get_tensor_dtype(tensor)
    if engine.get_tensor_format(tensor) != trt.TensorFormat.LINEAR:
        raise ModelError(
            f"{name}: {tensor} is laid out as {engine.get_tensor_format_desc(tensor)}: build the engine without "
            "formats of its inputs and outputs"
        )
    try:
        found: np.dtype[Any] = np.dtype(trt.nptype(kind))
    except TypeError as exc:
        raise ModelError(
            f"{name}: {tensor} is of {kind}: build the engine with inputs and outputs of FP32"
        ) from exc
    return found
