"""ONNX nodes put in front of a graph, so that it takes uint8 NHWC pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import ModelError
from sightline.types import Normalization

PIXELS = "sightline_pixels"
NAME = "sightline_input"
"""Key of the metadata that keeps what the model itself calls its input."""


def fold_input(model: Path | bytes, normalization: Normalization) -> bytes:
    """The model with a cast, its normalisation and a transposition in front, serialised.

    ``(pixel * scale - mean) / std`` becomes one Mul and one Add with constants worked out in
    float64; either is left out where it would do nothing.

    Raises ModelError: it is no ONNX model with one picture as input.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(str(model)) if isinstance(model, Path) else onnx.load_from_string(model)
        weights = {w.name for w in graph.graph.initializer}
        (tensor,) = [i for i in graph.graph.input if i.name not in weights]
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as exc:
        name = model if isinstance(model, Path) else "the model"
        raise ModelError(f"{name} is no ONNX model with one picture input: {exc}") from exc
    n, _, height, width = tensor.type.tensor_type.shape.dim
    elem_type = tensor.type.tensor_type.elem_type
    float_type = onnx.helper.tensor_dtype_to_np_dtype(elem_type)
    std = np.array(normalization.std)
    factor = normalization.scale / std
    offset = -np.array(normalization.mean) / std

    helper, last = onnx.helper, f"{PIXELS}_cast"
    nodes = [helper.make_node("Cast", [PIXELS], [last], to=elem_type)]
    for op, values, neutral in (("Mul", factor, 1.0), ("Add", offset, 0.0)):
        if np.any(values != neutral):
            constant, name = f"{PIXELS}_{op}_by", f"{PIXELS}_{op}"
            array = onnx.numpy_helper.from_array(values.astype(float_type), constant)
            graph.graph.initializer.append(array)
            nodes.append(helper.make_node(op, [last, constant], [name]))
            last = name
    nodes.append(helper.make_node("Transpose", [last], [tensor.name], perm=[0, 3, 1, 2]))
    pixels = helper.make_tensor_value_info(
        PIXELS, onnx.TensorProto.UINT8, [_dim(d) for d in (n, height, width)] + [3]
    )
    graph.graph.input.remove(tensor)
    graph.graph.input.insert(0, pixels)
    for i, node in enumerate(nodes):
        graph.graph.node.insert(i, node)
    graph.metadata_props.add(key=NAME, value=tensor.name)
    content: bytes = graph.SerializeToString()
    return content


def _dim(dim: Any) -> int | str | None:
    if dim.HasField("dim_value"):
        return int(dim.dim_value)
    return str(dim.dim_param) or None
