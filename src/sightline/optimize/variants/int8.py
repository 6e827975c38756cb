"""Graphs whose layers compute in INT8, and the same with some of their layers in floats again.

The scales come from NNCF's calibration (post-training quantisation: symmetric weights with a scale for each
channel, and fast bias correction). The result is ONNX with pairs of QuantizeLinear and DequantizeLinear, which
ONNX Runtime and OpenVINO read, and TensorRT once ``engines.tensorrt.symmetric`` has widened its ranges.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from sightline.errors import ConfigError, ModelError, SightlineError
from sightline.optimize.variants.entropy import quantized_by_entropy
from sightline.optimize.variants.graphs import drop_unused_weights
from sightline.temporary_files import temporary_folder
from sightline.types import Floats

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Ranges: TypeAlias = Literal["mean-minmax", "minmax", "percentile", "entropy"]
"""How the range of a layer's values follows from what it was in each picture."""

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
FEWEST_WEIGHTS = 64
"""A convolution of fewer weights is arithmetic, such as the mean of a distribution over distances (DFL)."""

_PERCENTILE = 0.9999


class QuantizedGraph:
    """A model in INT8, beside the one in floats that it was made of.

    Args:
        floats: an ``onnx.ModelProto`` as ``prepared`` makes it.
        quantized: the same with QuantizeLinear and DequantizeLinear; nodes have the same names.
    """

    def __init__(self, floats: Any, quantized: Any) -> None:
        self.floats = floats
        self.quantized = quantized
        self._own = {node.name: node for node in floats.graph.node}
        dequantized = {
            node.output[0] for node in quantized.graph.node if node.op_type == "DequantizeLinear"
        }
        self.layers: tuple[str, ...] = tuple(
            node.name
            for node in quantized.graph.node
            if node.name in self._own and dequantized & set(node.input)
        )
        """Names of the nodes that compute in INT8, in the graph's order."""

    def operator(self, layer: str) -> str:
        """What a layer does: Conv, Add …"""
        return str(self._own[layer].op_type)

    def reading_concatenations(self) -> tuple[str, ...]:
        """Names of the layers with weights that read a Concat, in INT8."""
        joined = {node.output[0] for node in self.floats.graph.node if node.op_type == "Concat"}
        return tuple(
            layer
            for layer in self.layers
            if self._own[layer].op_type in WEIGHTED and joined & set(self._own[layer].input)
        )

    def with_floats(self, layers: Sequence[str]) -> Any:
        """The quantised ``onnx.ModelProto`` with these layers in floats, as they were before."""
        import onnx

        if not layers:
            return self.quantized
        model = onnx.ModelProto()
        model.CopyFrom(self.quantized)
        there = {entry.name for entry in model.graph.initializer}
        before = {entry.name: entry for entry in self.floats.graph.initializer}
        wanted = set(layers)
        for node in model.graph.node:
            if node.name not in wanted:
                continue
            own = self._own[node.name]
            del node.input[:]
            for name in own.input:
                if name not in before:
                    node.input.append(name)
                    continue
                # Weights that bias correction changed have the same name in both graphs.
                restored = f"{name}.float"
                if restored not in there:
                    there.add(restored)
                    entry = model.graph.initializer.add()
                    entry.CopyFrom(before[name])
                    entry.name = restored
                node.input.append(restored)
        _drop_unread(model)
        drop_unused_weights(model)
        return model


def quantized(
    model: ModelProto,
    pictures: Callable[[], Iterator[Floats]],
    count: int,
    *,
    ranges: Ranges = "mean-minmax",
    corrected: bool = True,
) -> QuantizedGraph:
    """A model in INT8, with scales from what its layers' values are for some pictures.

    What stands behind the last layer with weights (boxes made of distances, scores made of logits) stays
    in floats: it costs next to nothing, and one scale for boxes in pixels and scores up to 1 leaves no scores.

    Args:
        model: an ``onnx.ModelProto`` as ``prepared`` makes it, with one input.
        pictures: begins anew to give the model's own input (1, 3, H, W) for each picture.
        count: how many there are.
        ranges: how the range of a layer follows from its ranges in single pictures.
        corrected: biases make up for what rounding shifts; a network that was taught to compute with rounded
            numbers has done that itself.

    Raises:
        ConfigError: NNCF is not installed.
        ModelError: NNCF cannot quantise the graph.
    """
    kept = sorted(arithmetic(model))
    if ranges == "entropy":
        return QuantizedGraph(model, quantized_by_entropy(model, pictures(), kept))
    nncf = _nncf()
    name = model.graph.input[0].name
    with contextlib.redirect_stdout(io.StringIO()):  # its bars are not the command's results
        try:
            made = nncf.quantize(
                model,
                nncf.Dataset(_Repeatable(pictures), lambda picture: {name: picture}),
                subset_size=count,
                preset=nncf.QuantizationPreset.MIXED,
                ignored_scope=nncf.IgnoredScope(names=kept, validate=False),
                advanced_parameters=_parameters(nncf, ranges, corrected=corrected),
            )
        except SightlineError:  # raised while reading the pictures
            raise
        except Exception as exc:  # whatever it stumbles over in a graph
            raise ModelError(
                f"NNCF cannot quantise the model: {type(exc).__name__}: {exc}"
            ) from exc
    return QuantizedGraph(model, made)


def quantized_weights(model: ModelProto) -> bytes:
    """The serialised model with weights in INT8, and scales of layers' values found while it runs.

    The work is ONNX Runtime's. Only matrix products become faster by it: it is for transformers.

    Raises ModelError: the graph has none.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    if not any(node.op_type in {"MatMul", "Gemm"} for node in model.graph.node):
        raise ModelError("no layer is a matrix product, and only those are quantised while running")
    with temporary_folder() as folder:
        path = folder / "int8.onnx"
        try:
            quantize_dynamic(
                model, path, op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8
            )
        except Exception as exc:  # whatever it stumbles over in a graph
            raise ModelError(
                f"ONNX Runtime cannot quantise the model: {type(exc).__name__}: {exc}"
            ) from exc
        return path.read_bytes()


def arithmetic(model: ModelProto) -> set[str]:
    """Names of the nodes behind the last layers with weights: no such layer comes after them."""
    sizes = _sizes(model)
    reaches: set[str] = set()  # tensors that a layer with weights comes of
    behind: set[str] = set()
    for node in reversed(model.graph.node):
        if _weights(node, sizes) >= FEWEST_WEIGHTS or reaches & set(node.output):
            reaches |= set(node.input)
        if not reaches & set(node.output) and _weights(node, sizes) < FEWEST_WEIGHTS:
            behind.add(node.name)
    return behind


def _sizes(model: ModelProto) -> dict[str, int]:
    return {entry.name: int(np.prod(entry.dims)) for entry in model.graph.initializer}


def _weights(node: NodeProto, sizes: dict[str, int]) -> int:
    return sum(sizes.get(name, 0) for name in node.input) if node.op_type in WEIGHTED else 0


class _Repeatable:
    """Pictures that can be gone through several times."""

    def __init__(self, pictures: Callable[[], Iterator[Floats]]) -> None:
        self._pictures = pictures

    def __iter__(self) -> Iterator[Floats]:
        return self._pictures()


def _nncf() -> Any:
    # Unless told that it is in a CI run, it reports its use to a server when it is imported.
    os.environ.setdefault("NNCF_CI", "1")
    try:
        import nncf
    except ImportError as exc:
        raise ConfigError("INT8 needs NNCF: pip install 'sightline[optimize]'") from exc
    # Its own function for this would set the level of the root logger's handlers too: of everybody's.
    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf


def _parameters(nncf: Any, ranges: Ranges, *, corrected: bool) -> Any:
    from nncf.quantization.range_estimator import (
        AggregatorType,
        RangeEstimatorParameters,
        StatisticsCollectorParameters,
        StatisticsType,
    )

    if ranges == "mean-minmax":
        return nncf.AdvancedQuantizationParameters(disable_bias_correction=not corrected)
    if ranges == "minmax":
        kinds, outlier = (StatisticsType.MIN, StatisticsType.MAX), {}
        joined = (AggregatorType.MIN, AggregatorType.MAX)
    else:
        kinds = (StatisticsType.QUANTILE, StatisticsType.QUANTILE)
        outlier = {"quantile_outlier_prob": 1 - _PERCENTILE}
        joined = (AggregatorType.MEAN, AggregatorType.MEAN)
    low, high = (
        StatisticsCollectorParameters(statistics_type=kind, aggregator_type=how, **outlier)
        for kind, how in zip(kinds, joined, strict=True)
    )
    return nncf.AdvancedQuantizationParameters(
        disable_bias_correction=not corrected,
        activations_range_estimator_params=RangeEstimatorParameters(low, high),
    )


def _drop_unread(model: ModelProto) -> None:
    """Remove nodes whose outputs nobody reads, from the end to the beginning."""
    read = {output.name for output in model.graph.output}
    read |= {name for node in model.graph.node for name in node.input}
    while unread := [n for n in model.graph.node if not read & set(n.output)]:
        for node in unread:
            model.graph.node.remove(node)
        read = {output.name for output in model.graph.output}
        read |= {name for node in model.graph.node for name in node.input}
