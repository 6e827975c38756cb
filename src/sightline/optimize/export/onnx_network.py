"""An ONNX graph as a PyTorch module, for formats that are made of PyTorch's programs.

What its operators mean is said in ``onnx_operators``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch

from sightline.errors import ModelError
from sightline.optimize.export.onnx_operators import OPERATORS, Node, Value


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
        model = onnx.load(str(model)) if isinstance(model, Path) else model
        graph = model.graph
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
        opset = max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        self._nodes = [_run(node, opset, fixed=fixed) for node in graph.node]
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


def _run(
    node: onnx.NodeProto, opset: int, *, fixed: bool
) -> tuple[Callable[..., Value], list[str], list[str]]:
    """What runs a node, and the names of what it takes and gives. Raises ModelError: nothing does."""
    layer = node.name or node.output[0]
    operator = OPERATORS.get(node.op_type)
    if operator is None or node.domain not in ("", "ai.onnx"):
        raise ModelError(
            f"the operator {node.op_type} of the layer {layer} cannot be turned into PyTorch's: export the "
            "program that the graph was made with"
        )
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    outputs = list(node.output)
    while outputs and not outputs[-1]:
        outputs.pop()
    own = Node(node.op_type, layer, attributes, opset, len(outputs), fixed)
    return partial(operator, own), list(node.input), outputs
