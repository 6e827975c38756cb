"""An OpenVINO model changed so that it takes one picture (N, 3, height, width) and nothing else.

Only OpenVINO's own files need it: ONNX graphs come changed already.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sightline.model_inputs import LUMA, PLACES, ModelInputs, read_inputs
from sightline.types import TensorSpec

SCALARS = np.array(0, np.int64)


def take_one_picture(model: Any, ov: Any) -> Any:
    """An ``openvino.Model`` with one input; the model itself where it has that already.

    A grey picture is made of red, green and blue, in this order.

    Raises:
        ModelError: no input can be a picture, or another one is not known to tell a size.
    """
    inputs = read_inputs([TensorSpec(port_name(port), dims(port)) for port in model.inputs])
    if inputs.is_plain:
        return model
    from openvino import opset13 as ops

    own = model.inputs[inputs.picture]
    n, _, height, width = (-1 if d is None else d for d in inputs.shape)
    pixels = ops.parameter([n, 3, height, width], own.element_type)
    pixels.output(0).set_names(own.names)
    _replace(own, _as_given(pixels, own, inputs, ov))
    for at, fill in inputs.fills.items():
        port = model.inputs[at]
        _replace(port, _filled(pixels, port, fill))
    return ov.Model(model.get_results(), [pixels])


def port_name(port: Any) -> str:
    """A port's name as a model file has it: the first in the alphabet, or that of its node."""
    node = port.get_node()
    if node.get_type_name() == "Result":
        node = node.input_value(0).get_node()
    return str(min(port.names, default=node.get_friendly_name()))


def dims(port: Any) -> tuple[int | None, ...]:
    """A port's shape; open dimensions are None, and an unknown rank is ``()``."""
    shape = port.partial_shape
    if shape.rank.is_dynamic:
        return ()
    return tuple(d.get_length() if d.is_static else None for d in shape)


def _as_given(pixels: Any, own: Any, inputs: ModelInputs, ov: Any) -> object:
    """What the model takes, made of a picture (N, 3, H, W)."""
    from openvino import opset13 as ops

    node = pixels
    if inputs.channels == 1:
        kernel = ops.constant(np.array(LUMA, np.float32).reshape(1, 3, 1, 1))
        node = ops.convert(node, ov.Type.f32)
        node = ops.convolution(node, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
        if own.element_type.is_integral():
            node = ops.round(node)
        node = ops.convert(node, own.element_type)
    if "N" not in inputs.layout:
        node = ops.squeeze(node, SCALARS)
    orders = {"NHWC": [0, 2, 3, 1], "HWC": [1, 2, 0]}
    if inputs.layout in orders:
        node = ops.transpose(node, np.array(orders[inputs.layout]))
    return node


def _filled(pixels: Any, port: Any, fill: tuple[str, ...]) -> object:
    """An input that tells the size of a picture, made of the picture's shape."""
    from openvino import opset13 as ops

    shape = ops.shape_of(pixels)
    own = dims(port)

    def side(place: int) -> Any:
        return ops.gather(shape, np.array([place]), SCALARS)

    one = ops.constant(np.array([1], np.int64))
    if fill:
        values = ops.concat([side(PLACES[v]) if v in PLACES else one for v in fill], 0)
        length = ops.constant(np.array([len(fill)], np.int64))
        whole = length if len(own) == 1 else ops.concat([side(0), length], 0)
    else:
        values = one
        places = (0, *PLACES.values())
        sides = [
            ops.constant(np.array([d], np.int64)) if i and d else side(places[i])
            for i, d in enumerate(own)
        ]
        whole = ops.concat(sides, 0)
    return ops.convert(ops.broadcast(values, whole), port.element_type)


def _replace(port: Any, node: Any) -> None:
    for reader in port.get_target_inputs():
        reader.replace_source_output(node.output(0))
