"""An ONNX model as TensorRT is given it: pixels in, in the precision that is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sightline.engines.graphs.half import to_half
from sightline.engines.graphs.onnx_fold import PIXELS, fold_input
from sightline.engines.tensorrt.options import BuildOptions, OptimizationProfile
from sightline.engines.tensorrt.symmetric import is_quantized, make_symmetric
from sightline.errors import ConfigError, ModelError
from sightline.types import Normalization

USUAL_BATCHES = (1, 1, 16)
"""Pictures in an inference where nothing says how many: the fewest, the usual number, the most."""

USUAL_SIDES = (32, 640, 1280)
"""Sides of an open input where nothing says which."""


@dataclass(frozen=True)
class BuildableGraph:
    """A graph whose input ``onnx_fold.PIXELS`` takes uint8 (N, H, W, 3).

    Args:
        content: the serialised model.
        name: what messages call it.
        shape: (N, H, W) of its input; open dimensions are None.
        quantized: it has QuantizeLinear and DequantizeLinear.
        strongly_typed: TensorRT keeps to the types in it.
        layers: the names of its nodes in order, for messages.
    """

    content: bytes
    name: str
    shape: tuple[int | None, ...]
    quantized: bool
    strongly_typed: bool
    layers: tuple[str, ...]

    def layer(self, name: str, number: int) -> str:
        """What a node is called: by its own name, or that of its first output; empty where neither is known."""
        return name or (self.layers[number] if 0 <= number < len(self.layers) else "")

    def profile(self, options: BuildOptions) -> OptimizationProfile:
        """The shapes that are built: those of the options, or usual ones for what the graph leaves open.

        Raises ConfigError: the options' profile does not fit what the graph fixes.
        """
        wanted = options.profile
        if wanted is None:
            ranges = (USUAL_BATCHES, USUAL_SIDES, USUAL_SIDES)
            sides = ((s,) * 3 if s else r for s, r in zip(self.shape, ranges, strict=True))
            return OptimizationProfile(*zip(*sides, strict=True))
        ends = zip(self.shape, wanted.minimum, wanted.maximum, strict=True)
        if any(fixed and (low, high) != (fixed, fixed) for fixed, low, high in ends):
            n, height, width = ("any" if side is None else side for side in self.shape)
            raise ConfigError(
                f"{self.name} takes {n} of {width}×{height}: a profile of {wanted} cannot be built"
            )
        return wanted


def buildable(
    model: Path | bytes, normalization: Normalization, options: BuildOptions, major: int, name: str
) -> BuildableGraph:
    """The graph for TensorRT ``major``; ``name`` is what messages call it.

    A quantised graph is made symmetric. A strongly typed network in FP16 needs a graph in FP16: it is converted, and normalises in FP32.

    Raises:
        ModelError: it is no ONNX model with one picture input, or it cannot be converted.
        ConfigError: it would have to be quantised, or weakly typed, and cannot be.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(str(model)) if isinstance(model, Path) else onnx.load_from_string(model)
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as exc:
        where = model if isinstance(model, Path) else name
        raise ModelError(f"{where} is no whole ONNX model: {exc}") from exc
    quantized = is_quantized(graph)
    if quantized:
        make_symmetric(graph)
    strong = _strongly_typed(options, major, quantized=quantized)
    if options.precision == "int8" and strong and not quantized:
        raise ConfigError(
            f"{name}: a strongly typed network (all that TensorRT 11 has) computes in INT8 only what the graph "
            "quantises: `sightline optimize MODEL --data SOURCE --variants int8` writes such a graph: build of that"
        )
    halved = strong and options.precision == "fp16" and not quantized
    folded = onnx.load_from_string(
        fold_input(to_half(graph) if halved else graph.SerializeToString(), normalization)
    )
    (pixels,) = [i for i in folded.graph.input if i.name == PIXELS]
    dims = pixels.type.tensor_type.shape.dim[:3]
    return BuildableGraph(
        folded.SerializeToString(),
        name,
        tuple(d.dim_value if d.HasField("dim_value") else None for d in dims),
        quantized,
        strong,
        tuple(node.name or next(iter(node.output), "") for node in folded.graph.node),
    )


def _strongly_typed(options: BuildOptions, major: int, *, quantized: bool) -> bool:
    if major < 11:
        return quantized if options.strongly_typed is None else options.strongly_typed
    if options.strongly_typed is False:
        raise ConfigError(f"TensorRT {major} has strongly typed networks only")
    return True
