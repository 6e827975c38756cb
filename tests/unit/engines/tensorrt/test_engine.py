"""Engines of TensorRT: what is refused, what is kept, and how a batch goes through the device."""

from __future__ import annotations

import gc
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tests.cuda_stand_in import CudaError, CudaStandIn
from tests.tensorrt_stand_in import TensorRtStandIn

from sightline.config import EngineOptions
from sightline.engines.tensorrt.engine import TensorRtEngine
from sightline.engines.tensorrt.options import OptimizationProfile
from sightline.engines.tensorrt.records import built_engine
from sightline.errors import EngineError, EngineUnavailable, InferenceError, ModelError
from sightline.plan_file import with_record
from sightline.types import Floats, Normalization, Pixels

pytest_plugins = ("tests.tensorrt_fixtures",)
MakeModel = Callable[..., Path]
MakeBuild = Callable[..., Any]
Install = Callable[..., TensorRtStandIn]
PLAIN = Normalization()
ONE = EngineOptions(requests=1)
RANGE = OptimizationProfile((1, 8, 8), (2, 16, 16), (4, 32, 32))


@pytest.fixture
def engine_file(tmp_path: Path, make_build: MakeBuild, identity_model: MakeModel) -> Path:
    """An engine of an open size that answers with what it gets."""
    path = tmp_path / "net.engine"
    build = make_build(identity_model(), profile=RANGE, precision="fp32")
    command = "sightline export net.onnx net.engine --fp32"
    path.write_bytes(with_record(*built_engine(build, PLAIN, command=command)))
    return path


def run(engine: TensorRtEngine, batch: Pixels) -> list[Floats]:
    def fill(pixels: Pixels) -> None:
        pixels[:] = batch

    def copies(outputs: Sequence[Floats]) -> list[Floats]:
        return [np.array(o) for o in outputs]

    return engine.submit(batch.shape[:3], fill, copies).result(timeout=30)


def noise(*shape: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


def nchw(batch: Pixels) -> Floats:
    return batch.transpose(0, 3, 1, 2).astype(np.float32)


@pytest.fixture
def opened() -> Any:
    """Opens engines and closes them at the end."""
    engines: list[TensorRtEngine] = []

    def make(
        model: Any, normalization: Normalization = PLAIN, how: EngineOptions = ONE
    ) -> TensorRtEngine:
        engines.append(TensorRtEngine(model, normalization, how))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def test_an_engine_of_another_version_is_refused_with_the_command_that_builds_it(
    tensorrt: TensorRtStandIn, tensorrt_versions: Install, engine_file: Path
) -> None:
    tensorrt_versions("11.0.0.114", tensorrt.cuda)
    with pytest.raises(ModelError, match=rf"net\.engine was built of net\.onnx with TensorRT {tensorrt.version}, and 11\.0\.0\.114 is installed: .*`sightline export net\.onnx net\.engine --fp32`"):  # fmt: skip
        TensorRtEngine(engine_file, PLAIN, ONE)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"name": "Orin"}, id="name"),
        pytest.param({"capability": (9, 0)}, id="capability"),
    ],
)
def test_an_engine_of_another_gpu_is_refused(
    tensorrt: TensorRtStandIn, tensorrt_versions: Install, engine_file: Path, other: dict[str, Any]
) -> None:
    tensorrt_versions(tensorrt.version, CudaStandIn(**other))
    with pytest.raises(ModelError, match=r"net\.engine was built of net\.onnx for Stand-in GPU \(compute capability 8\.7\), and cuda:0 is .*: build it again here: `sightline export"):  # fmt: skip
        TensorRtEngine(engine_file, PLAIN, ONE)


def test_an_engine_that_prepares_pixels_otherwise_is_refused(
    tensorrt: TensorRtStandIn, engine_file: Path
) -> None:
    with pytest.raises(ModelError, match=r"with scale 1, .* and its card says scale 0\.0039"):
        TensorRtEngine(engine_file, Normalization(1 / 255), ONE)


def test_a_bare_plan_runs_and_of_another_device_is_refused(
    tensorrt: TensorRtStandIn, tensorrt_versions: Install, make_build: MakeBuild, identity_model: MakeModel, tmp_path: Path, opened: Any
) -> None:  # fmt: skip
    path = tmp_path / "net.plan"
    path.write_bytes(make_build(identity_model(), profile=RANGE).plan())
    engine = opened(path)
    assert engine.info.precision == "native"
    assert np.array_equal(run(engine, noise(1, 8, 8))[0], nchw(noise(1, 8, 8)))
    tensorrt_versions(tensorrt.version, CudaStandIn("Another GPU"))
    with pytest.raises(ModelError, match=r"cannot load .*net\.plan on Another GPU .*not compatible with this version.*`sightline export MODEL\.onnx"):  # fmt: skip
        opened(path)
    path.write_bytes(b"no plan")
    with pytest.raises(ModelError, match=r"net\.plan.*Magic tag does not match"):
        opened(path)


def float_plan(of: TensorRtStandIn, model: Path, profile: Any) -> bytes:
    """A plan whose input is the model's own, (N, 3, H, W) floats."""
    trt = sys.modules["tensorrt"]
    logger = type("Quiet", (trt.ILogger,), {"log": lambda self, severity, msg: None})()
    builder = trt.Builder(logger)
    network, config = builder.create_network(0), builder.create_builder_config()
    assert trt.OnnxParser(network, logger).parse(model.read_bytes())
    made = builder.create_optimization_profile()
    made.set_shape("images", *((n, 3, h, w) for n, h, w in profile.shapes))
    config.add_optimization_profile(made)
    return bytes(builder.build_serialized_network(network, config))


@pytest.mark.parametrize("dtype", [pytest.param(1, id="fp32"), pytest.param(10, id="fp16")])
def test_an_engine_of_ultralytics_is_given_normalised_floats(
    tensorrt: TensorRtStandIn, identity_model: MakeModel, tmp_path: Path, opened: Any, dtype: int
) -> None:
    words = json.dumps({"author": "Ultralytics", "task": "detect", "imgsz": [32, 32], "names": {"0": "car"}}).encode()  # fmt: skip
    path = tmp_path / "best.engine"
    plan = float_plan(tensorrt, identity_model(dtype=dtype), RANGE)
    path.write_bytes(len(words).to_bytes(4, "little", signed=True) + words + plan)
    engine = opened(path, Normalization(1 / 255, (0.5, 0.25, 0.0), (0.5, 0.5, 1.0)))
    assert engine.info.input.shape == (None, None, None, 3)
    assert engine.info.precision == {1: "fp32", 10: "fp16"}[dtype]
    pixels = noise(2, 16, 24)
    (seen,) = run(engine, pixels)
    exact = (pixels / 255 - (0.5, 0.25, 0.0)) / (0.5, 0.5, 1.0)
    assert seen.dtype == np.float32
    assert np.abs(seen - exact.transpose(0, 3, 1, 2)).max() < 2e-3


def test_shapes_beyond_the_profile_are_refused_with_the_range(
    tensorrt: TensorRtStandIn, engine_file: Path, opened: Any
) -> None:
    engine = opened(engine_file)
    for shape in ((5, 8, 8), (1, 40, 8), (1, 8, 4)):
        with pytest.raises(ModelError, match=r"it takes 1 to 4 of 8×8 to 32×32; `sightline export` .*--profile"):  # fmt: skip
            run(engine, noise(*shape))
    assert run(engine, noise(4, 32, 32))[0].shape == (4, 3, 32, 32)


def test_a_batch_is_one_launch_of_a_graph(
    tensorrt: TensorRtStandIn, engine_file: Path, opened: Any
) -> None:
    engine = opened(engine_file)
    run(engine, noise(1, 8, 8))
    before = dict(tensorrt.cuda.calls)
    for _ in range(3):
        run(engine, noise(1, 8, 8))
    calls = {name: n - before.get(name, 0) for name, n in tensorrt.cuda.calls.items()}
    assert {name: n for name, n in calls.items() if n} == {
        "cudaGraphLaunch": 3, "cudaStreamSynchronize": 3,
    }  # fmt: skip


@pytest.mark.parametrize("step", ["capture", "cudaGraphInstantiate", "cudaStreamEndCapture"])
def test_what_cannot_be_captured_runs_without_a_graph(
    tensorrt: TensorRtStandIn, engine_file: Path, opened: Any, caplog: pytest.LogCaptureFixture, step: str
) -> None:  # fmt: skip
    if step == "capture":
        tensorrt.fails_to = {step}
    else:
        tensorrt.cuda.fails[step] = CudaError["cudaErrorStreamCaptureUnsupported"]
    engine = opened(engine_file)
    with caplog.at_level(logging.WARNING):
        for seed in range(2):
            pixels = noise(1, 8, 8) + np.uint8(seed)
            assert np.array_equal(run(engine, pixels)[0], nchw(pixels))
    assert caplog.text.count("runs without a CUDA graph") == 1
    assert tensorrt.cuda.calls["cudaGraphLaunch"] == 0


def test_an_inference_that_fails_says_what_tensorrt_logged(
    tensorrt: TensorRtStandIn, engine_file: Path, opened: Any
) -> None:
    engine = opened(engine_file)
    tensorrt.fails_to = {"execute"}
    with pytest.raises(InferenceError, match=r"TensorRT failed: .*illegal memory access"):
        run(engine, noise(1, 8, 8))
    tensorrt.fails_to = set()
    assert np.array_equal(run(engine, noise(1, 8, 8))[0], nchw(noise(1, 8, 8)))


@pytest.mark.parametrize("name", ["cudaMalloc", "cudaMallocHost", "cudaStreamCreateWithFlags"])
def test_a_failure_of_cuda_is_named(
    tensorrt: TensorRtStandIn, engine_file: Path, opened: Any, name: str
) -> None:
    engine = opened(engine_file)
    tensorrt.cuda.fails[name] = CudaError["cudaErrorMemoryAllocation"]
    with pytest.raises(InferenceError, match=rf"{name}: stand-in: cudaErrorMemoryAllocation"):
        run(engine, noise(1, 8, 8))


def test_all_memory_goes_back(tensorrt: TensorRtStandIn, engine_file: Path) -> None:
    engine = TensorRtEngine(engine_file, PLAIN, EngineOptions(requests=2))
    for n in (1, 2, 3):
        run(engine, noise(n, 8, 8))
    cuda = tensorrt.cuda
    assert cuda.memory
    assert cuda.pinned
    engine.close()
    gc.collect()
    assert (cuda.memory, cuda.pinned, cuda.streams) == ({}, {}, {})


def test_an_output_whose_length_depends_on_the_picture_is_refused(
    tensorrt: TensorRtStandIn, engine_file: Path, opened: Any
) -> None:
    tensorrt.unknown_lengths = {"seen"}
    with pytest.raises(ModelError, match=r"output seen depends on what is in the picture.*without NMS"):  # fmt: skip
        run(opened(engine_file), noise(1, 8, 8))


def test_an_onnx_model_is_built_once_and_kept(
    tensorrt: TensorRtStandIn, tensorrt_versions: Install, identity_model: MakeModel, tmp_path: Path, opened: Any, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    model, how = identity_model(), EngineOptions(requests=1, cache_dir=tmp_path / "kept")
    for _ in range(2):
        assert opened(model, how=how).info.precision == "fp16"
    assert len(tensorrt.built) == 1
    opened(model, Normalization(1 / 255), how)
    opened(model, how=how.model_copy(update={"precision": "fp32"}))
    assert len(tensorrt.built) == 3
    assert len(list((tmp_path / "kept").glob("identity.onnx*"))) == 0
    assert len(list((tmp_path / "kept").glob("identity-*.engine"))) == 3
    newer = tensorrt_versions("11.9.0", tensorrt.cuda)
    opened(model, how=how)
    assert len(newer.built) == 1
    with caplog.at_level(logging.WARNING):
        opened(model.read_bytes())
    assert "engine.cache_dir keeps it" in caplog.text


@pytest.mark.parametrize(
    "content", [b"garbage", b"\2\0\0\0{", None], ids=["bare", "cut off", "another"]
)
def test_what_is_kept_and_is_not_the_engine_is_built_anew(
    tensorrt: TensorRtStandIn, identity_model: MakeModel, tmp_path: Path, opened: Any, content: bytes | None
) -> None:  # fmt: skip
    model, how = identity_model(), EngineOptions(requests=1, cache_dir=tmp_path / "kept")
    opened(model, Normalization(1 / 255), how)
    (other,) = (tmp_path / "kept").glob("*.engine")
    opened(model, how=how)
    (kept,) = set((tmp_path / "kept").glob("*.engine")) - {other}
    kept.write_bytes(other.read_bytes() if content is None else content)
    engine = opened(model, how=how)
    assert len(tensorrt.built) == 3
    assert np.array_equal(run(engine, noise(1, 32, 32))[0], nchw(noise(1, 32, 32)))


def test_precisions_that_tensorrt_does_not_build_are_named(
    tensorrt: TensorRtStandIn, identity_model: MakeModel
) -> None:
    with pytest.raises(EngineError, match="auto, fp16, fp32 here, not bf16"):
        TensorRtEngine(identity_model(), PLAIN, EngineOptions(precision="bf16"))


def test_what_is_missing_is_named_with_the_extra(
    tensorrt: TensorRtStandIn, engine_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = r"pip install 'sightline\[tensorrt\]'"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "cuda.bindings", None)
        with pytest.raises(EngineUnavailable, match=f"cuda-bindings is not installed: {extra}"):
            TensorRtEngine(engine_file, PLAIN)
    with monkeypatch.context() as patch:
        old = ModuleType("tensorrt")
        old.__version__ = "8.6.1"  # type: ignore[attr-defined]
        patch.setitem(sys.modules, "tensorrt", old)
        with pytest.raises(
            EngineUnavailable, match=r"8\.6\.1 is installed, and 10 or 11 is needed"
        ):
            TensorRtEngine(engine_file, PLAIN)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(EngineUnavailable, match=f"TensorRT is not installed: {extra}"):
        TensorRtEngine(engine_file, PLAIN)


@pytest.mark.parametrize("device", ["cuda:1", "tpu", "cpu"])
def test_an_unknown_device_names_those_that_are_here(
    tensorrt: TensorRtStandIn, engine_file: Path, device: str
) -> None:
    with pytest.raises(EngineUnavailable, match=rf"no device '{device}' here; it has cuda:0"):
        TensorRtEngine(engine_file, PLAIN, EngineOptions(device=device))


def test_a_computer_without_a_driver_says_so(tensorrt: TensorRtStandIn, engine_file: Path) -> None:
    tensorrt.cuda.fails["cudaGetDeviceCount"] = CudaError["cudaErrorNoDevice"]
    with pytest.raises(EngineUnavailable, match=r"TensorRT needs a CUDA device: stand-in: cudaErrorNoDevice"):  # fmt: skip
        TensorRtEngine(engine_file, PLAIN)


def test_a_device_on_which_tensorrt_cannot_start_is_named(
    tensorrt: TensorRtStandIn, engine_file: Path, identity_model: MakeModel
) -> None:
    tensorrt.fails_to = {"start"}
    for model in (engine_file, identity_model()):
        with pytest.raises(EngineUnavailable, match=r"TensorRT 1[01]\.[\d.]+ cannot start on this device: CUDA initialization failure"):  # fmt: skip
            TensorRtEngine(model, PLAIN, ONE)
