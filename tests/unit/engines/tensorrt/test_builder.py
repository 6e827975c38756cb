"""What TensorRT is told when an engine is built: precision, shapes, memory, devices, caches and errors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.tensorrt_stand_in import TensorRtStandIn

from sightline.engines.tensorrt.options import BuildOptions, OptimizationProfile
from sightline.errors import ConfigError, ModelError, SourceError
from sightline.types import Normalization

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


def test_the_calibrator_streams_footage_and_keeps_its_scales(
    tensorrt_10: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel, street: Any, tmp_path: Path
) -> None:  # fmt: skip
    model, cache = identity_model(), tmp_path / "cache"

    def built(footage: Any, name: str = "street.mp4") -> Any:
        made = make_build(
            model, precision="int8", profile=ONE, cache=cache, pictures=footage.pictures(name)
        )
        made.plan()
        return tensorrt_10.built[-1]

    first = built(street(40))
    assert first.flags == ["FP16", "INT8", "TF32"]
    assert (first.strong, first.scales) == (False, b"EntropyCalibration2 39")
    shown = np.concatenate(tensorrt_10.calibrated)
    assert shown.shape == (40, 16, 16, 3)  # the usual shape of the profile
    assert [int(picture.max()) for picture in shown] == list(range(40))
    again = street(40)
    assert built(again).scales == first.scales
    assert again.read == 0, "the scales were there"
    other = street(60)
    assert built(other, "other.mp4").scales == b"EntropyCalibration2 59"


def test_too_little_footage_is_refused_and_not_kept(
    tensorrt_10: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel, street: Any, tmp_path: Path
) -> None:  # fmt: skip
    made = make_build(
        identity_model(), precision="int8", profile=ONE, cache=tmp_path, pictures=street(20).pictures()
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"street\.mp4 has 20 pictures .* 32 are the fewest"):
        made.plan()
    assert not list(tmp_path.glob("calibration-*"))


def test_footage_that_breaks_off_is_the_error(
    tensorrt_10: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel, street: Any, tmp_path: Path
) -> None:  # fmt: skip
    footage = street(40, breaks=True)
    made = make_build(
        identity_model(), precision="int8", profile=ONE, cache=tmp_path, pictures=footage.pictures()
    )
    with pytest.raises(SourceError, match=r"street\.mp4: broken"):
        made.plan()
    assert not list(tmp_path.glob("calibration-*"))


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


@pytest.mark.parametrize(
    "shapes",
    [
        pytest.param([(2, 8, 8), (1, 8, 8), (4, 8, 8)], id="usual below smallest"),
        pytest.param([(1, 8, 8), (1, 8, 8), (1, 8, 7)], id="largest below usual"),
        pytest.param([(0, 8, 8), (1, 8, 8), (1, 8, 8)], id="no picture"),
    ],
)
def test_a_profile_goes_from_small_to_large(shapes: Any) -> None:
    with pytest.raises(ConfigError, match="the smallest shape comes first"):
        OptimizationProfile(*shapes)


def test_memory_and_accelerator_are_limited_and_fall_back_to_the_gpu(
    tensorrt: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel
) -> None:
    tensorrt.dla_cores = 2
    make_build(identity_model(), workspace_mb=256, dla_core=1).plan()
    (built,) = tensorrt.built
    assert list(built.pools.values()) == [256 * 2**20]
    assert built.dla == 1
    assert "GPU_FALLBACK" in built.flags
    with pytest.raises(ConfigError, match=r"DLA core 2: Stand-in GPU .* has 2 of them"):
        make_build(identity_model(), dla_core=2).plan()
    with pytest.raises(ConfigError, match="a DLA computes in FP16 and INT8 only"):
        BuildOptions(precision="fp32", dla_core=0)


def test_an_unsupported_operator_is_named_with_its_layer(
    tensorrt: TensorRtStandIn, make_build: MakeBuild, pyramid_model: MakeModel
) -> None:
    tensorrt.unsupported = {"Reshape"}
    made = make_build(pyramid_model(8), precision="fp32")
    with pytest.raises(ModelError, match=r"cannot read net\.onnx: the operator Reshape in the layer rows8: No importer"):  # fmt: skip
        made.plan()
    assert [(p.operator, p.layer) for p in made.problems()] == [
        ("Reshape", "rows8"), ("Reshape", "rows16"), ("Reshape", "rows32"),
    ]  # fmt: skip


def test_what_tensorrt_logs_is_in_the_error(
    tensorrt: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel
) -> None:
    tensorrt.fails_to = {"build"}
    with pytest.raises(ModelError, match=r"cannot build an engine of net\.onnx: .*Could not find any implementation for node") as caught:  # fmt: skip
        make_build(identity_model()).plan()
    assert "more" not in str(caught.value)


def test_times_of_operators_are_kept_for_the_next_build(
    tensorrt: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    make_build(identity_model(), cache=tmp_path).plan()
    (kept,) = tmp_path.glob("timing-*.cache")
    assert kept.read_bytes() == b"times of Stand-in GPU"
    with caplog.at_level(logging.WARNING):
        make_build(identity_model((1, 3, 8, 8)), cache=tmp_path).plan()
    assert "measured anew" not in caplog.text
    kept.write_bytes(b"times of another")
    with caplog.at_level(logging.WARNING):
        make_build(identity_model(), cache=tmp_path).plan()
    assert "measured anew" in caplog.text
    assert kept.read_bytes() == b"times of Stand-in GPU"


def test_the_key_is_of_all_that_a_plan_depends_on(
    tensorrt_versions: Callable[..., TensorRtStandIn],
    make_build: MakeBuild,
    identity_model: MakeModel,
    street: Any,
) -> None:
    model = identity_model()
    first = tensorrt_versions("10.16.1.11")
    keys = [
        make_build(model).key,
        make_build(model, precision="fp32").key,
        make_build(model, profile=ONE).key,
        make_build(model, workspace_mb=64).key,
        make_build(model, normalization=Normalization(1 / 255)).key,
        make_build(identity_model((1, 3, 8, 8))).key,
        make_build(model, precision="int8", pictures=street(40).pictures()).key,
    ]
    assert make_build(identity_model()).key == keys[0]
    tensorrt_versions("10.3.0", first.cuda)
    keys.append(make_build(model).key)
    first.cuda.name = "Another GPU"
    keys.append(make_build(model).key)
    assert len(set(keys)) == len(keys)
