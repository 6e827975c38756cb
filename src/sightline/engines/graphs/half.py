"""Graphs that compute in half precision (FP16): half the file, and faster where there is arithmetic for it.

``optimize.half_weights`` only stores weights in 16 bits: runtimes widen them and compute as before.
"""

from __future__ import annotations

from typing import Any

from sightline.errors import ModelError


def to_half(model: Any) -> bytes:
    """The serialised model in FP16; its inputs and outputs stay as they are.

    The conversion is ONNX Runtime's; operators that FP16 does not suit (ranges, resizing, NMS) stay in FP32.
    A graph that computes in FP16 already stays as it is: converted again, it would have nodes of one name twice.

    Raises ModelError: the graph cannot be converted.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    if _computes_in_half(model):
        same: bytes = model.SerializeToString()
        return same
    given = onnx.ModelProto()
    given.CopyFrom(model)
    try:
        half = convert_float_to_float16(given, keep_io_types=True)
    except (ValueError, RuntimeError, TypeError, onnx.shape_inference.InferenceError) as exc:
        raise ModelError(f"the graph cannot be converted to FP16: {exc}") from exc
    # The conversion puts its casts at the end, and a node must come after those that it reads.
    OnnxModel.graph_topological_sort(half.graph, is_deterministic=True)
    content: bytes = half.SerializeToString()
    return content


def _computes_in_half(model: Any) -> bool:
    """Whether an operator reads weights in 16 bits; a Cast only widens them."""
    import onnx

    half = onnx.TensorProto.FLOAT16
    weights = {entry.name for entry in model.graph.initializer if entry.data_type == half}
    nodes = (node for node in model.graph.node if node.op_type != "Cast")
    return any(name in weights for node in nodes for name in node.input)
