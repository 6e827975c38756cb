"""The first convolution of a network, taken from the picture as it lies in memory.

A picture is NHWC and a network's input NCHW. OpenVINO's processor plugin turns the picture to NCHW for
the input and back to channels-last for its convolutions, which both costs more than it looks: three
channels fill no vector. With stride 2, two neighbouring pixels can be read as one of six channels, for
which nothing is moved at all; the weights are put where their pixels are. The sums stay the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.types import Floats

PAIR = 2
CHANNELS = 3


def channels_last(model: Any, ov: Any, factors: Sequence[float]) -> Any:
    """The model (an ``openvino.Model`` of static NCHW float input) with an NHWC input instead.

    ``factors`` of the three channels become part of the weights. Pixels then stay whole numbers, which
    bf16 holds exactly; multiplied, they would be rounded to eight bits.

    None where it does not begin with a convolution of stride 2, or the picture's width is odd.
    """
    from openvino import opset13 as ops

    (picture,) = model.inputs
    n, _, height, width = (d.get_length() for d in picture.partial_shape)
    conv = _first_convolution(picture)
    weights = None if conv is None else _constant(conv.input_value(1))
    if conv is None or weights is None or weights.shape[1] != CHANNELS or width % PAIR:
        return None
    if picture.element_type != ov.Type.f32:
        return None  # a network stored in half precision, calculations and all
    said = conv.get_attributes()
    if said["strides"] != [2, 2] or said["dilations"] != [1, 1] or said["auto_pad"] != "explicit":
        return None
    (top, left), (bottom, _) = said["pads_begin"], said["pads_end"]
    scaled = weights * np.asarray(factors, np.float32)[:, None, None]
    paired, before = _pair_columns(scaled, left)
    out_width = conv.output(0).partial_shape[3].get_length()
    after = out_width - 1 + paired.shape[3] - before - width // PAIR

    pixels = ops.parameter([n, height, width, CHANNELS], ov.Type.f32)
    pairs = ops.reshape(pixels, np.array([n, height, width // PAIR, PAIR * CHANNELS]), False)
    wide = ops.convolution(
        ops.transpose(pairs, np.array([0, 3, 1, 2])),
        ops.constant(paired),
        strides=[2, 1],
        pads_begin=[top, before],
        pads_end=[bottom, after],
        dilations=[1, 1],
    )
    for reader in conv.output(0).get_target_inputs():
        reader.replace_source_output(wide.output(0))
    return ov.Model(model.get_results(), [pixels])


def _first_convolution(picture: Any) -> Any:
    """The convolution that alone reads the picture, or None."""
    readers = [port.get_node() for port in picture.get_target_inputs()]
    if len(readers) == 1 and readers[0].get_type_name() == "Convolution":
        return readers[0]
    return None


def _constant(port: Any) -> Floats | None:
    """Weights, unpacked where they are stored in a smaller type."""
    node = port.get_node()
    if node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Constant":
        return None
    return np.asarray(node.data, np.float32)


def _pair_columns(weights: Floats, left: int) -> tuple[Floats, int]:
    """Weights (out, 3, rows, columns) for pairs of pixels: (out, 6, rows, pairs).

    Also how many pairs of padding stand on the left. Column k of the kernel meets pixel
    2 x + k - left, which is in pair x + (k - left) // 2.
    """
    out, channels, rows, columns = weights.shape
    offsets = [divmod(k - left, PAIR) for k in range(columns)]
    first, last = offsets[0][0], offsets[-1][0]
    paired = np.zeros((out, PAIR * channels, rows, last - first + 1), np.float32)
    for k, (pair, place) in enumerate(offsets):
        paired[:, place * channels : (place + 1) * channels, :, pair - first] = weights[..., k]
    return paired, -first
