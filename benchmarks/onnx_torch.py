"""An ONNX graph as a PyTorch module: just the operators that the YOLO graphs here use.

For benchmarks and tests, which need the same network in both formats. Sizes that the graph works
out from its input become numbers when the module is traced, so such a trace runs at one size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch.nn import functional


class OnnxModule(torch.nn.Module):  # type: ignore[misc]  # torch is seen as untyped
    """Runs the nodes of a model one after another; takes (N, 3, H, W), answers with its outputs."""

    def __init__(self, model: Path | bytes) -> None:
        super().__init__()
        path = str(model) if isinstance(model, Path) else None
        graph = (onnx.load(path) if path else onnx.load_from_string(model)).graph
        self._names: dict[str, str] = {}
        self._sizes: dict[str, Any] = {}  # whole numbers stay outside: they are no weights
        for i, weight in enumerate(graph.initializer):
            value = onnx.numpy_helper.to_array(weight).copy()
            if np.issubdtype(value.dtype, np.integer):
                self._sizes[weight.name] = value
                continue
            self.register_buffer(f"w{i}", torch.from_numpy(value))
            self._names[weight.name] = f"w{i}"
        weights = self._names | self._sizes
        self._nodes = [_node(node) for node in graph.node]
        self._input = next(i.name for i in graph.input if i.name not in weights)
        self._outputs = [output.name for output in graph.output]

    def forward(self, images: torch.Tensor) -> Any:
        values: dict[str, Any] = {name: getattr(self, own) for name, own in self._names.items()}
        values |= self._sizes | {self._input: images, "": None}
        for run, inputs, outputs in self._nodes:
            result = run(*(values[name] for name in inputs))
            found = result if isinstance(result, tuple) else (result,)
            values.update(zip(outputs, found, strict=True))
        answer = tuple(values[name] for name in self._outputs)
        return answer[0] if len(answer) == 1 else answer


def _node(node: Any) -> tuple[Callable[..., Any], list[str], list[str]]:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    operator = OPERATORS[node.op_type]
    return (lambda *inputs: operator(attributes, *inputs)), list(node.input), list(node.output)


def _ints(value: Any) -> list[int]:
    return [int(i) for i in value.tolist()]


def _pads(a: Mapping[str, Any]) -> list[int]:
    pads = list(a.get("pads", [0, 0, 0, 0]))
    assert pads[:2] == pads[2:], "padding is the same on both sides"
    return pads[:2]


def _conv(a: Mapping[str, Any], x: Any, weight: Any, bias: Any = None) -> Any:
    stride, dilation = list(a.get("strides", [1, 1])), list(a.get("dilations", [1, 1]))
    return functional.conv2d(x, weight, bias, stride, _pads(a), dilation, a.get("group", 1))


def _slice(_: Any, x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    begin, end = _ints(starts), _ints(ends)
    along = _ints(axes) if axes is not None else list(range(len(begin)))
    step = _ints(steps) if steps is not None else [1] * len(begin)
    index = [slice(None)] * x.ndim
    for axis, b, e, s in zip(along, begin, end, step, strict=True):
        index[axis] = slice(b, e if e < 2**31 - 1 else None, s)
    return x[tuple(index)]


def _reshape(_: Any, x: Any, shape: Any) -> Any:
    return x.reshape([x.shape[i] if side == 0 else side for i, side in enumerate(_ints(shape))])


def _resize(a: Mapping[str, Any], x: Any, _: Any, scales: Any, sizes: Any = None) -> Any:
    assert a["mode"] == b"nearest"
    assert a["nearest_mode"] == b"floor"
    if sizes is not None:
        return functional.interpolate(x, size=_ints(sizes)[2:])
    return functional.interpolate(x, scale_factor=[float(s) for s in scales.tolist()[2:]])


def _split(a: Mapping[str, Any], x: Any, sizes: Any = None) -> Any:
    return tuple(x.split(_ints(sizes), a["axis"]))


def _constant(a: Mapping[str, Any]) -> Any:
    return torch.from_numpy(np.array(onnx.numpy_helper.to_array(a["value"])))


def _filled(a: Mapping[str, Any], shape: Any) -> Any:
    value = onnx.numpy_helper.to_array(a["value"]).item() if "value" in a else 0.0
    return torch.full(_ints(shape), value)


def _unsqueeze(a: Mapping[str, Any], x: Any, axes: Any = None) -> Any:
    for axis in sorted(_ints(axes) if axes is not None else a["axes"]):
        x = x.unsqueeze(axis)
    return x


def _gather(a: Mapping[str, Any], x: Any, indices: Any) -> Any:
    return torch.as_tensor(np.take(x.cpu().numpy(), np.asarray(indices), a.get("axis", 0)))


def _cast(a: Mapping[str, Any], x: Any) -> Any:
    # A graph casts sizes to whole numbers and pixels to floats; the latter keep their precision.
    whole = {onnx.TensorProto.INT64: torch.int64, onnx.TensorProto.INT32: torch.int32}
    return (
        x.to(whole[a["to"]]) if a["to"] in whole else x.float() if not x.is_floating_point() else x
    )


def _arithmetic(operate: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Constants that the graph holds in float32 follow the network's precision and device."""

    def run(_: Any, x: Any, y: Any) -> Any:
        x, y = torch.as_tensor(x), torch.as_tensor(y)
        if x.is_floating_point() and y.is_floating_point():
            main = x if x.ndim >= y.ndim else y
            x, y = x.to(main), y.to(main)
        return operate(x, y)

    return run


OPERATORS: dict[str, Callable[..., Any]] = {
    "Add": _arithmetic(torch.add),
    "Cast": _cast,
    "Concat": lambda a, *xs: torch.cat(
        [torch.as_tensor(x).to(xs[0].device) for x in xs], a["axis"]
    ),
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Conv": _conv,
    "Div": _arithmetic(
        lambda x, y: x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="floor")
    ),
    "Expand": lambda _, x, shape: x.expand(torch.broadcast_shapes(x.shape, _ints(shape))),
    "Gather": _gather,
    "Identity": lambda _, x: x,
    "MatMul": lambda _, x, y: x @ y,
    "MaxPool": lambda a, x: functional.max_pool2d(
        x, list(a["kernel_shape"]), list(a["strides"]), _pads(a)
    ),
    "Mul": _arithmetic(torch.mul),
    "Range": lambda _, first, last, step: torch.arange(first.item(), last.item(), step.item()),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": lambda _, x: torch.tensor(list(x.shape)),
    "Sigmoid": lambda _, x: x.sigmoid(),
    "Slice": _slice,
    "Softmax": lambda a, x: x.softmax(a["axis"]),
    "Split": _split,
    "Sub": _arithmetic(torch.sub),
    "Transpose": lambda a, x: x.permute(a["perm"]),
    "Unsqueeze": _unsqueeze,
}
