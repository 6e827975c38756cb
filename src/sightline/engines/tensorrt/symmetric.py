"""Quantised ONNX graphs as TensorRT takes them: INT8 around zero, and biases in floats.

Others also quantise to uint8, or around another point than zero, which fits the values behind a ReLU better.
TensorRT's parser refuses both ("TRT only supports symmetric quantization").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sightline.types import Array

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

QUANTIZED = frozenset(("QuantizeLinear", "DequantizeLinear"))
_LARGEST = 127


def is_quantized(model: ModelProto) -> bool:
    """Whether a graph has QuantizeLinear or DequantizeLinear."""
    return any(node.op_type in QUANTIZED for node in model.graph.node)


def make_symmetric(model: ModelProto) -> None:
    """Change the quantisation of a graph, in place: the same ranges, widened until they are symmetric.

    A scale becomes that of the farther end of its range, so half a range that begins at zero is given away. Weights
    are rounded anew; what is not quantised by constants stays as it is, and the parser names it.

    Args:
        model: an ``onnx.ModelProto``.
    """
    import onnx

    helper = onnx.numpy_helper
    known = {entry.name: helper.to_array(entry) for entry in model.graph.initializer}
    added: dict[str, Array] = {}
    folded = []
    for node in model.graph.node:
        if node.op_type not in QUANTIZED or node.input[1] not in known:
            continue
        value, scale = known.get(node.input[0]), known[node.input[1]]
        zero = _zero(node, known, value)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        if value is not None and value.dtype == np.int32:  # a bias
            added[node.output[0]] = _dequantized(value, scale, zero, axis)
            folded.append(node)
            continue
        if zero.dtype == np.int8 and not zero.any() and len(node.input) == 3:
            continue
        ends = np.iinfo(zero.dtype)
        farther = np.maximum(ends.max - zero.astype(np.float32), zero.astype(np.float32) - ends.min)
        wider = (scale * farther / _LARGEST).astype(scale.dtype)
        if value is not None:
            floats = _dequantized(value, scale, zero, axis) / _along(wider, value.ndim, axis)
            added[f"{node.output[0]}.symmetric"] = np.clip(np.rint(floats), -128, 127).astype(
                np.int8
            )
            node.input[0] = f"{node.output[0]}.symmetric"
        both = ".".join(node.input[1:])  # a scale may stand with several zero points
        names = [f"{both}.symmetric.{key}" for key in ("scale", "zero")]
        added |= dict(zip(names, (wider, np.zeros(wider.shape, np.int8)), strict=True))
        del node.input[1:]
        node.input.extend(names)
    for node in folded:
        model.graph.node.remove(node)
    # What the graph notes of types along the way need not be true any more.
    between = {
        output for node in model.graph.node if node.op_type in QUANTIZED for output in node.output
    }
    for value_info in [v for v in model.graph.value_info if v.name in between]:
        model.graph.value_info.remove(value_info)
    model.graph.initializer.extend(helper.from_array(v, name) for name, v in added.items())


def _zero(node: NodeProto, known: dict[str, Any], value: Array | None) -> Array:
    """The zero point of a node; where it has none, 0 of the type that ONNX says."""
    scale = known[node.input[1]]
    if len(node.input) == 3 and node.input[2] in known:
        found: Array = known[node.input[2]]
        return found
    return np.zeros(scale.shape, np.uint8 if value is None else value.dtype)


def _along(values: Array, ndim: int, axis: int) -> Array:
    """Values for each channel, ready to be multiplied with an array whose channels are ``axis``."""
    if values.ndim == 0 or values.size == 1:
        return values.reshape(())
    shape = [1] * ndim
    shape[axis] = -1
    return values.reshape(shape)


def _dequantized(value: Array, scale: Array, zero: Array, axis: int) -> Array:
    floats = value.astype(np.float32) - _along(zero, value.ndim, axis).astype(np.float32)
    values: Array = (floats * _along(scale, value.ndim, axis)).astype(scale.dtype)
    return values
