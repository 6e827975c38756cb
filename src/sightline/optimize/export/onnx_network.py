"""An ONNX graph as a PyTorch module, for formats that are made of PyTorch's programs.

It knows the operators of the usual convolutional detectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import torch
from torch.nn import functional

from sightline.errors import ModelError

Value: TypeAlias = Any
"""What a node takes or gives: a tensor, an array of sizes, a list of them, or none."""

Attributes: TypeAlias = Mapping[str, Any]
"""The attributes of a node, by name."""

Operator: TypeAlias = Callable[..., Value]
"""Runs a node: takes its attributes and inputs, gives its output, or a tuple of them."""


class OnnxNetwork(torch.nn.Module):  # type: ignore[misc]  # torch is seen as untyped
    """Runs the nodes of a model one after another; takes (N, 3, H, W), answers with its outputs.

    Args:
        model: an ONNX file, its bytes, or an ``onnx.ModelProto``.
        fixed: sizes that depend on the input are plain numbers in a trace, which then runs at one size.

    Raises ModelError: it has an operator that is not known here; it is named, with its layer.
    """

    def __init__(self, model: Path | bytes | onnx.ModelProto, *, fixed: bool = False) -> None:
        super().__init__()
        if isinstance(model, bytes):
            model = onnx.load_from_string(model)
        graph = (onnx.load(str(model)) if isinstance(model, Path) else model).graph
        self._names: dict[str, str] = {}
        self._sizes: dict[str, Value] = {}  # whole numbers stay outside: they are no weights
        for i, weight in enumerate(graph.initializer):
            value = onnx.numpy_helper.to_array(weight).copy()
            if np.issubdtype(value.dtype, np.integer):
                self._sizes[weight.name] = value
                continue
            self.register_buffer(f"w{i}", torch.from_numpy(value))
            self._names[weight.name] = f"w{i}"
        weights = self._names | self._sizes
        self._nodes = [_node(node, fixed=fixed) for node in graph.node]
        self._input = next(i.name for i in graph.input if i.name not in weights)
        self._outputs = [output.name for output in graph.output]

    def forward(self, images: torch.Tensor) -> Value:
        """The model's outputs: a tensor, or a tuple of them."""
        values: dict[str, object] = {name: getattr(self, own) for name, own in self._names.items()}
        values |= self._sizes | {self._input: images, "": None}
        for run, inputs, outputs in self._nodes:
            result = run(*(values[name] for name in inputs))
            found = result if isinstance(result, tuple) else (result,)
            values.update(zip(outputs, found, strict=True))
        answer = tuple(values[name] for name in self._outputs)
        return answer[0] if len(answer) == 1 else answer


_FIXED = "sizes are plain numbers"
"""Beside a node's own attributes."""


def _node(node: onnx.NodeProto, *, fixed: bool) -> tuple[Operator, list[str], list[str]]:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    attributes[_FIXED] = fixed
    operator = OPERATORS.get(node.op_type)
    if operator is None:
        raise ModelError(
            f"the operator {node.op_type} of the layer {node.name or node.output[0]} cannot be turned into "
            "PyTorch's: export the program that the graph was made with"
        )
    return (lambda *inputs: operator(attributes, *inputs)), list(node.input), list(node.output)


def _ints(value: Value) -> list[int]:
    return [int(i) for i in value.tolist()]


def _pads(a: Attributes) -> list[int]:
    pads = list(a.get("pads", [0, 0, 0, 0]))
    if pads[:2] != pads[2:]:
        raise ModelError("padding that differs between the sides cannot be turned into PyTorch's")
    return pads[:2]


def _conv(a: Attributes, x: Value, weight: Value, bias: Value = None) -> Value:
    stride, dilation = list(a.get("strides", [1, 1])), list(a.get("dilations", [1, 1]))
    return functional.conv2d(x, weight, bias, stride, _pads(a), dilation, a.get("group", 1))


def _slice(
    _: Value, x: Value, starts: Value, ends: Value, axes: Value = None, steps: Value = None
) -> Value:
    begin, end = _ints(starts), _ints(ends)
    along = _ints(axes) if axes is not None else list(range(len(begin)))
    step = _ints(steps) if steps is not None else [1] * len(begin)
    index = [slice(None)] * x.ndim
    for axis, b, e, s in zip(along, begin, end, step, strict=True):
        index[axis] = slice(b, e if e < 2**31 - 1 else None, s)
    return x[tuple(index)]


def _shape(a: Attributes, x: Value) -> list[Value]:
    """The sides of a tensor: numbers, or what a trace works out anew for each input."""
    return [int(side) for side in x.shape] if a[_FIXED] else list(x.shape)


def _reshape(a: Attributes, x: Value, shape: Value) -> Value:
    own = _shape(a, x)
    return x.reshape([own[i] if side == 0 else side for i, side in enumerate(_ints(shape))])


def _resize(a: Attributes, x: Value, _: Value, scales: Value, sizes: Value = None) -> Value:
    if a["mode"] != b"nearest" or a.get("nearest_mode", b"floor") != b"floor":
        raise ModelError("a Resize other than to the nearest cannot be turned into PyTorch's")
    if sizes is not None:
        return functional.interpolate(x, size=_ints(sizes)[2:])
    factors = [float(scale) for scale in scales.tolist()[2:]]
    if not a[_FIXED]:
        return functional.interpolate(x, scale_factor=factors)
    size = [int(n * factor) for n, factor in zip(_shape(a, x)[2:], factors, strict=True)]
    return functional.interpolate(x, size=size)


def _split(a: Attributes, x: Value, sizes: Value = None) -> Value:
    return tuple(x.split(_ints(sizes), a["axis"]))


def _constant(a: Attributes) -> Value:
    return torch.from_numpy(np.array(onnx.numpy_helper.to_array(a["value"])))


def _filled(a: Attributes, shape: object) -> Value:
    value = onnx.numpy_helper.to_array(a["value"]).item() if "value" in a else 0.0
    return torch.full(_ints(shape), value)


def _unsqueeze(a: Attributes, x: Value, axes: Value = None) -> Value:
    for axis in sorted(_ints(axes) if axes is not None else a["axes"]):
        x = x.unsqueeze(axis)
    return x


def _squeeze(a: Attributes, x: Value, axes: Value = None) -> Value:
    along = _ints(axes) if axes is not None else a.get("axes")
    return x.squeeze() if along is None else x.squeeze(tuple(along))


def _gather(a: Attributes, x: Value, indices: Value) -> Value:
    return torch.as_tensor(np.take(x.cpu().numpy(), np.asarray(indices), a.get("axis", 0)))


def _cast(a: Attributes, x: Value) -> Value:
    # A graph casts sizes to whole numbers and pixels to floats; the latter keep their precision.
    whole = {onnx.TensorProto.INT64: torch.int64, onnx.TensorProto.INT32: torch.int32}
    return (
        x.to(whole[a["to"]]) if a["to"] in whole else x.float() if not x.is_floating_point() else x
    )


def _arithmetic(operate: Callable[[Value, Value], Value]) -> Operator:
    """Constants that the graph holds in float32 follow the network's precision and device."""

    def run(_: Value, x: Value, y: Value) -> Value:
        x, y = torch.as_tensor(x), torch.as_tensor(y)
        if x.is_floating_point() and y.is_floating_point():
            main = x if x.ndim >= y.ndim else y
            x, y = x.to(main), y.to(main)
        return operate(x, y)

    return run


def _gemm(a: Attributes, x: Value, y: Value, bias: Value = None) -> Value:
    x, y = (x.T if a.get("transA") else x), (y.T if a.get("transB") else y)
    found = a.get("alpha", 1.0) * (x @ y)
    return found if bias is None else found + a.get("beta", 1.0) * bias


def _reduction(reduce: Operator) -> Operator:
    """Over axes that are an attribute, or since opset 13 or 18 an input."""

    def run(a: Attributes, x: Value, axes: Value = None) -> Value:
        along = _ints(axes) if axes is not None else list(a.get("axes", range(x.ndim)))
        return reduce(x, dim=along, keepdim=bool(a.get("keepdims", 1)))

    return run


OPERATORS: dict[str, Operator] = {
    "Add": _arithmetic(torch.add),
    "Cast": _cast,
    "AveragePool": lambda a, x: functional.avg_pool2d(
        x, list(a["kernel_shape"]), list(a["strides"]), _pads(a)
    ),
    "BatchNormalization": lambda a, x, scale, shift, mean, variance: functional.batch_norm(
        x, mean, variance, scale, shift, eps=a.get("epsilon", 1e-5)
    ),
    "Clip": lambda _, x, least=None, most=None: x.clamp(least, most),
    "Concat": lambda a, *xs: torch.cat(
        [torch.as_tensor(x).to(xs[0].device) for x in xs], a["axis"]
    ),
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Conv": _conv,
    "Div": _arithmetic(
        lambda x, y: x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="floor")
    ),
    "CumSum": lambda _, x, axis: x.cumsum(int(axis)),
    "Exp": lambda _, x: x.exp(),
    "Expand": lambda _, x, shape: x.expand(torch.broadcast_shapes(x.shape, _ints(shape))),
    "Gather": _gather,
    "Flatten": lambda a, x: x.flatten(a.get("axis", 1)),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _, x: x.mean((2, 3), keepdim=True),
    "HardSigmoid": lambda a, x: (x * a.get("alpha", 0.2) + a.get("beta", 0.5)).clamp(0, 1),
    "HardSwish": lambda _, x: functional.hardswish(x),
    "Identity": lambda _, x: x,
    "LeakyRelu": lambda a, x: functional.leaky_relu(x, a.get("alpha", 0.01)),
    "MatMul": lambda _, x, y: x @ y,
    "MaxPool": lambda a, x: functional.max_pool2d(
        x, list(a["kernel_shape"]), list(a["strides"]), _pads(a)
    ),
    "Mul": _arithmetic(torch.mul),
    "Range": lambda _, first, last, step: torch.arange(first.item(), last.item(), step.item()),
    "ReduceMax": _reduction(torch.amax),
    "ReduceMean": _reduction(torch.mean),
    "ReduceSum": _reduction(torch.sum),
    "Relu": lambda _, x: x.relu(),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": lambda a, x: torch.tensor(_shape(a, x)),
    "Sigmoid": lambda _, x: x.sigmoid(),
    "Slice": _slice,
    "Softmax": lambda a, x: x.softmax(a["axis"]),
    "Split": _split,
    "Squeeze": _squeeze,
    "Sub": _arithmetic(torch.sub),
    "Tanh": lambda _, x: x.tanh(),
    "Transpose": lambda a, x: x.permute(a["perm"]),
    "Unsqueeze": _unsqueeze,
}
