"""Graphs for TensorRT: their precision, their types, and the shapes that they leave open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.tensorrt_stand_in import TensorRtStandIn

from sightline.engines.tensorrt.options import OptimizationProfile
from sightline.errors import ConfigError

pytest_plugins = ("tests.tensorrt_fixtures",)

MakeModel = Callable[..., Path]


MakeBuild = Callable[..., Any]


ONE = OptimizationProfile((1, 8, 8), (2, 16, 16), (4, 32, 32))


@pytest.fixture
def quantized_model(tmp_path: Path) -> Path:
    """A graph of an open size that quantises its input."""
    nodes = [
        helper.make_node("QuantizeLinear", ["images", "scale", "zero"], ["q"], name="quantize"),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["seen"], name="dequantize"),
    ]
    dims = ["n", 3, "h", "w"]
    graph = helper.make_graph(
        nodes, "quantized",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info("seen", TensorProto.FLOAT, dims)],
        [numpy_helper.from_array(np.float32(1), "scale"), numpy_helper.from_array(np.int8(0), "zero")],
    )  # fmt: skip
    path = tmp_path / "quantized.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))  # fmt: skip
    return path


def types(content: bytes) -> set[int]:
    return {entry.data_type for entry in onnx.load_from_string(content).graph.initializer}


def test_version_10_may_use_fp16_and_version_11_gets_a_graph_in_fp16(
    tensorrt: TensorRtStandIn, make_build: MakeBuild, pyramid_model: MakeModel
) -> None:
    make_build(pyramid_model(8), precision="fp16").plan()
    (built,) = tensorrt.built
    if tensorrt.major == 10:
        assert (built.strong, built.flags) == (False, ["FP16", "TF32"])
        assert TensorProto.FLOAT16 not in types(built.content)
    else:
        assert (built.strong, built.flags) == (True, ["TF32"])
        assert TensorProto.FLOAT16 in types(built.content)


def test_fp32_is_fp32(
    tensorrt: TensorRtStandIn, make_build: MakeBuild, pyramid_model: MakeModel
) -> None:
    make_build(pyramid_model(8), precision="fp32").plan()
    (built,) = tensorrt.built
    assert built.flags == []
    assert TensorProto.FLOAT16 not in types(built.content)


def test_strong_types_can_be_had_with_version_10(
    tensorrt_10: TensorRtStandIn, make_build: MakeBuild, pyramid_model: MakeModel
) -> None:
    make_build(pyramid_model(8), precision="fp16", strongly_typed=True).plan()
    (built,) = tensorrt_10.built
    assert (built.strong, built.flags) == (True, ["TF32"])
    assert TensorProto.FLOAT16 in types(built.content)


def test_weak_types_cannot_be_had_with_version_11(
    tensorrt_11: TensorRtStandIn, make_build: MakeBuild, pyramid_model: MakeModel
) -> None:
    with pytest.raises(ConfigError, match="TensorRT 11 has strongly typed networks only"):
        make_build(pyramid_model(8), strongly_typed=False)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_quantised_graph_stays_as_it_is(
    tensorrt: TensorRtStandIn, make_build: MakeBuild, quantized_model: Path, precision: str
) -> None:
    make_build(quantized_model, precision=precision, profile=ONE).plan()
    (built,) = tensorrt.built
    assert (built.strong, built.scales) == (True, None)
    assert built.flags == ([] if precision == "fp32" else ["TF32"])


@pytest.mark.parametrize("strongly_typed", [None, True])
def test_int8_of_floats_needs_the_calibrator_that_strong_types_do_not_have(
    tensorrt: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel, strongly_typed: bool | None
) -> None:  # fmt: skip
    if tensorrt.major == 10 and not strongly_typed:
        with pytest.raises(ConfigError, match=r"INT8 needs footage.*--data"):
            make_build(identity_model(), precision="int8").plan()
    else:
        with pytest.raises(ConfigError, match=r"sightline optimize MODEL .* --variants int8"):
            make_build(identity_model(), precision="int8", strongly_typed=strongly_typed)
    assert tensorrt.built == []


def test_open_sides_get_a_profile(
    tensorrt: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel
) -> None:
    make_build(identity_model()).plan()
    make_build(identity_model(), profile=ONE).plan()
    make_build(identity_model((2, 3, 16, 24))).plan()
    usual, given, fixed = (built.profiles for built in tensorrt.built)
    assert usual == [((1, 32, 32, 3), (1, 640, 640, 3), (16, 1280, 1280, 3))]
    assert given == [((1, 8, 8, 3), (2, 16, 16, 3), (4, 32, 32, 3))]
    assert fixed == []


@pytest.mark.parametrize(
    "profile", [ONE, OptimizationProfile((2, 16, 24), (2, 16, 24), (4, 16, 24))]
)
def test_a_profile_must_fit_the_graph(
    tensorrt: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel, profile: Any
) -> None:
    with pytest.raises(ConfigError, match=r"net\.onnx takes 2 of 24×16: a profile of"):
        make_build(identity_model((2, 3, 16, 24)), profile=profile).plan()
