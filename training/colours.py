"""``colours.onnx``: an embedder that needs no training. It tells objects apart by their colours alone.

    python training/colours.py [FILE]

A soft histogram of hue, saturation and value of the middle of a crop, as an ONNX graph, so that every engine runs it.
The square roots of its shares are a vector of length 1, and the product of two is their Bhattacharyya coefficient.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 64
HUES, SATURATIONS, VALUES = 12, 4, 4
FALLOFF = 1.5
"""How quickly pixels count less away from the middle, where the background begins."""
CARD = {
    "description": "Sightline colours: objects by their colours alone, without training",
    "author": "The Sightline developers", "license": "Apache-2.0", "task": "embed",
    "imgsz": f"[{SIDE}, {SIDE}]", "resize": "stretch",
}  # fmt: skip
FILE = Path(__file__).parents[1] / "src" / "sightline" / "models" / "bundled" / "colours.onnx"


class Graph:
    """An ONNX graph that is written operation by operation."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def __call__(self, op: str, *inputs: str, count: int = 1, **attributes: Any) -> Any:
        """Add an operation; the name of its output, or the names."""
        names = [f"{op.lower()}{len(self.nodes)}_{n}" for n in range(count)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if count == 1 else names

    def constant(self, values: Any, kind: Any = np.float32) -> str:
        """A constant's name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def shape(self, *sides: int) -> str:
        """A constant for Reshape."""
        return self.constant(sides, np.int64)


def memberships(g: Graph, values: str, count: int, *, around: bool = False) -> str:
    """How much each pixel (N, 1, P) belongs to each of ``count`` bins (N, count, P); ``around``: a circle of them."""
    scaled = g("Mul", values, g.constant(count if around else count - 1))
    bins = g.constant(np.arange(count).reshape(1, count, 1))
    apart = g("Abs", g("Sub", scaled, bins))
    if around:
        apart = g("Min", apart, g("Sub", g.constant(count), apart))
    return str(g("Relu", g("Sub", g.constant(1), apart)))


def hue(g: Graph, channels: Sequence[str], most: str, range_: str) -> str:
    """Hue of pixels, 0 to 1; that of greys is 0."""
    red, green, blue = channels
    safe = g("Max", range_, g.constant(1e-6))
    of_red = g("Div", g("Sub", green, blue), safe)
    of_red = g("Where", g("Less", of_red, g.constant(0)), g("Add", of_red, g.constant(6)), of_red)
    of_green = g("Add", g("Div", g("Sub", blue, red), safe), g.constant(2))
    of_blue = g("Add", g("Div", g("Sub", red, green), safe), g.constant(4))
    rest = g("Where", g("Equal", most, green), of_green, of_blue)
    return str(g("Div", g("Where", g("Equal", most, red), of_red, rest), g.constant(6)))


def model() -> onnx.ModelProto:
    """The whole graph: (N, 3, SIDE, SIDE) float32 RGB from 0 to 1 in, (N, 192) of length 1 out."""
    g = Graph()
    pixels = g("Reshape", "crops", g.shape(0, 3, SIDE * SIDE))
    most = g("ReduceMax", pixels, axes=[1], keepdims=1)
    range_ = g("Sub", most, g("ReduceMin", pixels, axes=[1], keepdims=1))
    channels = g("Split", pixels, g.constant([1, 1, 1], np.int64), count=3, axis=1)
    hues = memberships(g, hue(g, channels, most, range_), HUES, around=True)
    strength = g("Div", range_, g("Max", most, g.constant(1e-6)))
    of_strength, of_value = memberships(g, strength, SATURATIONS), memberships(g, most, VALUES)
    both = g(
        "Mul",
        g("Unsqueeze", of_strength, g.constant([2], np.int64)),
        g("Unsqueeze", of_value, g.constant([1], np.int64)),
    )
    both = g("Reshape", both, g.shape(0, SATURATIONS * VALUES, SIDE * SIDE))
    places = (np.arange(SIDE) - (SIDE - 1) / 2) / (SIDE / 2)
    weights = np.exp(-FALLOFF * (places[:, None] ** 2 + places[None] ** 2)).reshape(1, 1, -1)
    hues = g("Mul", hues, g.constant(weights / weights.sum()))
    counts = g("MatMul", hues, g("Transpose", both, perm=[0, 2, 1]))
    flat = g("Reshape", counts, g.shape(0, HUES * SATURATIONS * VALUES))
    g.nodes.append(helper.make_node("Sqrt", [flat], ["vectors"]))
    of = [
        helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["N", 3, SIDE, SIDE]),
        helper.make_tensor_value_info(
            "vectors", TensorProto.FLOAT, ["N", HUES * SATURATIONS * VALUES]
        ),
    ]
    graph = helper.make_graph(g.nodes, "colours", of[:1], of[1:], g.constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(made, CARD)
    onnx.checker.check_model(made, full_check=True)
    return made


if __name__ == "__main__":
    onnx.save(model(), sys.argv[1] if len(sys.argv) > 1 else FILE)
