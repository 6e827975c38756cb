"""ONNX graphs made ready to be changed: constants folded, nodes named, a version that has what is needed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

OPSET = 17
"""The version that older graphs are brought to: from 13 on, each channel may have its own scale."""


OLDEST = 7
"""The oldest version that onnxslim reads."""

log = logging.getLogger(__name__)


def load_graph(content: Path | bytes) -> Any:
    """An ``onnx.ModelProto``, weights included. Raises ModelError."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        if isinstance(content, bytes):
            return onnx.load_from_string(content)
        return onnx.load(str(content))
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as exc:
        where = content if isinstance(content, Path) else "the model"
        raise ModelError(f"{where}: not an ONNX model with all its weights: {exc}") from exc


def slimmed(model: ModelProto) -> Any:
    """The same model with fewer nodes: constants folded, what does nothing taken out. The work is onnxslim's.

    Raises:
        ConfigError: onnxslim is not installed.
        ModelError: it fails at this graph.
    """
    try:
        import onnxslim
    except ImportError as exc:
        raise ConfigError(
            "making models smaller needs onnxslim and NNCF: pip install 'sightline[optimize]'"
        ) from exc
    import onnx

    given = onnx.ModelProto()
    given.CopyFrom(model)
    if _version(model) < OLDEST:
        given = _brought_to(OPSET, given)
    try:
        slim = onnxslim.slim(given)
    except Exception as exc:  # whatever it stumbles over
        raise ModelError(f"onnxslim fails at this graph: {type(exc).__name__}: {exc}") from exc
    if slim is None:
        raise ModelError("onnxslim fails at this graph, and does not say why")
    _keep_metadata(model, slim)
    return slim


def prepared(model: ModelProto) -> Any:
    """A slimmed model of which every node has a name, in opset 17 or later.

    Raises:
        ConfigError: onnxslim is not installed.
        ModelError: the graph cannot be brought to a version that INT8 needs.
    """
    import onnx

    try:
        slim = slimmed(model)
    except ModelError as exc:
        log.warning("%s: it is gone on with as it is", exc)
        slim = onnx.ModelProto()
        slim.CopyFrom(model)
    if _version(slim) < OPSET:
        slim = _brought_to(OPSET, slim)
        _keep_metadata(model, slim)
    _name_nodes(slim)
    return slim


def _version(model: ModelProto) -> int:
    """The opset of a graph; a graph that says none has operators of other domains only."""
    found = [entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}]
    return int(found[0]) if found else OPSET


def _brought_to(opset: int, model: ModelProto) -> Any:
    """The model in a newer opset. Raises ModelError: ONNX cannot convert it."""
    import onnx

    given = onnx.ModelProto()
    given.CopyFrom(model)
    given.ir_version = max(4, model.ir_version)  # before, weights had to be inputs as well
    try:
        return onnx.version_converter.convert_version(given, opset)
    except Exception as exc:  # of C++: its errors share no base but this one
        raise ModelError(
            f"the graph is of opset {_version(model)} and cannot be brought to {opset}: {exc}: export it again "
            f"with opset {opset}"
        ) from exc


def drop_unused_weights(model: ModelProto) -> None:
    """Remove the initializers of a graph that no node reads."""
    used = {name for node in model.graph.node for name in node.input}
    used |= {output.name for output in model.graph.output}
    for graph in _inner_graphs(model.graph):
        used |= {name for node in graph.node for name in node.input}
    for entry in [entry for entry in model.graph.initializer if entry.name not in used]:
        model.graph.initializer.remove(entry)


def _inner_graphs(graph: GraphProto) -> Any:
    """The graphs within nodes (If, Loop), at any depth."""
    for node in graph.node:
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else list(attribute.graphs)
            for one in inner:
                yield one
                yield from _inner_graphs(one)


def _keep_metadata(model: ModelProto, changed: Any) -> None:
    """Give the changed model what the exporter wrote about the first one."""
    there = {entry.key for entry in changed.metadata_props}
    for entry in model.metadata_props:
        if entry.key not in there:
            changed.metadata_props.add(key=entry.key, value=entry.value)


def _name_nodes(model: ModelProto) -> None:
    """Every node has a name of its own, by which layers are spoken of."""
    taken: set[str] = set()
    for number, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.name or node.op_type}_{number}"
        taken.add(node.name)
