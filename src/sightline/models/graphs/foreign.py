"""Operators of a graph that are not of ONNX: plugins of one runtime, or of somebody's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto

_KNOWN = frozenset({"", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training", "com.microsoft"})
"""Domains of operators that ONNX or ONNX Runtime define."""


def foreign_operators(graph: GraphProto) -> list[str]:
    """Each kind once, with the layer that uses it first; an ``onnx.ModelProto`` whose own functions are not foreign."""
    import onnx

    own = {(one.domain, one.name) for one in graph.functions}
    found: dict[str, str] = {}
    for node in graph.graph.node:
        if node.domain in _KNOWN:
            known = node.domain not in {"", "ai.onnx"} or onnx.defs.has(node.op_type)
        else:
            known = (node.domain, node.op_type) in own
        if not known:
            kind = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            found.setdefault(kind, node.name or node.output[0])
    return [f"{kind} (layer {layer})" for kind, layer in found.items()]
