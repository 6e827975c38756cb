"""Work, weights and notes of ONNX graphs whose figures can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sightline.errors import ModelError
from sightline.optimize.inspection.layers import Inspection
from sightline.optimize.inspection.onnx_layers import inspect_onnx

Shape = Sequence[int | str]


def inspected(
    folder: Path,
    nodes: Sequence[Any],
    weights: dict[str, np.ndarray],
    inputs: dict[str, Shape] | None = None,
    size: tuple[int, int] | None = None,
) -> Inspection:
    graph = helper.make_graph(
        nodes,
        "graph",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (inputs or {"x": (1, 3, 8, 8)}).items()
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        initializer=[numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "model.onnx"
    onnx.save(model, path)
    return inspect_onnx(path, size)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("operator", "attributes", "weight", "given", "macs"),
    [
        # 8×8 outputs × 4 channels × (3 inputs × 3×3)
        pytest.param("Conv", {"pads": [1] * 4}, (4, 3, 3, 3), (1, 3, 8, 8), 8 * 8 * 4 * 27, id="conv"),
        pytest.param(
            "Conv", {"pads": [1] * 4, "strides": [2, 2]}, (4, 3, 3, 3), (1, 3, 8, 8), 4 * 4 * 4 * 27,
            id="conv with a stride",
        ),
        pytest.param(
            "Conv", {"pads": [1] * 4, "group": 3}, (3, 1, 3, 3), (1, 3, 8, 8), 8 * 8 * 3 * 9,
            id="depthwise conv",
        ),
        # each of 8×8×3 inputs meets 4 outputs × 2×2
        pytest.param(
            "ConvTranspose", {"strides": [2, 2]}, (3, 4, 2, 2), (1, 3, 8, 8), 8 * 8 * 3 * 16,
            id="conv transpose",
        ),
        pytest.param("MatMul", {}, (8, 5), (1, 3, 8, 8), 3 * 8 * 5 * 8, id="matmul"),
        pytest.param("Gemm", {}, (8, 5), (2, 8), 2 * 8 * 5, id="gemm"),
        pytest.param("Gemm", {"transB": 1}, (5, 8), (2, 8), 2 * 8 * 5, id="gemm, second turned"),
        pytest.param("Gemm", {"transA": 1}, (2, 5), (2, 8), 2 * 8 * 5, id="gemm, first turned"),
        pytest.param(
            "Einsum", {"equation": "bchw,wk->bchk"}, (8, 5), (1, 3, 8, 8), 3 * 8 * 5 * 8, id="einsum"
        ),
    ],
)  # fmt: skip
def test_macs(
    tmp_path: Path,
    operator: str,
    attributes: dict[str, Any],
    weight: tuple[int, ...],
    given: Shape,
    macs: int,
) -> None:
    node = helper.make_node(operator, ["x", "w"], ["y"], name="it", **attributes)
    found = inspected(tmp_path, [node], {"w": zeros(*weight)}, {"x": given})
    assert found.macs == macs
    assert found.parameters == int(np.prod(weight))
    assert found.notes == ()


def test_an_open_size_is_the_one_that_is_given(tmp_path: Path) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="it")
    inputs: dict[str, Shape] = {"x": ("n", 3, "h", "w")}
    found = inspected(tmp_path, [node], {"w": zeros(4, 3, 1, 1)}, inputs, size=(16, 8))
    assert (found.macs, found.at) == (16 * 8 * 12, (16, 8))
    unknown = inspected(tmp_path, [node], {"w": zeros(4, 3, 1, 1)}, inputs)
    assert unknown.macs is None
    assert any("--size" in note for note in unknown.notes)


def test_a_weight_belongs_to_the_layer_that_uses_it_and_counts_once(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale"], ["w"], name="unpack"),
        helper.make_node("Conv", ["x", "w"], ["a"], name="first"),
        helper.make_node("Conv", ["x", "w"], ["b"], name="second"),
        helper.make_node("Add", ["a", "b"], ["y"], name="sum"),
    ]
    weights = {"q": np.zeros((4, 3, 1, 1), np.int8), "scale": np.float32(0.5).reshape(())}
    found = inspected(tmp_path, nodes, weights)
    assert [(la.name, la.parameters) for la in found.layers if la.parameters] == [("first", 13)]
    assert found.macs == 2 * 64 * 12
    assert found.operators()[0].operator == "Conv"


def test_sizes_by_precision(tmp_path: Path) -> None:
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], name="it")
    found = inspected(tmp_path, [node], {"w": zeros(64, 3, 3, 3), "b": zeros(64)})
    weight, bias = 64 * 27, 64
    graph = found.size_bytes - 4 * (weight + bias)
    assert found.size_at("fp32") == found.size_bytes
    assert found.size_at("fp16") == graph + 2 * (weight + bias)
    # a byte for each weight, a scale for each channel, and the bias as it is
    assert found.size_at("int8") == graph + weight + 4 * 64 + 4 * bias


def test_what_is_not_counted_is_said(tmp_path: Path) -> None:
    branch = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["z"], name="inside")],
        "branch",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    node = helper.make_node(
        "If", ["c"], ["y"], name="choice", then_branch=branch, else_branch=branch
    )
    found = inspected(tmp_path, [node], {"w": zeros(8, 5), "c": np.array(True)})
    assert found.macs is None
    assert any("branches or loops" in note for note in found.notes)
    assert found.parameters == 41


def test_known_models(data: Path) -> None:
    nano = inspect_onnx(data / "models" / "yolox_nano.onnx", (416, 416))
    assert nano.macs == pytest.approx(0.54e9, rel=0.05)  # as its authors say: 1.08 GFLOPs
    assert nano.parameters == 904_481
    eleven = inspect_onnx(data / "models" / "yolo11n_random.onnx", (640, 640))
    assert eleven.macs == pytest.approx(3.25e9, rel=0.03)  # 6.5 GFLOPs


def test_a_file_that_is_cut_is_refused(tmp_path: Path, data: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes((data / "models" / "yolox_nano.onnx").read_bytes()[:5000])
    with pytest.raises(ModelError, match="not a whole ONNX model"):
        inspect_onnx(cut, None)
