"""Small ONNX models that are no vision models: several inputs, every element type, texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

TYPES = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def write(path: Path, nodes: Any, inputs: Any, outputs: Any, weights: Sequence[Any] = ()) -> Path:
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def value(name: str, datatype: str, shape: Sequence[int | str]) -> Any:
    return helper.make_tensor_value_info(name, TYPES[datatype], shape)


def echoes(path: Path) -> Path:
    """``in_X`` -> ``out_X`` for every type X; shapes (N, M)."""
    nodes = [helper.make_node("Identity", [f"in_{t}"], [f"out_{t}"]) for t in TYPES]
    sides = ["n", "m"]
    return write(
        path,
        nodes,
        [value(f"in_{t}", t, sides) for t in TYPES],
        [value(f"out_{t}", t, sides) for t in TYPES],
    )


def perceptron(path: Path, rows: int | str = "n") -> Path:
    """``features`` FP32 (rows, 4) -> ``scores`` FP32 (rows, 3): features @ W."""
    weights = np.arange(12, dtype=np.float32).reshape(4, 3)
    return write(
        path,
        [helper.make_node("MatMul", ["features", "w"], ["scores"])],
        [value("features", "FP32", [rows, 4])],
        [value("scores", "FP32", [rows, 3])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )


def embedding(path: Path) -> Path:
    """``tokens`` and ``mask`` INT64 (n, length) -> ``hidden`` FP32 (n, length, 2), ``kept`` INT64 (n)."""
    table = np.arange(20, dtype=np.float32).reshape(10, 2)
    return write(
        path,
        [
            helper.make_node("Gather", ["table", "tokens"], ["hidden"]),
            helper.make_node("ReduceSum", ["mask", "axes"], ["kept"], keepdims=0),
        ],
        [value("tokens", "INT64", ["n", "length"]), value("mask", "INT64", ["n", "length"])],
        [value("hidden", "FP32", ["n", "length", 2]), value("kept", "INT64", ["n"])],
        [
            onnx.numpy_helper.from_array(table, "table"),
            onnx.numpy_helper.from_array(np.array([1], np.int64), "axes"),
        ],
    )


def scalar(path: Path) -> Path:
    """``x`` FP32 () -> ``y`` FP32 (): x + x."""
    return write(
        path,
        [helper.make_node("Add", ["x", "x"], ["y"])],
        [value("x", "FP32", [])],
        [value("y", "FP32", [])],
    )
