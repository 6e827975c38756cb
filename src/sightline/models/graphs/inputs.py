"""An ONNX graph changed so that it takes one picture (N, 3, height, width) and nothing else.

Pictures that lie channels last, of one channel or without a batch are made from it by nodes in front
of the graph; inputs that tell a size or a scale become nodes that read it from the picture's shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline.model_inputs import LUMA, PLACES, Fill, ModelInputs

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

PREFIX = "sightline_"


def take_one_picture(graph: GraphProto, inputs: ModelInputs) -> None:
    """Change an ``onnx.ModelProto`` in place. ``inputs`` are those that are no weights, in order.

    A grey picture is made of red, green and blue, in this order.
    """
    import onnx

    weights = {w.name for w in graph.graph.initializer}
    own = [i for i in graph.graph.input if i.name not in weights]
    picture = own[inputs.picture]
    elem_type = picture.type.tensor_type.elem_type
    given = f"{PREFIX}as_given"
    nodes = _pixel_nodes(picture.name, given, elem_type, inputs)
    if nodes:
        _rename(graph.graph, picture.name, given)
    for at, fill in inputs.fills.items():
        nodes += _fill_nodes(own[at], picture.name, fill)
    dims = picture.type.tensor_type.shape.dim
    sides = {axis: _dim(dim) for axis, dim in zip(inputs.layout, dims, strict=True)}
    shape = [sides.get("N", 1), 3, sides["H"], sides["W"]]
    taken = onnx.helper.make_tensor_value_info(picture.name, elem_type, shape)
    for one in own:
        graph.graph.input.remove(one)
    graph.graph.input.insert(0, taken)
    for i, node in enumerate(nodes):
        graph.graph.node.insert(i, node)


def _pixel_nodes(name: str, given: str, elem_type: int, inputs: ModelInputs) -> list[object]:
    """Nodes from a picture (N, 3, H, W) to what the graph takes; none where that is the same."""
    import onnx

    helper, types = onnx.helper, onnx.TensorProto
    nodes: list[NodeProto] = []
    last = name

    def add(op: str, *more: str, **attributes: object) -> None:
        nonlocal last
        out = f"{PREFIX}picture_{len(nodes)}"
        nodes.append(helper.make_node(op, [last, *more], [out], **attributes))
        last = out

    if inputs.channels == 1:
        whole = elem_type not in {types.FLOAT, types.FLOAT16, types.DOUBLE, types.BFLOAT16}
        kernel = np.array(LUMA, np.float32).reshape(1, 3, 1, 1)
        half = np.array([0.5 if whole else 0.0], np.float32)  # what is cut to a whole number
        constants = [_constant("luma", kernel), _constant("half", half)]
        add("Cast", to=types.FLOAT)
        add("Conv", f"{PREFIX}luma", f"{PREFIX}half", kernel_shape=[1, 1])
        add("Cast", to=elem_type)
        nodes[:0] = constants
    if "N" not in inputs.layout:
        nodes.insert(0, _constant("first", np.array(0, np.int64)))
        add("Gather", f"{PREFIX}first", axis=0)
    if inputs.layout == "NHWC":
        add("Transpose", perm=[0, 2, 3, 1])
    if inputs.layout == "HWC":
        add("Transpose", perm=[1, 2, 0])
    if nodes:
        nodes[-1].output[0] = given
    return nodes


def _fill_nodes(value: Any, picture: str, fill: Fill) -> list[object]:
    """Nodes that make an input which tells the size of ``picture``, under the input's own name."""
    import onnx

    helper = onnx.helper
    tensor, prefix = value.type.tensor_type, f"{PREFIX}{value.name}_"
    sides = [d.dim_value for d in tensor.shape.dim]

    def number(name: str, *values: int) -> Any:
        return helper.make_node(
            "Constant", [], [f"{prefix}{name}"],
            value=onnx.numpy_helper.from_array(np.array(values, np.int64)),
        )  # fmt: skip

    def side(place: int) -> Any:
        return helper.make_node(
            "Gather", [f"{prefix}shape", f"{prefix}at_{place}"], [f"{prefix}side_{place}"], axis=0
        )

    places = (0, *PLACES.values())
    nodes = [helper.make_node("Shape", [picture], [f"{prefix}shape"]), number("one", 1)]
    nodes += [number(f"at_{place}", place) for place in places]
    nodes += [side(place) for place in places]
    if fill:
        parts = [f"{prefix}side_{PLACES[v]}" if v in PLACES else f"{prefix}one" for v in fill]
        shape = [f"{prefix}side_0", f"{prefix}length"] if len(sides) != 1 else [f"{prefix}length"]
        nodes += [
            number("length", len(fill)),
            helper.make_node("Concat", parts, [f"{prefix}values"], axis=0),
        ]
    else:  # a mask: as large as the input says, else as the picture
        nodes += [number(f"own_{i}", s) for i, s in enumerate(sides) if s]
        shape = [
            f"{prefix}own_{i}" if i and s else f"{prefix}side_{place}"
            for i, (s, place) in enumerate(zip(sides, places, strict=True))
        ]
        nodes.append(helper.make_node("Identity", [f"{prefix}one"], [f"{prefix}values"]))
    nodes += [
        helper.make_node("Concat", shape, [f"{prefix}whole"], axis=0),
        helper.make_node("Expand", [f"{prefix}values", f"{prefix}whole"], [f"{prefix}numbers"]),
        helper.make_node("Cast", [f"{prefix}numbers"], [value.name], to=tensor.elem_type),
    ]
    return nodes


def _constant(name: str, value: object) -> object:
    import onnx

    return onnx.helper.make_node(
        "Constant", [], [f"{PREFIX}{name}"], value=onnx.numpy_helper.from_array(value)
    )


def _rename(graph: GraphProto, old: str, new: str) -> None:
    """Let every node of a graph, and of the graphs within it, read another tensor."""
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name == old:
                node.input[i] = new
        for attribute in node.attribute:
            inner: Sequence[object] = (*attribute.graphs, attribute.g)
            for one in inner:
                _rename(one, old, new)


def _dim(dim: Any) -> int | str | None:
    if dim.HasField("dim_value"):
        return int(dim.dim_value)
    return str(dim.dim_param) or None
