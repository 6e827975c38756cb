"""What the operators of ONNX mean in PyTorch: those of the usual convolutional detectors.

Each follows onnx.ai/onnx/operators in every opset from 7 on, or refuses what it cannot do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx
import torch
from torch.nn import functional

from sightline.errors import ModelError

Value: TypeAlias = Any
"""What a node takes or gives: a tensor, an array of sizes, a list of them, or none."""

_LARGE = 2**31 - 1
"""From here on an end of a slice means: to the end."""


@dataclass(frozen=True)
class Node:
    """A node of a graph.

    Args:
        operator, layer: what it is, and what messages call it.
        attributes: by name.
        opset: of the graph: operators have changed.
        outputs: how many it has.
        fixed: sizes that depend on the input are plain numbers in a trace, which then runs at one size.
    """

    operator: str
    layer: str
    attributes: Mapping[str, Any]
    opset: int
    outputs: int
    fixed: bool

    def get(self, name: str, default: Value = None) -> Value:
        """An attribute."""
        return self.attributes.get(name, default)

    def refusal(self, what: str) -> ModelError:
        """The error for what PyTorch cannot do, or is not asked to."""
        return ModelError(
            f"{what} ({self.operator}, in the layer {self.layer}) cannot be turned into PyTorch's: export the "
            "program that the graph was made with"
        )

    def only(self, **values: Value) -> None:
        """Raise ModelError where an attribute is there and has another value."""
        for name, value in values.items():
            if self.attributes.get(name, value) != value:
                raise self.refusal(f"{name} {self.attributes[name]}")


Operator: TypeAlias = Callable[..., Value]
"""Runs a node: takes it and its inputs, gives its output, or a tuple of them."""


def _numbers(value: Value) -> list[float]:
    """Those in a tensor or an array of one axis or none, or in a list."""
    found = value.tolist() if hasattr(value, "tolist") else value
    return list(found) if isinstance(found, list | tuple) else [found]


def _ints(value: Value) -> list[int]:
    return [int(i) for i in _numbers(value)]


def _shape_of(n: Node, x: Value) -> list[Value]:
    """The sides of a tensor: numbers, or what a trace works out anew for each input."""
    return [int(side) for side in x.shape] if n.fixed else list(x.shape)


def _padding(n: Node, x: Value, kernel: Sequence[int]) -> list[int]:
    """Left, right, top, bottom."""
    if x.ndim != 4:
        raise n.refusal("something other than pictures")
    auto = n.get("auto_pad", b"NOTSET")
    if auto in (b"NOTSET", b"VALID"):
        top, left, bottom, right = n.get("pads", [0, 0, 0, 0]) if auto == b"NOTSET" else [0] * 4
        return [left, right, top, bottom]
    found: list[int] = []
    strides, dilations = n.get("strides", [1, 1]), n.get("dilations", [1, 1])
    for side, length, stride, dilation in reversed(
        [*zip(map(int, x.shape[2:]), kernel, strides, dilations, strict=True)]
    ):
        reach = (math.ceil(side / stride) - 1) * stride + (length - 1) * dilation + 1
        less, more = max(0, reach - side) // 2, math.ceil(max(0, reach - side) / 2)
        found += [less, more] if auto == b"SAME_UPPER" else [more, less]
    return found


def _conv(n: Node, x: Value, weight: Value, bias: Value = None) -> Value:
    left, right, top, bottom = pads = _padding(n, x, weight.shape[2:])
    if (left, top) != (right, bottom):
        x, left, top = functional.pad(x, pads), 0, 0
    stride, dilation = list(n.get("strides", [1, 1])), list(n.get("dilations", [1, 1]))
    return functional.conv2d(x, weight, bias, stride, [top, left], dilation, n.get("group", 1))


def _pool_options(n: Node, x: Value) -> dict[str, Value]:
    kernel = list(n.get("kernel_shape"))
    left, right, top, bottom = _padding(n, x, kernel)
    if (left, top) != (right, bottom):
        raise n.refusal("padding that differs between the sides")
    return {
        "kernel_size": kernel,
        "stride": list(n.get("strides", [1, 1])),
        "padding": [top, left],
        "ceil_mode": bool(n.get("ceil_mode", 0)),
    }


def _max_pool(n: Node, x: Value) -> Value:
    n.only(storage_order=0)
    if n.outputs > 1:
        raise n.refusal("the places of the largest values")
    dilation = list(n.get("dilations", [1, 1]))
    return functional.max_pool2d(x, dilation=dilation, **_pool_options(n, x))


def _average_pool(n: Node, x: Value) -> Value:
    n.only(dilations=[1, 1])
    counted = bool(n.get("count_include_pad", 0))
    return functional.avg_pool2d(x, count_include_pad=counted, **_pool_options(n, x))


def _slice(
    n: Node, x: Value, starts: Value = None, ends: Value = None, axes: Value = None, steps: Value = None
) -> Value:  # fmt: skip
    if n.opset < 10:
        starts, ends, axes = n.get("starts"), n.get("ends"), n.get("axes")
    begin, end = _ints(starts), _ints(ends)
    along = _ints(axes) if axes is not None else list(range(len(begin)))
    step = _ints(steps) if steps is not None else [1] * len(begin)
    index = [slice(None)] * x.ndim
    for axis, b, e, s in zip(along, begin, end, step, strict=True):
        if s < 0:
            places = torch.tensor(range(*slice(b, e, s).indices(int(x.shape[axis]))))
            x = x.index_select(axis, places.to(x.device))
        else:
            index[axis] = slice(b, e if e < _LARGE else None, s)
    return x[tuple(index)]


def _reshape(n: Node, x: Value, shape: Value) -> Value:
    n.only(allowzero=0)
    own = _shape_of(n, x)
    return x.reshape([own[i] if side == 0 else side for i, side in enumerate(_ints(shape))])


def _flatten(n: Node, x: Value) -> Value:
    axis = n.get("axis", 1)
    axis += x.ndim if axis < 0 else 0
    if axis == 0:
        return x.reshape(1, -1)
    behind = x.flatten(axis) if axis < x.ndim else x.unsqueeze(-1)
    return behind.flatten(0, axis - 1)


def _resize(n: Node, x: Value, *rest: Value) -> Value:
    scales, sizes = [*rest[1:], None][:2] if n.opset >= 11 else (rest[0], None)
    if sizes is not None:
        factors = [a / b for a, b in zip(_ints(sizes), map(int, x.shape), strict=True)]
    else:
        factors = [float(scale) for scale in _numbers(scales)]
    _check_nearest(n, factors)
    if sizes is not None:
        return functional.interpolate(x, size=_ints(sizes)[2:])
    if not n.fixed:
        return functional.interpolate(x, scale_factor=factors[2:])
    size = [
        int(side * factor) for side, factor in zip(_shape_of(n, x)[2:], factors[2:], strict=True)
    ]
    return functional.interpolate(x, size=size)


def _check_nearest(n: Node, factors: Sequence[float]) -> None:
    """PyTorch takes the pixel at floor(place / factor)."""
    n.only(mode=b"nearest", keep_aspect_ratio_policy=b"stretch", axes=[])
    places = n.get("coordinate_transformation_mode", b"half_pixel")
    rounded = n.get("nearest_mode", b"round_prefer_floor")
    if n.opset < 11:
        places, rounded = b"asymmetric", b"floor"
    # The pixel whose middle is nearest is the same one where each becomes several.
    middles = places in (b"half_pixel", b"pytorch_half_pixel") and rounded.startswith(b"round")
    repeated = all(factor == round(factor) for factor in factors)
    if not (places == b"asymmetric" and rounded == b"floor") and not (middles and repeated):
        raise n.refusal(f"a resize to the nearest by {places.decode()} and {rounded.decode()}")
    if len(factors) != 4 or factors[0] != 1 or factors[1] != 1:
        raise n.refusal("a resize of something other than a picture's sides")


def _split(n: Node, x: Value, sizes: Value = None) -> Value:
    axis = n.get("axis", 0)
    sizes = n.get("split") if sizes is None else _ints(sizes)
    if sizes is None:  # equal parts, of which the last may be smaller
        sizes = math.ceil(int(x.shape[axis]) / n.get("num_outputs", n.outputs))
    return tuple(x.split(list(sizes) if not isinstance(sizes, int) else sizes, axis))


def _constant(n: Node) -> Value:
    if "value" in n.attributes:
        return torch.from_numpy(np.array(onnx.numpy_helper.to_array(n.get("value"))))
    kinds = {
        "float": torch.float32,
        "floats": torch.float32,
        "int": torch.int64,
        "ints": torch.int64,
    }
    for name, kind in kinds.items():
        if f"value_{name}" in n.attributes:
            return torch.tensor(n.get(f"value_{name}"), dtype=kind)
    raise n.refusal("a constant that is no numbers")


def _filled(n: Node, shape: object) -> Value:
    value = n.get("value")
    filling = 0.0 if value is None else onnx.numpy_helper.to_array(value).item()
    return torch.full(_ints(shape), filling)


def _unsqueeze(n: Node, x: Value, axes: Value = None) -> Value:
    along = _ints(axes) if axes is not None else n.get("axes")
    rank = x.ndim + len(along)
    for axis in sorted(axis % rank for axis in along):
        x = x.unsqueeze(axis)
    return x


def _squeeze(n: Node, x: Value, axes: Value = None) -> Value:
    along = _ints(axes) if axes is not None else n.get("axes")
    return x.squeeze() if along is None else x.squeeze(tuple(along))


def _gather(n: Node, x: Value, indices: Value) -> Value:
    # In PyTorch all the way: NumPy's answer would be a constant in a trace.
    x, places = torch.as_tensor(x), torch.as_tensor(indices)
    axis = n.get("axis", 0) % x.ndim
    flat = places.reshape(-1).long().to(x.device)
    taken = x.index_select(axis, torch.where(flat < 0, flat + x.shape[axis], flat))
    return taken.reshape([*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]])


_WHOLE = {
    onnx.TensorProto.BOOL: torch.bool,
    onnx.TensorProto.INT8: torch.int8,
    onnx.TensorProto.INT16: torch.int16,
    onnx.TensorProto.INT32: torch.int32,
    onnx.TensorProto.INT64: torch.int64,
    onnx.TensorProto.UINT8: torch.uint8,
}
_FLOATS = {
    onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE, onnx.TensorProto.BFLOAT16
}  # fmt: skip


def _cast(n: Node, x: Value) -> Value:
    x, to = torch.as_tensor(x), n.get("to")
    if to in _WHOLE:
        return x.to(_WHOLE[to])
    if to not in _FLOATS:
        raise n.refusal(f"the type {onnx.TensorProto.DataType.Name(to)}")
    return x if x.is_floating_point() else x.float()  # floats keep the network's precision


def _arithmetic(operate: Callable[[Value, Value], Value]) -> Operator:
    """Constants that the graph holds in float32 follow the network's precision and device."""

    def run(_: Node, x: Value, y: Value) -> Value:
        x, y = torch.as_tensor(x), torch.as_tensor(y)
        if x.is_floating_point() and y.is_floating_point():
            main = x if x.ndim >= y.ndim else y
            x, y = x.to(main), y.to(main)
        return operate(x, y)

    return run


def _clip(n: Node, x: Value, least: Value = None, most: Value = None) -> Value:
    if n.opset < 11:
        least, most = n.get("min"), n.get("max")
    return x if least is None and most is None else x.clamp(least, most)


def _cumulative(n: Node, x: Value, axis: Value) -> Value:
    (along,) = _ints(axis)
    x = x.flip(along) if n.get("reverse", 0) else x
    found = x.cumsum(along) - x if n.get("exclusive", 0) else x.cumsum(along)
    return found.flip(along) if n.get("reverse", 0) else found


def _softmax(n: Node, x: Value) -> Value:
    if n.opset >= 13:
        return x.softmax(n.get("axis", -1))
    axis = n.get("axis", 1) % x.ndim  # over all axes from this one on
    return x.softmax(axis) if axis == x.ndim - 1 else x.flatten(axis).softmax(-1).reshape(x.shape)


def _gemm(n: Node, x: Value, y: Value, bias: Value = None) -> Value:
    x, y = (x.T if n.get("transA") else x), (y.T if n.get("transB") else y)
    found = n.get("alpha", 1.0) * (x @ y)
    return found if bias is None else found + n.get("beta", 1.0) * bias


def _normalized(
    n: Node, x: Value, scale: Value, shift: Value, mean: Value, variance: Value
) -> Value:
    n.only(training_mode=0, spatial=1)
    return functional.batch_norm(x, mean, variance, scale, shift, eps=n.get("epsilon", 1e-5))


def _reduction(reduce: Operator) -> Operator:
    """Over axes that are an attribute, or since opset 13 or 18 an input."""

    def run(n: Node, x: Value, axes: Value = None) -> Value:
        along = _ints(axes) if axes is not None else list(n.get("axes", range(x.ndim)))
        if axes is not None and not along and n.get("noop_with_empty_axes", 0):
            return x
        keep = bool(n.get("keepdims", 1))
        return reduce(x, dim=along or list(range(x.ndim)), keepdim=keep)

    return run


OPERATORS: dict[str, Operator] = {
    "Add": _arithmetic(torch.add),
    "AveragePool": _average_pool,
    "BatchNormalization": _normalized,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda n, *xs: torch.cat(
        [torch.as_tensor(x).to(torch.as_tensor(xs[0]).device) for x in xs], n.get("axis")
    ),
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Conv": _conv,
    "CumSum": _cumulative,
    "Div": _arithmetic(
        lambda x, y: x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")
    ),
    "Exp": lambda _, x: x.exp(),
    "Expand": lambda _, x, shape: x.expand(torch.broadcast_shapes(x.shape, _ints(shape))),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _, x: x.mean((2, 3), keepdim=True),
    "HardSigmoid": lambda n, x: (x * n.get("alpha", 0.2) + n.get("beta", 0.5)).clamp(0, 1),
    "HardSwish": lambda _, x: functional.hardswish(x),
    "Identity": lambda _, x: x,
    "LeakyRelu": lambda n, x: functional.leaky_relu(x, n.get("alpha", 0.01)),
    "MatMul": lambda _, x, y: x @ y,
    "MaxPool": _max_pool,
    "Mul": _arithmetic(torch.mul),
    "Range": lambda _, first, last, step: torch.arange(first.item(), last.item(), step.item()),
    "ReduceMax": _reduction(torch.amax),
    "ReduceMean": _reduction(torch.mean),
    "ReduceSum": _reduction(torch.sum),
    "Relu": lambda _, x: x.relu(),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": lambda n, x: torch.tensor(_shape_of(n, x)[n.get("start", 0) : n.get("end")]),
    "Sigmoid": lambda _, x: x.sigmoid(),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Squeeze": _squeeze,
    "Sub": _arithmetic(torch.sub),
    "Tanh": lambda _, x: x.tanh(),
    "Transpose": lambda n, x: x.permute(n.get("perm", list(range(x.ndim))[::-1])),
    "Unsqueeze": _unsqueeze,
}
"""By the names of ONNX."""
