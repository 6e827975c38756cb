"""ONNX files: of PyTorch models, and of other ONNX files."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sightline.errors import ConfigError, ModelError
from sightline.models.file import copied, set_input_shape
from sightline.optimize.export.request import ExportRequest
from sightline.optimize.export.tracing import (
    INPUT,
    chosen_names,
    example,
    exported,
    output_names,
    plain_attention,
    quiet,
    telling,
    traced,
    unsupported,
)

if TYPE_CHECKING:
    from onnx import GraphProto

_NO_ADAPTER = re.compile(r"No Adapter From Version \$?(\d+) for (\w+)")

OPSET = 17
"""What every runtime of the last years reads."""


def write_onnx(request: ExportRequest) -> None:
    """Write an ONNX file with folded constants.

    Raises:
        ConfigError: the opset or a name is impossible.
        ModelError: an operator has no counterpart in ONNX, or in that opset.
        SinkError: the file cannot be written.
    """
    import onnx

    from sightline.whole_files import write_whole

    newest = onnx.defs.onnx_opset_version()
    if request.opset is not None and request.opset > newest:
        raise ConfigError(f"--opset {request.opset}: the newest that onnx knows here is {newest}")
    writers = {"network": _of_network, "program": _of_program, "onnx": _of_onnx}
    graph = writers[request.source.kind](request)
    _rename(graph, request)
    try:
        onnx.checker.check_model(graph)
        content = graph.SerializeToString()
    except (onnx.checker.ValidationError, ValueError) as exc:
        raise ModelError(f"{request.source.name}: no valid ONNX came out: {telling(exc)}") from exc
    write_whole(request.path, content)


def _of_network(request: ExportRequest) -> Any:
    """By PyTorch's exporter of TorchScript, which knows all opsets and keeps sizes open."""
    import onnx
    import torch

    program, names = traced(request), output_names(request)
    try:
        content = _converted(program, names, request)
    except torch.onnx.errors.UnsupportedOperatorError as exc:
        opset = f"ONNX with opset {request.opset or OPSET}"
        raise unsupported(request, program, exc, opset) from exc
    except Exception as exc:  # whatever its symbolic functions raise
        raise unsupported(request, program, exc, "ONNX") from exc
    return onnx.load_from_string(content)


def _converted(program: object, names: list[str], request: ExportRequest) -> bytes:
    """The bytes of an ONNX file. Raises what PyTorch's exporter raises."""
    import torch

    sides = [(0, "batch", "batch"), (2, "size", "height"), (3, "size", "width")]
    axes = {axis: name for axis, what, name in sides if what in request.dynamic}

    def convert(network: object) -> bytes:
        buffer = io.BytesIO()
        with quiet(), plain_attention(), _silent_output():
            torch.onnx.export(
                network,
                (example(request),),
                buffer,
                dynamo=False,
                opset_version=request.opset or OPSET,
                do_constant_folding=True,
                input_names=[request.input_name or INPUT],
                output_names=names,
                dynamic_axes={request.input_name or INPUT: axes} if axes else None,
            )
        return buffer.getvalue()

    try:
        return convert(program)
    except torch.onnx.errors.SymbolicValueError:
        network = request.source.network
        if isinstance(network, torch.jit.ScriptModule):
            raise
        return convert(
            network
        )  # a program has forgotten the ranks of tensors, which attention needs


@contextlib.contextmanager
def _silent_output() -> Iterator[None]:
    """Without the graph that PyTorch's C++ prints on standard output before it raises."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _of_program(request: ExportRequest) -> Any:
    import torch

    opset = request.opset or max(OPSET, 18)  # the oldest that this exporter writes by itself
    program = exported(request)
    try:
        with quiet():
            made = torch.onnx.export(
                program,
                (),
                dynamo=True,
                opset_version=opset,
                input_names=[request.input_name or INPUT],
                output_names=output_names(request),
                verbose=False,
            )
    except Exception as exc:  # whatever its symbolic functions raise
        raise unsupported(request, program, exc, "ONNX") from exc
    _check_opset(made.model_proto, opset, request)
    return made.model_proto


def _of_onnx(request: ExportRequest) -> Any:
    """The same graph with its input opened or fixed, in another opset where one is wanted."""
    import onnx

    assert request.source.file is not None
    graph = copied(request.source.file.graph)
    n, channels, height, width = request.input_shape
    set_input_shape(graph, (n or "batch", channels or 3, height or "height", width or "width"))
    if request.opset is not None and request.opset != request.source.file.opset:
        try:
            graph = onnx.version_converter.convert_version(graph, request.opset)
        except Exception as exc:  # its C++ raises RuntimeError, and others for wrong numbers
            lacking = _NO_ADAPTER.search(str(exc))
            why = telling(exc)
            if lacking is not None:
                why = f"ONNX's converter knows no other form of {lacking[2]} than that of opset {lacking[1]}"
            raise ModelError(
                f"{request.source.name} cannot be converted from opset {request.source.file.opset} to "
                f"{request.opset}: {why}"
            ) from exc
        _check_opset(graph, request.opset, request)
    return onnx.shape_inference.infer_shapes(graph)


def _check_opset(graph: GraphProto, wanted: int, request: ExportRequest) -> None:
    found = next(o.version for o in graph.opset_import if o.domain in {"", "ai.onnx"})
    if found != wanted:
        raise ModelError(
            f"{request.source.name} cannot be written with opset {wanted}: its operators need {found}"
        )


def _rename(graph: GraphProto, request: ExportRequest) -> None:
    """Give input and outputs the names that are wanted, in place. Raises ConfigError."""
    weights = {w.name for w in graph.graph.initializer}
    (given,) = [i for i in graph.graph.input if i.name not in weights]
    own = [output.name for output in graph.graph.output]
    wanted = chosen_names(own, request.output_names)
    new = {given.name: request.input_name or given.name, **dict(zip(own, wanted, strict=True))}
    new = {before: after for before, after in new.items() if before != after}
    taken = {name for node in graph.graph.node for name in (*node.input, *node.output)} | weights
    for after in new.values():
        if after in taken and after not in new:
            raise ConfigError(f"the graph has a tensor called {after} already: choose another name")
    for value in (*graph.graph.input, *graph.graph.output, *graph.graph.value_info):
        value.name = new.get(value.name, value.name)
    for node in graph.graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = new.get(name, name)
