"""Static ONNX graphs opened to other input sizes and to batches, where that provably works.

Exporters often write down the one size they saw, though the graph itself would take others. The
new shapes are proved by shape inference: the outputs must follow as the model's family says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sightline.models.file import (
    ModelFile,
    Shape,
    copied,
    onnx_output_shapes,
    set_input_shape,
)
from sightline.protocols import Decoder

if TYPE_CHECKING:
    from onnx import GraphProto

BATCH = 2  # any number but 1 shows whether a batch stays a batch


def relax(file: ModelFile, decoder: Decoder) -> ModelFile:
    """The model with its input size and batch left open, as far as that works."""
    n, _, height, width = file.input.shape
    if file.graph is None or not decoder.resizable or not (n and height and width):
        return file
    graph = copied(file.graph)
    _free_batch(graph, n)
    other = (width + 128, height + 64)
    for batch in (BATCH, n):
        shapes = onnx_output_shapes(graph, (batch, 3, other[1], other[0]))
        if _follows(file, shapes, batch, other, decoder):
            free = batch == BATCH
            set_input_shape(graph, ("batch" if free else n, 3, "height", "width"))
            opened: Shape = (None if free else n, 3, None, None)
            return replace(file, input=replace(file.input, shape=opened), graph=graph, changed=True)
        graph = copied(file.graph)
    return file


def _follows(
    file: ModelFile,
    shapes: list[Shape] | None,
    batch: int,
    canvas: tuple[int, int],
    decoder: Decoder,
) -> bool:
    if shapes is None or any(not s or s[0] != batch for s in shapes):
        return False
    outputs = [replace(o, shape=s) for o, s in zip(file.outputs, shapes, strict=True)]
    return decoder.fit(outputs, canvas) is not None


def _free_batch(graph: GraphProto, batch: int) -> None:
    """Let every Reshape that says "1, …", where that is the batch, say "as many as came in, …"."""
    import onnx

    shapes = {node.input[1] for node in graph.graph.node if node.op_type == "Reshape"}
    for weight in graph.graph.initializer:
        if weight.name in shapes:
            dims = onnx.numpy_helper.to_array(weight).copy()
            if dims.ndim == 1 and len(dims) > 1 and dims[0] == batch:
                dims[0] = 0
                weight.CopyFrom(onnx.numpy_helper.from_array(dims, weight.name))
