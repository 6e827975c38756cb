"""OpenVINO's intermediate representation: of PyTorch models, ONNX files and other ones of its kind."""

from __future__ import annotations

from typing import Any

from sightline.engines.openvino_ import first_line, save_ir, shared_core
from sightline.errors import ModelError
from sightline.optimize.export.request import ExportRequest
from sightline.optimize.export.tracing import (
    INPUT,
    chosen_names,
    example,
    output_names,
    quiet,
    traced,
    unsupported,
)


def write_ir(request: ExportRequest) -> None:
    """Write an .xml with its .bin beside it, weights in FP16 or FP32.

    Raises:
        EngineUnavailable: OpenVINO is not installed.
        ConfigError: there are not as many outputs as names.
        ModelError: an operator has no counterpart, or the files cannot be written.
    """
    shared_core()
    model = _of_torch(request) if request.source.file is None else _of_file(request)
    for i, port in enumerate(model.inputs):
        if i == 0 and request.input_name:
            port.get_tensor().set_names({request.input_name})
    own = [min(port.get_names(), default=f"output{i}") for i, port in enumerate(model.outputs)]
    for port, name in zip(model.outputs, chosen_names(own, request.output_names), strict=True):
        port.get_tensor().set_names({name})
    save_ir(model, request.path, fp16=request.fp16)


def _of_file(request: ExportRequest) -> Any:
    """A graph with its input as it is wanted."""
    import openvino

    file = request.source.file
    assert file is not None
    content = file.content
    try:
        model = shared_core().read_model(str(file.path) if content == file.path else content)
        if len(model.inputs) == 1:
            model.reshape(openvino.PartialShape([d or -1 for d in request.input_shape]))
    except RuntimeError as exc:
        raise ModelError(f"{file.path}: {_with_layer(first_line(exc), file.graph)}") from exc
    return model


def _with_layer(said: str, graph: Any) -> str:
    """A message with the layers of the operators that it names."""
    nodes = graph.graph.node if graph is not None else ()
    for node in nodes:
        if said.endswith(node.op_type) or f" {node.op_type}" in said:
            return f"{said}, in the layer {node.name or node.output[0]}"
    return said


def _of_torch(request: ExportRequest) -> Any:
    import openvino

    shape = openvino.PartialShape([d or -1 for d in request.input_shape])
    names = output_names(request)
    program = request.source.network if request.source.kind == "program" else traced(request)
    try:
        with quiet():
            if request.source.kind == "program":
                model = openvino.convert_model(program)
            else:
                model = openvino.convert_model(
                    program, example_input=example(request), input=[shape]
                )
    except Exception as exc:  # its frontend raises whatever the network does
        raise unsupported(request, program, exc, "OpenVINO IR") from exc
    model.inputs[0].get_tensor().set_names({request.input_name or INPUT})
    for port, name in zip(model.outputs, names, strict=True):
        port.get_tensor().set_names({name})
    return model
