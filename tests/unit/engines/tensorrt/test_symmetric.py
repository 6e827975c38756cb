"""Quantised graphs as TensorRT takes them: around zero, in INT8, with what they answered before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.tensorrt_stand_in import TensorRtStandIn

from sightline.engines.tensorrt.symmetric import is_quantized, make_symmetric

pytest_plugins = ("tests.tensorrt_fixtures",)


def quantized(zero: int | None, weights: str = "int8") -> Any:
    """A convolution over values from -0.5 on (0 for ``zero`` 0), quantised to uint8, with a bias in INT32."""
    rng = np.random.default_rng(0)
    scale = np.float32(0.02)
    kernel = rng.integers(-100, 100, (4, 3, 3, 3))
    by_channel = np.linspace(0.01, 0.02, 4, dtype=np.float32)
    weight_zero = np.full(4, 100 if weights == "uint8" else 0, weights)
    initializers = {
        "scale": scale, "w": (kernel + int(weight_zero[0])).astype(weights), "ws": by_channel, "wz": weight_zero,
        "b": np.arange(4, dtype=np.int32) * 1000, "bs": by_channel * scale, "bz": np.zeros(4, np.int32),
        **({} if zero is None else {"zero": np.uint8(zero)}),
    }  # fmt: skip
    by = ["scale"] if zero is None else ["scale", "zero"]
    nodes = [
        helper.make_node("QuantizeLinear", ["images", *by], ["q"], name="quantize"),
        helper.make_node("DequantizeLinear", ["q", *by], ["x"], name="dequantize"),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["kernel"], axis=0, name="weights"),
        helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["bias"], axis=0, name="biases"),
        helper.make_node("Conv", ["x", "kernel", "bias"], ["y"], name="conv"),
    ]
    graph = helper.make_graph(
        nodes, "quantized",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 6, 6])],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in initializers.items()],
        value_info=[helper.make_tensor_value_info("q", TensorProto.UINT8, [1, 3, 8, 8])],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def answer(model: Any, picture: Any) -> Any:
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"images": picture})[0]


@pytest.mark.parametrize("zero", [None, 0, 25, 128])
@pytest.mark.parametrize("weights", ["int8", "uint8"])
def test_a_graph_answers_as_before_within_its_steps(zero: int | None, weights: str) -> None:
    model = quantized(zero, weights)
    low = -0.02 * (zero or 0)
    picture = np.random.default_rng(1).uniform(low, low + 5.1, (1, 3, 8, 8)).astype(np.float32)
    before = answer(model, picture)
    make_symmetric(model)
    onnx.checker.check_model(model)
    apart = np.abs(answer(model, picture) - before)
    assert apart.max() < 0.02 * np.abs(before).max()
    assert apart.max() > 0  # it has other steps


def test_tensorrt_takes_what_it_would_refuse(
    tensorrt: TensorRtStandIn, make_build: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "quantized.onnx"
    onnx.save(quantized(25, "uint8"), str(path))
    build = make_build(path)
    assert build.problems() == []
    build.plan()
    types = [n.op_type for n in onnx.load_from_string(tensorrt.built[0].content).graph.node]
    assert types.count("DequantizeLinear") == 2, "the bias is in floats"


def test_a_symmetric_graph_stays_as_it_is() -> None:
    model = quantized(0)
    make_symmetric(model)
    again = onnx.ModelProto()
    again.CopyFrom(model)
    make_symmetric(again)
    assert again == model
    assert is_quantized(model)
