"""What TensorRT is told when an engine is built: precision, shapes, memory, devices, caches and errors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.tensorrt_stand_in import TensorRtStandIn

from sightline.engines.tensorrt.options import BuildOptions, OptimizationProfile
from sightline.errors import ConfigError, ModelError
from sightline.types import Normalization

pytest_plugins = ("tests.tensorrt_fixtures",)
MakeModel = Callable[..., Path]
MakeBuild = Callable[..., Any]
ONE = OptimizationProfile((1, 8, 8), (2, 16, 16), (4, 32, 32))


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
