"""The layers of an ONNX model, with their multiply-accumulates by ONNX's own shape inference."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.models.file import copied, load_onnx
from sightline.optimize.inspection.layers import Inspection, Layer, Weight, shortened
from sightline.types import TensorSpec

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

Shape = tuple[int | None, ...]
ShapeOf = Callable[[str], Shape | None]

_FOLLOWED = {"DequantizeLinear", "Cast", "Identity", "Transpose"}
"""Nodes that only hand a weight on: it belongs to whoever takes what they make of it."""

_RECURRENT = {"LSTM", "GRU", "RNN", "Attention", "MultiHeadAttention", "DeformConv"}
"""Operators that do work which is not counted here."""

_CONV_WEIGHT = {"Conv": 1, "ConvInteger": 1, "FusedConv": 1, "QLinearConv": 3}
_MATMUL = {"MatMul", "MatMulInteger", "QLinearMatMul", "FusedMatMul"}
_CHANNELS = {1, 3}


def inspect_onnx(path: Path, size: tuple[int, int] | None) -> Inspection:
    """What an ONNX file holds.

    Args:
        path: the file.
        size: the input (width, height) that its work is counted for, where its own is open.

    Raises:
        ModelError: it is not a whole ONNX model.
    """
    import onnx

    graph = load_onnx(path)
    whole = onnx.inliner.inline_local_functions(graph) if graph.functions else graph
    weights = {w.name for w in graph.graph.initializer}
    declared = tuple(_spec(i) for i in graph.graph.input if i.name not in weights)
    at, shapes, notes = _inferred(whole, declared, size)
    layers = tuple(_layers(whole.graph, shapes))
    return Inspection(
        format="onnx",
        producer=f"{graph.producer_name} {graph.producer_version}".strip(),
        opsets={o.domain or "ai.onnx": o.version for o in graph.opset_import},
        metadata=shortened({p.key: p.value for p in graph.metadata_props}),
        inputs=declared,
        outputs=tuple(_spec(o) for o in graph.graph.output),
        layers=layers,
        size_bytes=path.stat().st_size + _external_bytes(path),
        at=at,
        notes=(*notes, *_uncounted(whole, layers)),
    )


def _external_bytes(path: Path) -> int:
    """Bytes of the files beside a model that hold its weights."""
    import onnx

    bare = onnx.load(str(path), load_external_data=False)
    stored = (entry for one in bare.graph.initializer for entry in one.external_data)
    names = {entry.value for entry in stored if entry.key == "location"}
    return sum(f.stat().st_size for name in names if (f := path.parent / name).is_file())


def _spec(value: Any) -> TensorSpec:
    import onnx

    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return TensorSpec(value.name, (), (kind or "unknown").removesuffix("_type"))
    tensor = value.type.tensor_type
    names = {onnx.TensorProto.STRING: "string", onnx.TensorProto.UNDEFINED: "unknown"}
    dtype = names.get(tensor.elem_type) or str(
        onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    )
    return TensorSpec(value.name, _dims(tensor), dtype)


def _dims(tensor: Any) -> Shape:
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)


def _inferred(
    graph: GraphProto, declared: tuple[TensorSpec, ...], size: tuple[int, int] | None
) -> tuple[tuple[int, int] | None, ShapeOf, list[str]]:
    """The picture size that was set (None: no input is open), the shape of each tensor, and notes."""
    import onnx

    copy = copied(graph)
    at = _fix_inputs(copy, declared, size)
    notes = []
    if any(None in shape for shape in _input_shapes(copy)):
        notes.append(
            "the work is not known: an input is open: give that of the picture with --size"
        )
    try:
        copy = onnx.shape_inference.infer_shapes(copy, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as exc:
        said = str(exc).strip().splitlines()[0][:200]
        notes.append(f"the work is not known: ONNX's shape inference failed: {said}")
    known: dict[str, Shape] = {w.name: tuple(w.dims) for w in copy.graph.initializer}
    for value in (*copy.graph.input, *copy.graph.output, *copy.graph.value_info):
        if value.type.tensor_type.HasField("shape"):
            known.setdefault(value.name, _dims(value.type.tensor_type))
    return at, known.get, notes


def _input_shapes(graph: GraphProto) -> list[Shape]:
    weights = {w.name for w in graph.graph.initializer}
    return [
        _dims(i.type.tensor_type)
        for i in graph.graph.input
        if i.name not in weights and i.type.HasField("tensor_type")
    ]


def _fix_inputs(
    graph: GraphProto, declared: tuple[TensorSpec, ...], size: tuple[int, int] | None
) -> tuple[int, int] | None:
    """One picture of ``size`` where inputs are open; the size of the picture that results."""
    at = None
    names = {spec.name for spec in declared}
    for value in graph.graph.input:
        if value.name not in names or not value.type.HasField("tensor_type"):
            continue
        dims = value.type.tensor_type.shape.dim
        shape = _dims(value.type.tensor_type)
        if shape and shape[0] is None:
            dims[0].dim_value = 1
        rows = _rows(shape)
        if rows is None:
            continue
        for dim, side in zip(dims[rows : rows + 2], (size or (None, None))[::-1], strict=True):
            if side and not dim.HasField("dim_value"):
                dim.dim_value = side
        height, width = _dims(value.type.tensor_type)[rows : rows + 2]
        if height and width:
            at = (width, height)
    if at is not None:  # shapes that the exporter wrote down may be those of another size
        for output in graph.graph.output:
            output.type.tensor_type.ClearField("shape")
        del graph.graph.value_info[:]
    return at


def _rows(shape: Shape) -> int | None:
    """Which axis of a picture counts its rows; None where it is no picture."""
    if len(shape) != 4:
        return None
    if shape[1] in _CHANNELS or (shape[1] is None and shape[3] not in _CHANNELS):
        return 2
    return 1 if shape[3] in _CHANNELS else None


def _layers(graph: GraphProto, shape_of: ShapeOf) -> Iterator[Layer]:
    """The nodes of a graph, and those of graphs in them, whose work is not known."""
    nodes = list(graph.node)
    owned = _owners(graph, nodes)
    for place, node in enumerate(nodes):
        macs = _COUNTED.get(node.op_type)
        found = macs(node, shape_of) if macs else None
        weights = tuple(map(_weight, owned.get(place, ())))
        yield Layer(layer_name(node), operator_name(node), weights, found, counted=macs is not None)
        for inner in _inner(node):
            yield from _layers(inner, lambda _: None)


def layer_name(node: NodeProto) -> str:
    """What a node is called; one without a name is called as its first output."""
    return node.name or next(iter(node.output), "") or node.op_type


def operator_name(node: NodeProto) -> str:
    """A node's operator, with its domain where that is not ONNX's own."""
    return node.op_type if node.domain in {"", "ai.onnx"} else f"{node.domain}.{node.op_type}"


def _inner(node: NodeProto) -> Iterator[object]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _owners(graph: GraphProto, nodes: Sequence[NodeProto]) -> dict[int, list[object]]:
    """The constant tensors of each node, by its place; each tensor counts once."""
    takers: dict[str, int] = {}
    for place, node in enumerate(nodes):
        inside = (name for inner in _inner(node) for name in _captured(inner))
        for name in (*node.input, *inside):
            takers.setdefault(name, place)
    constants = dict(_constants(graph, nodes))
    owned: dict[int, list[object]] = {}
    for name, tensor in constants.items():
        taker = takers.get(name)
        while taker is not None and nodes[taker].op_type in _FOLLOWED:
            following = takers.get(nodes[taker].output[0])
            if following is None:
                break
            taker = following
        if taker is not None:
            owned.setdefault(taker, []).append(tensor)
    return owned


def _constants(graph: GraphProto, nodes: Sequence[NodeProto]) -> Iterator[tuple[str, object]]:
    """The tensors that are weights, by name: initializers, and floats of ``Constant`` nodes."""
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for node in nodes:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.HasField("t") and attribute.t.dims and _is_float(attribute.t):
                    yield node.output[0], attribute.t


def _captured(graph: GraphProto) -> Iterator[str]:
    """Names that the nodes of an inner graph take, its own among them."""
    for node in graph.node:
        yield from node.input
        for inner in _inner(node):
            yield from _captured(inner)


def _is_float(tensor: Any) -> bool:
    import onnx

    floats = onnx.TensorProto
    return tensor.data_type in {floats.FLOAT, floats.FLOAT16, floats.BFLOAT16, floats.DOUBLE}


def _weight(tensor: Any) -> Weight:
    import onnx

    types = onnx.TensorProto
    small = {types.INT8: 8, types.UINT8: 8, types.INT4: 4, types.UINT4: 4}
    shape = tuple(tensor.dims)
    if tensor.data_type in small:
        return Weight(shape, small[tensor.data_type], convertible=len(shape) > 1)
    if tensor.data_type == types.STRING:
        return Weight(shape, 0, convertible=False)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return Weight(shape, dtype.itemsize * 8, convertible=_is_float(tensor))


def _product(shape: Shape | None) -> int | None:
    return None if shape is None or None in shape else math.prod(s for s in shape if s is not None)


def _conv(node: NodeProto, shape_of: ShapeOf) -> int | None:
    """Each output takes one product for each weight of its channel: (in / groups) × kernel."""
    weight = shape_of(node.input[_CONV_WEIGHT[node.op_type]])
    out, each = _product(shape_of(node.output[0])), _product(weight[1:] if weight else None)
    return None if out is None or each is None else out * each


def _conv_transpose(node: NodeProto, shape_of: ShapeOf) -> int | None:
    """Each input gives one product for each weight of its channel: (out / groups) × kernel."""
    weight = shape_of(node.input[1])
    given, each = _product(shape_of(node.input[0])), _product(weight[1:] if weight else None)
    return None if given is None or each is None else given * each


def _matmul(node: NodeProto, shape_of: ShapeOf) -> int | None:
    given, out = shape_of(node.input[0]), _product(shape_of(node.output[0]))
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    inner = given[-2 if transposed and len(given) > 1 else -1] if given else None
    return None if out is None or inner is None else out * inner


def _einsum(node: NodeProto, shape_of: ShapeOf) -> int | None:
    """Two operands: one product for each value of all their letters together."""
    equation = next((a.s.decode() for a in node.attribute if a.name == "equation"), "")
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    shapes = [shape_of(name) for name in node.input]
    sides: dict[str, int | None] = {}
    for term, shape in zip(terms, shapes, strict=False):
        if shape is None or "." in term or len(term) != len(shape):
            return None
        sides.update(zip(term, shape, strict=True))
    return _product(tuple(sides.values())) if len(terms) == 2 else None


_COUNTED: Mapping[str, Callable[[Any, ShapeOf], int | None]] = {
    **dict.fromkeys(_CONV_WEIGHT, _conv),
    "ConvTranspose": _conv_transpose,
    "Gemm": _matmul,
    **dict.fromkeys(_MATMUL, _matmul),
    "Einsum": _einsum,
}


def _uncounted(graph: GraphProto, layers: tuple[Layer, ...]) -> Iterator[str]:
    """What the number of multiply-accumulates leaves out."""
    missing = sorted({la.operator for la in layers if la.operator.rpartition(".")[2] in _RECURRENT})
    if missing:
        yield f"the work of {', '.join(missing)} is not counted"
    unknown = [layer.name for layer in layers if layer.counted and layer.macs is None]
    if unknown:
        yield f"the work of {len(unknown)} layers is not known, {unknown[0]} among them"
    if any(True for node in graph.graph.node for _ in _inner(node)):
        yield "the graph branches or loops (If, Loop, Scan): work inside is not known"
