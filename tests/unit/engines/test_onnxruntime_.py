"""Which device ONNX Runtime runs on, and what is refused before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sightline.config import EngineOptions
from sightline.engines.onnxruntime_ import OnnxRuntimeEngine, graph_level, onnx_providers
from sightline.errors import EngineError, EngineUnavailable, ModelError
from sightline.types import Normalization

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def providers(available: list[str], **options: Any) -> list[tuple[str, dict[str, object]]]:
    return onnx_providers(EngineOptions(**options), available)


@pytest.mark.parametrize("available", [[CPU], [CUDA, CPU]])
def test_the_processor_alone_where_it_is_asked_for(available: list[str]) -> None:
    assert providers(available, device="cpu") == [(CPU, {})]


def test_cuda_comes_first_where_there_is_one() -> None:
    assert providers([CPU], device="auto") == [(CPU, {})]
    (name, options), last = providers([CUDA, CPU], device="auto")
    assert (name, options["device_id"], last) == (CUDA, 0, (CPU, {}))


@pytest.mark.parametrize(("device", "number"), [("cuda", 0), ("cuda:2", 2), ("gpu", 0)])
def test_options_of_cuda(device: str, number: int) -> None:
    found = providers(
        [CUDA, CPU], device=device, memory_limit_mb=100, arena=False, cudnn_search="heuristic"
    )
    assert found[0][1] == {
        "device_id": number,
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "gpu_mem_limit": 100 * 2**20,
    }


@pytest.mark.parametrize(
    ("device", "message"),
    [
        (
            "cuda",
            "this ONNX Runtime has no CUDA: pip uninstall onnxruntime, then pip install onnxruntime-gpu",
        ),
        ("npu", "ONNX Runtime has no device 'npu'; it has cpu, cuda"),
    ],
)
def test_a_device_that_is_not_here(device: str, message: str) -> None:
    with pytest.raises(EngineUnavailable, match=message):
        providers([CPU], device=device)


@pytest.mark.parametrize(
    ("word", "level"), [("all", 99), ("extended", 2), ("basic", 1), ("off", 0)]
)
def test_how_far_graphs_are_rewritten(word: Any, level: int) -> None:
    levels = SimpleNamespace(
        ORT_ENABLE_ALL=99, ORT_ENABLE_EXTENDED=2, ORT_ENABLE_BASIC=1, ORT_DISABLE_ALL=0
    )
    runtime = SimpleNamespace(GraphOptimizationLevel=levels)
    assert graph_level(runtime, EngineOptions(graph_optimization=word)) == level


def test_another_precision_is_refused_with_what_to_do() -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(
        EngineError, match="not in fp16: convert the model, or use backend openvino"
    ):
        OnnxRuntimeEngine(Path("m.onnx"), Normalization(), EngineOptions(precision="fp16"))


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = tmp_path / "m.onnx"
    path.write_bytes(b"text that is no model")
    with pytest.raises(ModelError, match=r"m\.onnx"):
        OnnxRuntimeEngine(path, Normalization())
