"""Graphs that take pixels: they answer as the graph does for pictures that were normalised before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from sightline.engines.graphs.onnx_fold import NAME, PIXELS, fold_input
from sightline.engines.host_normalization import HostNormalization
from sightline.errors import ModelError
from sightline.types import Normalization

PICTURES = np.random.default_rng(2).integers(0, 256, (2, 5, 7, 3), np.uint8)
IMAGENET = Normalization(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def identity(kind: int = TensorProto.FLOAT) -> onnx.ModelProto:
    dims = ["n", 3, "h", "w"]
    infos = [helper.make_tensor_value_info(name, kind, dims) for name in ("images", "out")]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["images"], ["out"])], "all", infos[:1], infos[1:]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


CASES = [
    pytest.param(Normalization(), ["Cast", "Transpose", "Identity"], id="as they are"),
    pytest.param(Normalization(1 / 255), ["Cast", "Mul", "Transpose", "Identity"], id="scaled"),
    pytest.param(
        Normalization(1.0, (1.0, 2.0, 3.0)), ["Cast", "Add", "Transpose", "Identity"], id="shifted"
    ),
    pytest.param(IMAGENET, ["Cast", "Mul", "Add", "Transpose", "Identity"], id="ImageNet"),
]


def expected(how: Normalization) -> Any:
    """``(pixel * scale - mean) / std``, channels first."""
    mean, std = np.array(how.mean), np.array(how.std)
    return ((PICTURES.astype(np.float64) * how.scale - mean) / std).transpose(0, 3, 1, 2)


@pytest.mark.parametrize(("how", "nodes"), CASES)
@pytest.mark.parametrize(
    ("kind", "within"), [(TensorProto.FLOAT, 1e-5), (TensorProto.FLOAT16, 0.02)], ids=["FP32", "FP16"]
)  # fmt: skip
def test_pixels_are_normalised(
    how: Normalization, nodes: list[str], kind: int, within: float
) -> None:
    folded = onnx.load_from_string(fold_input(identity(kind).SerializeToString(), how))
    onnx.checker.check_model(folded, full_check=True)
    assert [node.op_type for node in folded.graph.node] == nodes
    (found,) = ReferenceEvaluator(folded).run(None, {PIXELS: PICTURES})
    scale = max(1.0, float(np.abs(expected(how)).max()))
    assert np.abs(found - expected(how)).max() < within * scale


@pytest.mark.parametrize(("how", "nodes"), CASES)
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_the_processor_does_the_same(how: Normalization, nodes: list[str], kind: Any) -> None:
    planes = np.empty((2, 3, 5, 7), kind)
    HostNormalization(how).apply(PICTURES, planes)
    assert planes == pytest.approx(expected(how), rel=2e-3, abs=2e-3)


def test_the_input_keeps_its_open_sides_and_the_model_its_name_for_it(tmp_path: Path) -> None:
    onnx.save(identity(), tmp_path / "a.onnx")
    folded = onnx.load_from_string(fold_input(tmp_path / "a.onnx", Normalization()))
    (pixels,) = folded.graph.input
    dims = pixels.type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dims] == ["n", "h", "w", 3]
    assert pixels.type.tensor_type.elem_type == TensorProto.UINT8
    assert {p.key: p.value for p in folded.metadata_props} == {NAME: "images"}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"no model", id="text"),
        pytest.param(helper.make_model(helper.make_graph([], "x", [], [])).SerializeToString(), id="no input"),
    ],
)  # fmt: skip
def test_what_is_no_model_with_one_input(content: bytes) -> None:
    with pytest.raises(ModelError, match="is no ONNX model with one picture input"):
        fold_input(content, Normalization())
