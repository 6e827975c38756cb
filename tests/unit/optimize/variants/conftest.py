"""A small network whose parts are known: layers, a concatenation, and arithmetic behind the last layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest


@pytest.fixture(scope="session")
def network() -> Any:
    """An ``onnx.ModelProto`` of opset 13 with three convolutions; input ``images`` (1, 3, 32, 32)."""
    rng = np.random.default_rng(0)
    helper = onnx.helper

    def weights(name: str, *shape: int) -> Any:
        values = rng.normal(0, 0.3, shape).astype(np.float32)
        return onnx.numpy_helper.from_array(values, name)

    nodes = [
        helper.make_node("Conv", ["images", "w1"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Conv", ["b", "w2"], ["c"], name="second", pads=[1, 1, 1, 1]),
        helper.make_node("Concat", ["b", "c"], ["d"], name="joined", axis=1),
        helper.make_node("Conv", ["d", "w3", "b3"], ["e"], name="head"),
        helper.make_node("Sigmoid", ["e"], ["f"], name="scores"),
        helper.make_node("Mul", ["f", "scale"], ["output"], name="pixels"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", 1, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("output", 1, [1, 4, 32, 32])],
        [
            weights("w1", 8, 3, 3, 3),
            weights("w2", 8, 8, 3, 3),
            weights("w3", 4, 16, 1, 1),
            weights("b3", 4),
            onnx.numpy_helper.from_array(np.float32([2.0]), "scale"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.helper.set_model_props(model, {"names": "{0: 'thing'}"})
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.fixture(scope="session")
def pictures() -> list[np.ndarray]:
    """What the network takes."""
    rng = np.random.default_rng(1)
    return [rng.random((1, 3, 32, 32), np.float32) for _ in range(8)]
