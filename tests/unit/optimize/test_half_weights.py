"""Weights in 16 bits: half the file, nearly the same outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from sightline.optimize.half_weights import halve_weights


def run(content: bytes, picture: np.ndarray) -> np.ndarray:
    (found,) = onnxruntime.InferenceSession(content).run(None, {"images": picture})
    return np.asarray(found)


def test_a_real_detector(data: Path) -> None:
    model = onnx.load(data / "models" / "yolox_nano.onnx")
    before = model.SerializeToString()
    half = halve_weights(model)
    assert model.SerializeToString() == before
    assert len(half) < 0.55 * len(before)
    onnx.checker.check_model(onnx.load_from_string(half))
    picture = np.random.default_rng(0).integers(0, 256, (1, 3, 416, 416)).astype(np.float32)
    was, became = run(before, picture), run(half, picture)
    assert 0 < np.abs(was - became).max() < 0.3


def test_weights_that_do_not_fit_stay(tmp_path: Path) -> None:
    weights = {"small": np.full((1, 3, 1, 1), 0.5, "f4"), "large": np.full((1, 1, 1, 1), 1e6, "f4")}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["images", "small"], ["between"]),
            helper.make_node("Conv", ["between", "large"], ["out"]),
        ],
        "two",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, 4, 4))],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, (1, 1, 4, 4))],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    half = onnx.load_from_string(halve_weights(model))
    assert {w.name: w.data_type for w in half.graph.initializer} == {
        "small.half": TensorProto.FLOAT16,
        "large": TensorProto.FLOAT,
    }
    assert np.isfinite(run(half.SerializeToString(), np.ones((1, 3, 4, 4), np.float32))).all()
